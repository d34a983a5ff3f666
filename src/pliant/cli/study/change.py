"""What ``pliant study`` changes: a study goes on, gets decisions to try, is brought up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pliant.study import Study, StudyInfo
from pliant.study.store.location import Location, to_location
from pliant.study.store.store import open_store
from pliant.values.errors import StudyError

from ..algorithm import make_algorithm
from .algorithm import read_algorithm


def resume(console: Console, place: Location, target: str, options: dict[str, Any]) -> None:
    """Goes on with a study by its own algorithm, with the functions of a user's file.

    Raises:
      StudyError: there is none, or its algorithm cannot be made from what is recorded of it.
      SpaceChangedError: the file defines another space.
      UsageError: it has more trials already.
    """
    from ..contest import Contest
    from ..options import make_pool
    from ..target import load_target

    with Study.open(place) as study:
        info = study.info()
    trials = options["trials"]
    if trials is not None and trials < info.proposed:
        raise click.UsageError(
            f"{str(info.path)!r} has {info.proposed} trials already, and --trials is how many it has in all: --trials "
            f"{info.proposed + trials} runs {trials} more."
        )
    typed = options.pop("algorithm")
    make = read_algorithm if typed is None else make_algorithm
    algorithm = info.algorithm if typed is None else typed
    make(algorithm)  # before the user's file is loaded, which may take long
    Contest(
        load_target(target),
        options.pop("space"),
        place,
        algorithm=algorithm,
        make=make,
        seed=None,
        maximize=info.maximize,
        baseline=False,
        restart=False,
        pool=make_pool(options),
        goes_on=True,
        **options,
    ).run(console)


def read_decisions(text: str) -> Any:
    """Returns decisions as they were typed: JSON, or, after an ``@``, the name of a file with such; ``-`` reads what is piped.

    Raises:
      StudyError: it is no JSON, or there is no such file.
    """
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text("utf-8")
        return json.loads(text)
    except OSError as error:
        raise StudyError(f"{text[1:]!r} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise StudyError(
            f'{text!r:.80} is no JSON: {error}. Decisions are an object by path, such as \'{{"x": 3, "op": "1/2 (pool)"}}\', or '
            "the list of them all; in a shell within single quotes."
        ) from error


def say_room(info: StudyInfo) -> str:
    """Returns a line where a study may not have as many trials as would try its whole queue; else nothing."""
    wanted = info.proposed + info.queued
    if info.budget is None or wanted <= info.budget:
        return ""
    command = f"`pliant study resume {info.path} FILE --trials {wanted}`"
    if info.proposed >= info.budget:
        return f"\nThe study has all of its {info.budget} trials, and tries nothing more until it may have more: {command}."
    return f"\nThe study has {info.proposed} of its {info.budget} trials, which is no room for all of them: {command} makes it."


def upgrade(place: Location) -> None:
    """Brings a study to the present version of the format.

    Raises:
      StudyError: there is none, or another process writes it.
    """
    open_store(place, writes=True).close()


def open_place(text: str) -> Study:
    """Opens what was typed, for reading.

    Raises:
      StudyError: it is no study.
    """
    return Study.open(to_location(text))
