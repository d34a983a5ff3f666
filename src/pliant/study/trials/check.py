"""Checks the arguments of a study (space, algorithm, rewards, settings), and makes its errors about trials."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pliant.algorithms import Algorithm
from pliant.algorithms.base import check_seed
from pliant.algorithms.description import Description, describe, differences, to_text
from pliant.algorithms.options import check_count
from pliant.space import Space, diff
from pliant.values.errors import (
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    SpaceChangedError,
    StaleError,
    StudyChangedError,
    StudyError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.numbers import to_real, to_whole

from .trial import FAILURES, Cause, Trial

MAX_TRIALS = (1 << 31) - 1  # the largest integer of a column
MAX_NAME = 255  # characters of the name of a study, which is that of its file by default


def check_arguments(space: object, algorithm: Any, trials: object) -> int | None:
    """Checks the types of the main arguments of a study; each may be None.  Returns the number of trials.

    Raises:
      FieldTypeError: the space is not a Space, or the algorithm not an Algorithm.
      FieldValueError: the number of trials is not a positive integer.
    """
    if space is not None and not isinstance(space, Space):
        raise FieldTypeError(
            f"a study takes a Space; got {quote_typed(space)}. "
            "For a program with holes, pass `pg.abstract_search_space(program)`."
        )
    if algorithm is not None and not isinstance(algorithm, Algorithm):
        hint = f" Write `{algorithm.__name__}(...)`." if callable(algorithm) else ""
        raise FieldTypeError(
            f"a study takes an algorithm, such as `Random()`; got {quote_typed(algorithm)}.{hint}"
        )
    count = to_whole(trials)
    if trials is not None and (count is None or not 1 <= count <= MAX_TRIALS):
        raise FieldValueError(
            f"trials=... is an integer from 1 to {MAX_TRIALS}, or None for no limit; got {quote(trials)}."
        )
    return count


def check_attempts(attempts: object, owner: str) -> int | None:
    """Returns the largest number of attempts of a trial, or None for no limit; ``owner`` has the argument."""
    return None if attempts is None else check_count(attempts, "attempts", owner)


def check_lease(seconds: object) -> float:
    """Returns how long the worker of a trial may be silent; raises FieldValueError for what is not a number above 0."""
    number = to_real(seconds)
    if number is None or not 0 < number < math.inf:
        raise FieldValueError(
            f"lease is a number of seconds above 0, or None for no limit; got {quote(seconds)}."
        )
    return number


def to_id(trial_id: Any) -> Any:
    """Returns the id of a trial as an int; anything else stays as it is, and is refused where it is looked up."""
    number = to_whole(trial_id)
    return trial_id if number is None else number


def check_space(path: Path | str, recorded: Space, given: Space | None) -> None:
    """Raises SpaceChangedError if the given space differs from the recorded one."""
    if given is not None and given != recorded:
        lines = "\n".join(f"  {line}" for line in diff(recorded, given))
        raise SpaceChangedError(
            f"the study {str(path)!r} searches another space than the one given. Differences from the space of the study to "
            f"the given one:\n{lines}\n"
            "Its trials do not apply to the given space: undo the change, or make another study at another path. To map them into the "
            "given space and go on there, open the study with its own space and algorithm, and call study.change_space(new_space)."
        )


def check_algorithm(path: str, recorded: Description, algorithm: Algorithm) -> None:
    """Raises StudyChangedError if an algorithm differs from the recorded one."""
    given = describe(algorithm)
    if found := differences(recorded, given):
        raise StudyChangedError(
            f"the study {path!r} is searched by another algorithm: {'; '.join(found)}.\n"
            f"  in the study: {to_text(recorded)}\n"
            f"  given:        {to_text(given)}\n"
            "Give the one in the study, or make another study at another path."
        )


def check_reason(trial_id: int, reason: object) -> str:
    """Returns why a trial failed, as text that any database can store.

    Raises:
      FieldTypeError: it is not a text.
    """
    if not isinstance(reason, str):
        raise FieldTypeError(f"the reason why trial {trial_id} failed is text; got {quote_typed(reason)}.")
    return to_plain(reason)


def check_cause(cause: object) -> Cause:
    """Returns the cause of a failed trial.

    Raises:
      FieldValueError: it is not one of ``FAILURES``.
    """
    for known in FAILURES:
        if cause == known:
            return known
    raise FieldValueError(
        f"the cause of a failed trial is one of {listing(FAILURES)}; got {quote(cause)}{suggest(cause, FAILURES) or '.'}"
    )


def check_direction(path: Path | str, *, theirs: bool, ours: bool) -> None:
    """Raises StudyError if another study optimizes in the opposite direction."""
    if theirs != ours:
        raise StudyError(
            f"{str(path)!r} has maximize={theirs}, and this study maximize={ours}: "
            "the studies optimize in opposite directions."
        )


def check_settings(
    path: Path | str, recorded: dict[str, Any], given: dict[str, Any], *, seed: int | None
) -> None:
    """Raises StudyChangedError if a study has another direction, other constraints or another seed than given."""
    for name, value in given.items():
        if recorded[name] != value:
            raise StudyChangedError(
                f"the study {str(path)!r} was made with {name}={recorded[name]}, and is opened with "
                f"{name}={value}. Open it as it was made, or make another at another path."
            )
    if seed is not None and recorded["seed"] != str(check_seed(seed)):
        raise StudyChangedError(
            f"the study {str(path)!r} was made with seed={recorded['seed']}, and is opened with "
            f"seed={seed}. Open it with that seed, or make another study at another path."
        )


def no_such_trial(study: str, trial_id: object, count: int) -> FeedbackError:
    """Returns the error for an unknown trial of a study of ``count`` trials."""
    known = f"its trials are 1 to {count}" if count else "it has no trials yet"
    return FeedbackError(
        f"the study {study!r} has no trial {quote(trial_id)}; {known}. "
        "Pass the `id` of a trial that `ask` returned."
    )


def ended_before(trial: Trial) -> FeedbackError:
    """Returns the error for a report of a trial that has ended."""
    return FeedbackError(
        f"trial {trial.id} has ended ({trial.status}), so it cannot report. Report before `tell` or `fail`."
    )


def check_token(trial: Trial, token: object) -> None:
    """Checks that a result is of the present attempt of a trial; None is not checked.

    Raises:
      StaleError: it is of an old attempt.
      FeedbackError: the trial has no such attempt.
    """
    number = to_whole(token)
    if token is None or number == trial.attempts:
        return
    if number is None or not 1 <= number < trial.attempts:
        raise FeedbackError(
            f"trial {trial.id} has no attempt {quote(token)}: its present attempt is {trial.attempts}. Pass `trial.token` as "
            "`ask` returned it."
        )
    raise StaleError(
        f"attempt {number} of trial {trial.id} was given up, and the trial was handed out again as attempt {trial.attempts}"
        f"{f' to {trial.worker}' if trial.worker else ''}: its result is refused, and nothing was changed. A slow worker "
        "keeps its trial by `renew(id, token=...)` now and then, or by a longer lease.",
        trial.id,
    )


def told_twice(first: Trial, second: Trial) -> FeedbackError:
    """Returns the error for a trial that ended as ``first``, and then gets another result, ``second``."""

    def say(trial: Trial) -> str:
        if trial.rewards is not None:
            return f"rewards {trial.rewards}"
        return f"failed ({trial.reason:.200})" if trial.reward is None else f"reward {trial.reward}"

    return FeedbackError(
        f"trial {first.id} was told twice: {say(first)} at {first.ended}, and now {say(second)}. "
        "The first result stays. Tell each trial once; to try the same decisions again, enqueue them."
    )


def check_text(text: object, what: str) -> str:
    """Returns text for readers of a study as any database can store it; ``what`` says what it is.

    Raises:
      FieldTypeError: it is not a text.
    """
    if not isinstance(text, str):
        raise FieldTypeError(f"{what} is text; got {quote_typed(text)}.")
    return to_plain(text)


def check_worker(name: object) -> str | None:
    """Returns the name of a worker; it may be None.  Raises FieldTypeError if it is not a text."""
    return None if name is None else check_text(name, "the name of a worker")


def check_name(name: object) -> str:
    """Returns the name of a study.

    Raises:
      FieldTypeError: it is not a text.
      FieldValueError: it is longer than the name of a file can be.
    """
    text = check_text(name, "the name of a study")
    if len(text) > MAX_NAME:
        raise FieldValueError(
            f"the name of a study has at most {MAX_NAME} characters; got {quote(text)} of {len(text)}. Shorten it."
        )
    return text


def to_plain(text: str) -> str:
    r"""Returns text that any database can store; logs may contain other characters.

    >>> to_plain("a\0b") == "a\ufffdb"
    True
    """
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
