"""``pliant study artifacts``: lists, copies and checks the files that the trials of a study saved."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import click
from rich import box
from rich.table import Table

from pliant.study import Study
from pliant.study.artifacts import Artifacts
from pliant.study.trials.artifact import Artifact
from pliant.values.text import rows_to_csv, to_printable

from ..console import make_console, print_line, to_text
from ..report import print_table

_COLUMNS = ("trial", "name", "size", "sha256", "attempt", "saved")


def run(
    place: str, *, trial: int | None, best: bool, copy_to: Path | None, check: bool, at: str | None, form: str
) -> None:
    """Does what the options of the command say; raises StudyError where the artifacts cannot be read."""
    with Study.open(place) as study:
        artifacts = Artifacts(at) if at is not None else study.artifacts
        if best:
            chosen = [one.id for one in study.front()[:1]]
        elif trial is not None:
            chosen = [study.trial(trial).id]
        else:
            chosen = artifacts.trials()
        found = [
            one for number in chosen for one in artifacts.of(number, study.trial(number).attempts).values()
        ]
    if check:
        faults = artifacts.check()
        if faults:
            raise click.ClickException(
                "\n".join(map(to_printable, [f"{artifacts.place} is damaged:", *faults]))
            )
        click.echo(to_printable(f"{artifacts.place}: sound, {len(found)} artifacts"))
    elif copy_to is not None:
        copy(artifacts, found, copy_to, by_trial=len(chosen) > 1)
        click.echo(to_printable(f"{copy_to}: {len(found)} files"))
    else:
        show(found, form, artifacts.place)


def copy(artifacts: Artifacts, found: list[Artifact], folder: Path, *, by_trial: bool) -> None:
    """Copies artifacts below a folder under their names; raises ClickException where one exists, or cannot be written."""
    for one in found:
        target = (folder / str(one.trial) if by_trial else folder) / one.name  # the name was checked
        if not target.parent.resolve().is_relative_to(folder.resolve()):
            raise click.ClickException(
                f"{str(target)!r} leads out of {str(folder)!r} by a link; nothing is written there."
            )
        source = artifacts.path(one)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as read, target.open("xb") as write:
                shutil.copyfileobj(read, write)
        except FileExistsError:
            raise click.ClickException(
                f"{str(target)!r} exists, and is not overwritten. Give another folder by --copy-to."
            ) from None
        except OSError as error:
            raise click.ClickException(f"{str(target)!r} cannot be written: {error.strerror}.") from error


def show(found: list[Artifact], form: str, place: str) -> None:
    """Prints a list of artifacts."""
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in found], indent=1))
        return
    if form == "csv":
        click.echo(
            rows_to_csv(_COLUMNS, [[getattr(one, name) for name in _COLUMNS] for one in found]), nl=False
        )
        return
    console = make_console()
    if not found:
        print_line(
            console, to_printable(f"No artifacts in {place}. Trials save them by feedback.save(name, path).")
        )
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("trial", "name", "bytes", "sha256", "saved"):
        table.add_column(name, overflow="fold", justify="right" if name == "bytes" else "left")
    for one in found:
        table.add_row(
            str(one.trial),
            to_text(one.name),
            f"{one.size:,}",
            one.sha256[:12],
            one.saved[:19].replace("T", " "),
        )
    print_table(console, table)
