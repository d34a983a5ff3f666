"""Commands of ``pliant study`` that change a study: pause, resume, enqueue, upgrade."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pliant.study import Study, StudyInfo
from pliant.study.pause import resume_search
from pliant.study.store.location import Location
from pliant.values.errors import LoadError, StudyError, quote
from pliant.values.lines import read_json

from ..console import print_line


def end_pause(place: Location) -> None:
    """Ends the pause of a study; raises StudyError where it is not paused."""
    with Study.open(place) as study:
        resume_search(study)


def resume(console: Console, place: Location, target: str, options: dict[str, Any]) -> None:
    """Continues a study with its recorded algorithm and the functions of a user's file.

    Raises:
      StudyError: there is none, or its algorithm cannot be made from the record.
      SpaceChangedError: the file defines another space.
      UsageError: it has more trials already.
    """
    from ..contest import Contest, make_algorithm
    from ..options import make_pool
    from ..target import load_target

    with Study.open(place) as study:
        info, known = study.info(), study.options
    given = {name: options.pop(name) for name in ("stop", "keep")}
    trials = options["trials"]
    if trials is not None and trials < info.proposed:
        raise click.UsageError(
            f"{str(info.path)!r} already has {info.proposed} trials, and --trials is the number of all its trials: --trials "
            f"{info.proposed + trials} runs {trials} more."
        )
    typed = options.pop("algorithm")
    make = make_algorithm if typed is not None else lambda _: rebuild_algorithm(info)
    algorithm = info.algorithm if typed is None else typed
    make(algorithm)  # before the user's file is loaded, which may take long
    loaded = load_target(target)
    contest = Contest(
        loaded,
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
        **choose_options(console, place, known, given),
        **options,
    )
    if info.paused is not None:
        end_pause(place)
    contest.run(console)


def choose_options(
    console: Console, place: Location, known: dict[str, str], given: dict[str, str | None]
) -> dict[str, Any]:
    """Returns ``stop`` and ``keep``: what was typed, else what the study has of its last run; says which that is.

    Raises:
      FieldValueError: one of them cannot be read.
    """
    from pliant.study.artifacts.keep import keep_to_text, read_keep
    from pliant.tune.recorded import change_options
    from pliant.tune.stopping import rule_to_text, to_rule

    found: dict[str, Any] = {}
    for name, typed in given.items():
        text = known.get(name) if typed is None else None if typed == "none" else typed
        value: Any = None
        if text is not None:
            value = to_rule(text) if name == "stop" else read_keep(text)
            text = rule_to_text(value) if name == "stop" else keep_to_text(value)
        found[name] = value
        if typed is None and text is not None:
            print_line(console, f"--{name} {text}, as before")
        elif typed is not None and known.get(name) not in (None, text):
            print_line(console, f"--{name} {text or 'none'}; before: {known[name]}")
    dropped: dict[str, str | None] = {name: None for name in found if given[name] == "none"}
    with Study.open(place) as study:
        change_options(study, dropped)
    return found


def rebuild_algorithm(info: StudyInfo) -> Any:
    """Returns a new algorithm from the record of a study; raises StudyError if it has parts that are not of Pliant."""
    from pliant.algorithms.description import rebuild

    try:
        return rebuild(dict(info.description))
    except LoadError as error:
        raise StudyError(
            f"{error}. Name the algorithm that the study was made with by --algorithm; or continue the study in the program "
            "that made it, by pg.sample or pg.search with study=..."
        ) from error


def read_decisions(text: str) -> Any:
    """Returns decisions from JSON, ``@FILE`` or ``-`` (standard input); raises StudyError if that is not JSON or missing."""
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text("utf-8")
        return read_json(text)
    except OSError as error:
        raise StudyError(f"{text[1:]!r} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise StudyError(
            f'{quote(text)} is not JSON: {error}. Decisions are an object by path, such as \'{{"x": 3, "op": "1/2 (pool)"}}\', or '
            "a list of all of them; use single quotes in a shell."
        ) from error


def say_room(info: StudyInfo) -> str:
    """Returns a line if the budget of a study is too small for its whole queue; else nothing."""
    wanted = info.proposed + info.queued
    if info.budget is None or wanted <= info.budget:
        return ""
    command = f"`pliant study resume {info.path} FILE --trials {wanted}`"
    if info.proposed >= info.budget:
        return f"\nThe study has all of its {info.budget} trials; to try the queue, give it more: {command}."
    return f"\nThe study has {info.proposed} of its {info.budget} trials, too few for the whole queue; give it more: {command}."
