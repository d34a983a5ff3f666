"""``Keep``: which trials keep their artifacts, within how many bytes.  ``choose`` is a pure function; it removes nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from pliant.algorithms.options import check_count
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed, suggest
from pliant.values.lines import read_json

from ..trials.trial import Trial

WHICH = ("best", "front", "all")
_TEXT = re.compile(r"best\((\d{1,6})\)")


@final
@dataclass(frozen=True, slots=True)
class Keep:
    """Which trials of a search keep their files.  The best trial always does, and so do running ones.

    >>> Keep("best", count=3, max_bytes=10 << 30)
    Keep(which='best', count=3, max_bytes=10737418240)
    >>> to_keep("best(3)").count
    3

    Args:
      which: ``best`` for the ``count`` best trials, ``front`` for the Pareto-optimal ones, ``all``.
      count: how many of the best.
      max_bytes: the largest sum of the sizes of all artifacts, and of one: beyond it, the worst trials lose theirs first, but never
        the best trial. None without a limit.

    Raises:
      FieldValueError: ``which`` is another text, or a number is not positive.
    """

    which: str = "best"
    count: int = 1
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.which not in WHICH:
            raise FieldValueError(
                f"keep is 'best', 'best(3)', 'front' or 'all'; got {quote(self.which)}{suggest(self.which, WHICH) or '.'}"
            )
        object.__setattr__(self, "count", check_count(self.count, "count", "Keep"))
        if self.max_bytes is not None:
            object.__setattr__(self, "max_bytes", check_count(self.max_bytes, "max_bytes", "Keep"))


def to_keep(keep: object) -> Keep | None:
    """Returns what ``keep`` of a search means: text such as ``best(3)``, a ``Keep``, or None.

    Raises:
      FieldTypeError, FieldValueError: it is something else.
    """
    if keep is None or isinstance(keep, Keep):
        return keep
    if not isinstance(keep, str):
        raise FieldTypeError(
            f"keep is 'best', 'best(3)', 'front', 'all', or a pliant.study.artifacts.Keep; got {quote_typed(keep)}."
        )
    if match := _TEXT.fullmatch(keep):
        return Keep("best", int(match[1]))
    return Keep(keep)


def keep_to_text(keep: Keep) -> str:
    """Returns a ``Keep`` as text, which ``read_keep`` reads.

    >>> keep_to_text(Keep("best", count=3)), keep_to_text(Keep("all", max_bytes=10))
    ('best(3)', '{"which": "all", "count": 1, "max_bytes": 10}')
    """
    if keep.max_bytes is not None:
        return json.dumps({"which": keep.which, "count": keep.count, "max_bytes": keep.max_bytes})
    return keep.which if keep.count == 1 or keep.which != "best" else f"best({keep.count})"


def read_keep(text: str) -> Keep:
    """Returns the ``Keep`` that ``keep_to_text`` wrote.

    Raises:
      FieldTypeError, FieldValueError, LoadError: the text is another.
    """
    if text.startswith("{"):
        data = read_json(text)
        return Keep(data.get("which"), data.get("count"), data.get("max_bytes"))
    return to_keep(text) or Keep()


def choose(
    keep: Keep, trials: Sequence[Trial], best: Collection[int], sizes: Mapping[int, int], *, maximize: bool
) -> list[int]:
    """Returns the ids of the trials that lose their files.

    Args:
      keep: what to keep.
      trials: those that have files.
      best: the ids of the best trial, or of the Pareto-optimal ones, the best in the first objective first: they are kept, except
        beyond ``max_bytes``, and the first of them always is.
      sizes: the bytes of the artifacts of each trial.
      maximize: whether higher rewards are better.
    """
    ended = {trial.id: trial for trial in trials if trial.ended is not None}
    ranked = sorted(ended, key=lambda one: _rank(ended[one], maximize=maximize))
    ranked = [*[one for one in best if one in ended], *[one for one in ranked if one not in best]]
    has_reward = [one for one in ranked if ended[one].told is not None]
    kept = {
        "best": {*has_reward[: keep.count], *best},
        "front": set(best),
        "all": set(ranked),
    }[keep.which]
    kept |= set(has_reward[:1])  # where the best trial itself has no files, the best one that has
    if keep.max_bytes is not None:
        total = sum(sizes.get(trial.id, 0) for trial in trials if trial.id in kept or trial.ended is None)
        for one in reversed(ranked):
            if total <= keep.max_bytes:
                break
            if one in kept and one not in has_reward[:1]:
                kept.discard(one)
                total -= sizes.get(one, 0)
    return [one for one in ended if one not in kept]


def _rank(trial: Trial, *, maximize: bool) -> tuple[float, int]:
    """Returns the order of a trial: better rewards first, the earlier of equals first, trials without a reward last."""
    reward = trial.rewards[0] if trial.rewards else trial.reward
    if reward is None:
        return math.inf, trial.id
    return (-reward if maximize else reward), trial.id
