"""What a study is given, checked: paths, spaces, algorithms, rewards.  Knows no database."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from pliant.algorithms import Algorithm
from pliant.algorithms.base import check_seed, check_size
from pliant.space import Space, diff
from pliant.values.errors import (
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    RewardError,
    SpaceChangedError,
    StudyError,
    suggest,
)

from .trial import COMPLETED, Trial


def to_file(path: str | os.PathLike[str]) -> Path:
    """Returns the path of a study's file, which may not exist yet.

    Raises:
      FieldTypeError: it is no path.
      StudyError: it is a folder, or the address of something else.
    """
    given: Any = path
    text = os.fspath(path) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise FieldTypeError(
            f"a study is named by the path of its file, such as 'studies/digits.db'; got {path!r:.80} of type "
            f"{type(path).__name__}. How many trials it has is `trials=...`, and its seed `seed=...`."
        )
    if "://" in text or text in ("", ":memory:"):
        raise StudyError(
            f"a study is kept in a file; {text!r} names none. Give a path, such as 'studies/digits.db'; "
            "for a search that leaves no file, use pg.sample without a study."
        )
    file = Path(text)
    if file.is_dir():
        raise StudyError(f"{text!r} is a folder; name a file in it, such as {str(file / 'study.db')!r}.")
    return file


def check_exists(file: Path) -> None:
    """Raises StudyError where there is no file, or an empty one."""
    if not file.exists():
        near = suggest(file.name, _names_in(file.parent))
        raise StudyError(
            f"there is no study at {str(file)!r}{near}. Make one with "
            "Study.create(path, space, algorithm), or use Study.open_or_create."
        )
    if file.stat().st_size == 0:
        raise StudyError(
            f"{str(file)!r} is an empty file, not a study: it was cut off, or its making was interrupted. "
            "Study.create and Study.open_or_create make a study of it."
        )


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(
            entry.name for entry in folder.iterdir() if not entry.name.endswith(("-wal", "-shm", "-lock"))
        )
    except OSError:
        return []


def check_arguments(space: Any, algorithm: Any, trials: Any) -> None:
    """Raises an error unless each is of its kind, or None.

    Raises:
      FieldTypeError: the space is no Space, or the algorithm no Algorithm.
      FieldValueError: the number of trials is not one.
    """
    if space is not None and not isinstance(space, Space):
        raise FieldTypeError(
            f"a study takes a Space; got {space!r:.80} of type {type(space).__name__}. "
            "Of a program with holes, pass `pg.abstract_search_space(program)`."
        )
    if algorithm is not None and not isinstance(algorithm, Algorithm):
        hint = f" Write `{algorithm.__name__}(...)`." if callable(algorithm) else ""
        raise FieldTypeError(
            f"a study takes an algorithm, such as `Random()`; got {algorithm!r:.80} of type "
            f"{type(algorithm).__name__}.{hint}"
        )
    if trials is not None and (trials.__class__ is not int or trials < 1):
        raise FieldValueError(
            f"trials=... is an integer of at least 1, or None for no limit; got {trials!r:.80}."
        )


def check_space(file: Path, recorded: Space, given: Space | None) -> None:
    """Raises SpaceChangedError where a space is given that is not the recorded one."""
    if given is not None and given != recorded:
        lines = "\n".join(f"  {line}" for line in diff(recorded, given))
        raise SpaceChangedError(
            f"the study {str(file)!r} searches another space than the one given. From the study's to the "
            f"one given:\n{lines}\n"
            "Its trials mean nothing in the other space: undo the change, or make another study at another path."
        )


def check_rewards(trial_id: int, reward: Any) -> float | tuple[float, ...]:
    """Returns a reward of any library as a float, or as a tuple of them where there are several objectives.

    >>> check_rewards(1, 2), check_rewards(1, [2, 0.5])
    (2.0, (2.0, 0.5))

    Raises:
      RewardError: it is no finite number, nor a tuple of them.
    """
    if isinstance(reward, (tuple, list)) and reward:
        return tuple([check_reward(trial_id, one) for one in reward])
    return check_reward(trial_id, reward)


def check_reward(trial_id: int, reward: Any) -> float:
    """Returns one number of any library as a float.

    Raises:
      RewardError: it is no finite number.
    """
    try:
        if isinstance(reward, (str, bytes)):
            raise TypeError("text")
        number = float(reward) + 0.0  # SQLite keeps no -0.0, and what is told is what is kept
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise RewardError(
            f"the reward of trial {trial_id} is one finite number; got {reward!r:.80} of type "
            f"{type(reward).__name__}. For a trial without reward call `study.fail(trial_id, reason)`."
        ) from error
    if not math.isfinite(number):
        raise RewardError(
            f"the reward of trial {trial_id} is a finite number; got {number}, with which nothing can be "
            "compared. For a trial that diverged call `study.fail(trial_id, reason)`."
        )
    return check_size(number)


def check_settings(file: Path, recorded: dict[str, Any], *, maximize: bool, seed: int | None) -> None:
    """Raises StudyError where a study has another direction, or another seed, than given."""
    if recorded["maximize"] != maximize:
        raise StudyError(
            f"the study {str(file)!r} was made with maximize={recorded['maximize']}, and is opened with "
            f"maximize={maximize}. Open it as it was made, or make another at another path."
        )
    if seed is not None and recorded["seed"] != str(check_seed(seed)):
        raise StudyError(
            f"the study {str(file)!r} was made with seed={recorded['seed']}, and is opened with "
            f"seed={seed}. Open it with that seed, or make another study at another path."
        )


def no_such_trial(study: str, trial_id: Any, count: int) -> FeedbackError:
    """Returns the error for the number of a trial that a study of ``count`` trials does not have."""
    known = f"its trials are 1 to {count}" if count else "it has no trials yet"
    return FeedbackError(
        f"the study {study!r} has no trial {trial_id!r:.80}; {known}. "
        "Pass the `id` of a trial that `ask` returned."
    )


def ended_before(trial: Trial) -> FeedbackError:
    """Returns the error for a trial that reports after it has ended."""
    return FeedbackError(
        f"trial {trial.id} has ended ({trial.status}), so it reports no more. Report before `tell` or `fail`."
    )


def told_twice(first: Trial, second: Trial) -> FeedbackError:
    """Returns the error for a trial that ended as ``first``, and is then told to end as ``second``."""

    def say(trial: Trial) -> str:
        if trial.rewards is not None:
            return f"rewards {trial.rewards}"
        return f"reward {trial.reward}" if trial.status == COMPLETED else f"failed ({trial.reason})"

    return FeedbackError(
        f"trial {first.id} was told twice: {say(first)} at {first.ended}, and now {say(second)}. "
        "The first stands. A trial is told once; to try the same decisions again, ask for a new trial."
    )
