"""``pliant study change-space``: gives a study another space, or tries that with a copy."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from pliant.space import Space, diff
from pliant.study import Study
from pliant.tune import sample
from pliant.tune.text import say_count
from pliant.values.text import to_printable

from ..contest import make_algorithm
from ..opening import open_space
from ..target import TargetError, load_target
from .change import rebuild_algorithm

SHOWN = 10  # trials that do not fit, of which the numbers are shown


def change(place: str, *, target: str, change: str | None, dry_run: bool, algorithm: str | None) -> None:
    """Changes the space of a study, and prints what became of its trials.

    Raises:
      TargetError: a file lacks what was named.
      StudyError: trials are being evaluated, another process writes the study, or its algorithm cannot be made.
    """
    new = sample(open_space(load_target(target).make_space()).program, "random").space
    mapped = None if change is None else find_map(change)
    with Study.open(place) as study:
        if not dry_run:
            run(study, new, mapped, algorithm=algorithm, place=place)
            return
        with tempfile.TemporaryDirectory(prefix="pliant-") as folder:
            copy = Path(folder, "copy.db")
            study.backup(copy)
            run(study, new, mapped, algorithm=algorithm, place=copy)
    click.echo("This was a dry run: the study was not changed.")


def run(study: Study, new: Space, change: Any, *, algorithm: str | None, place: Path | str) -> None:
    """Changes the space of the study at a place, which is ``study`` or its copy, and prints what was done."""
    info, old = study.info(), study.space
    made = rebuild_algorithm(info) if algorithm is None else make_algorithm(algorithm)
    for line in diff(old, new):
        click.echo(to_printable(f"  {line}"))
    with Study.open(place, old, made) as opened:
        done = opened.change_space(
            new, change, algorithm=None if algorithm is None else make_algorithm(algorithm)
        )
        left = [trial.id for trial in opened.trials() if trial.decisions.space != opened.space]
    click.echo(
        f"{say_count(done.mapped, 'trial')} mapped; {done.history} kept as history{_list(left)}; {done.dropped} dropped from the queue."
    )


def find_map(text: str) -> Any:
    """Returns the function or dict that ``FILE:NAME`` names; raises TargetError if there is none."""
    loaded = load_target(text)
    found = getattr(loaded.module, loaded.space_name, None)
    if not (callable(found) or isinstance(found, dict)):
        raise TargetError(
            f"{loaded.label} has no function or dict {loaded.space_name!r}. Write --map FILE:NAME, where NAME is a function of the recorded "
            "decisions, by name, that returns those of the new space, or a dict of new names by old ones."
        )
    return found


def _list(numbers: list[int]) -> str:
    if not numbers:
        return ""
    more = ", ..." if len(numbers) > SHOWN else ""
    return f" (number {', '.join(map(str, numbers[:SHOWN]))}{more})"
