"""Prints studies and trials: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import click
from rich import box
from rich.table import Table

from pliant.study import Study, Trial
from pliant.study.export import to_csv, trial_to_json, write_csv, write_json
from pliant.study.places import Entry
from pliant.tune.text import say, say_decisions, say_statuses
from pliant.values.exceptions import one_line
from pliant.values.text import rows_to_csv, to_printable

from ..console import make_console, print_line, to_text
from ..report import print_table

_PIECE = 1 << 16  # characters that are printed at once
_LISTED = ("name", "state", "trials", "failed", "best", "algorithm", "path")


def print_studies(entries: Sequence[Entry], form: str, where: str = ".") -> None:
    """Prints one line per study; where there is none, in which folder or database that is."""
    if form == "json":
        _print_json([{**entry.data, **({"fault": entry.fault} if entry.fault else {})} for entry in entries])
        return
    if form == "csv":
        names = [*dict.fromkeys(name for entry in entries for name in entry.data), "fault"]
        click.echo(
            rows_to_csv(
                names or _LISTED,
                [[_cell({**e.data, "fault": e.fault}.get(name)) for name in names] for e in entries],
            ),
            nl=False,
        )
        return
    if not entries:
        print_line(
            make_console(), f"No studies in {'the database' if '://' in where else f'the folder {where!r}'}."
        )
        return
    table = _table("state", "trials", "failed", "best", "algorithm", first="study")
    for entry in entries:
        if entry.fault is not None:
            table.add_row(
                to_text(entry.label), "unreadable", "", "", "", to_text(entry.fault.splitlines()[0])
            )
            continue
        data = entry.data
        count = str(data["trials"]) if data["budget"] is None else f"{data['trials']}/{data['budget']}"
        table.add_row(
            to_text(entry.label),
            data["state"],
            count,
            str(data["failed"]),
            _say_best(data["best"]),
            to_text(data["algorithm"]),
        )
    print_table(make_console(), table)


def print_study(data: dict[str, Any], journal: Sequence[tuple[str, int | None, str]], form: str) -> None:
    """Prints the state of one study, and the last lines of its journal."""
    lines = [{"time": time, "trial": trial, "text": text} for time, trial, text in journal]
    if form == "json":
        _print_json({**data, "journal": lines})
        return
    if form == "csv":
        click.echo(rows_to_csv(list(data), [[_cell(value) for value in data.values()]]), nl=False)
        return
    console = make_console()
    for name, value in data.items():
        if value is not None and value != []:
            print_line(console, f"{name + ':':12} {to_printable(_cell(value))}")
    if lines:
        print_line(console, "journal:")
    for time, trial, text in journal:
        about = "" if trial is None else f"trial {trial}: "
        print_line(console, to_printable(f"  {time[:19].replace('T', ' ')} {about}{one_line(text)}"))


def print_trials(study: Study, trials: Sequence[Trial], form: str, wanted: str = "") -> None:
    """Prints trials, with columns for causes and copies where there are any; without any, which ones the study has.

    ``wanted`` says which trials these are, such as ``with the status 'failed'``; nothing for all.
    """
    if form == "json":
        _print_json([trial_to_json(trial) for trial in trials])
        return
    if form == "csv":
        click.echo(to_csv(study, trials), nl=False)
        return
    if not trials:
        found = say_statuses(study.counts())
        print_line(make_console(), f"No trials{wanted and f' {wanted}'}{found and f' among {found}'}.")
        return
    count = max(len(trial.rewards or ()) for trial in trials)
    rewards = [f"reward {i}" for i in range(1, count + 1)] or ["reward"]
    extra = [
        name for name in ("cause", "copied_from") if any(getattr(one, name) is not None for one in trials)
    ]
    table = _table("status", *map(_to_title, extra), *rewards, "seconds", "program", first="trial")
    for trial in trials:
        told = [trial.reward] if not count else list(trial.rewards or [None] * count)
        program = say_decisions(trial.decisions)
        about = program if trial.reason is None else f"{program}: {one_line(trial.reason)}"
        seconds = "-" if trial.seconds is None else f"{trial.seconds:.1f}"
        more = [str(getattr(trial, name) or "") for name in extra]
        table.add_row(
            str(trial.id), trial.status, *more, *map(say, told), seconds, to_text(" ".join(about.split()))
        )
    print_table(make_console(), table)


def print_table_of(study: Study, form: str, *, reports: bool = False, output: Path | None = None) -> None:
    """Prints all trials as CSV or JSON, or writes them into a file, once they are complete in a temporary one."""
    with TemporaryFile("w+", encoding="utf-8", newline="") as whole:
        if form == "csv":
            write_csv(study, whole, reports=reports)
        else:
            write_json(study, whole)
            whole.write("\n")
        whole.seek(0)
        if output is None:
            while text := whole.read(_PIECE):
                click.echo(text, nl=False)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                shutil.copyfileobj(whole, file)
        except OSError as error:
            raise click.ClickException(f"{str(output)!r} cannot be written: {error.strerror}.") from error


def _to_title(name: str) -> str:
    return name.replace("_", " ")


def _print_json(data: object) -> None:
    click.echo(json.dumps(data, indent=1))


def _table(*names: str, first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, overflow="fold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _say_best(best: Any) -> str:
    return f"({', '.join(map(say, best))})" if isinstance(best, list) else say(best)


def _cell(value: object) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
