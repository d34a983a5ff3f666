"""Which trials are near another one in their decisions, and which it comes from."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from pliant.space import Choice, Space
from pliant.study.trials.trial import Trial

from .reader import Snapshot

_GENERATIONS: Final = 20
_OFFSPRING: Final = 30


def find_nearest(snapshot: Snapshot, trial: Trial, count: int) -> list[tuple[float, Trial]]:
    """Returns the trials with the smallest distance to one, and the distance.

    It is Gower's: the mean over the decisions that at least one of both makes.  Choices count 0 where they are equal, else 1; numbers
    count their difference by the range of the space (of the logarithms on a log scale); a decision that one of both makes counts 1.

    Args:
      snapshot: the study.
      trial: one of its trials.
      count: how many are returned.
    """
    scales = _find_scales(snapshot.source.space)
    own = dict(zip(trial.decisions.active, trial.decisions.values))
    found = (
        (_measure(own, other, scales), other.id, other)
        for other in snapshot.trials
        if other.id != trial.id and other.decisions.space is trial.decisions.space
    )
    return [(distance, other) for distance, _, other in heapq.nsmallest(count, found)]


Scale = Callable[[float, float], float]


def _find_scales(space: Space) -> list[Scale]:
    return [_unequal if isinstance(point, Choice) else _make_scale(point) for point in space.points]


def _unequal(a: float, b: float) -> float:
    return 0.0 if a == b else 1.0


def _make_scale(point: Any) -> Scale:
    low, high = float(point.min_value), float(point.max_value)
    if point.scale == "log" and low > 0:
        span = math.log(high / low) or 1.0
        return lambda a, b: abs(math.log(a / b)) / span
    width = (high - low) or 1.0
    return lambda a, b: abs(a - b) / width


def _measure(own: dict[int, Any], other: Trial, scales: Sequence[Scale]) -> float:
    total, shared, values = 0.0, 0, other.decisions.values
    for index, value in zip(other.decisions.active, values):
        if index in own:
            shared += 1
            total += scales[index](own[index], value)
    union = len(own) + len(values) - shared
    return (total + union - shared) / union if union else 0.0


def find_ancestors(snapshot: Snapshot, trial: Trial) -> list[Trial]:
    """Returns the trials that a trial continues, the nearest first: each the latest one before it with the parent's decisions."""
    chain: list[Trial] = []
    present = trial
    while present.parent is not None and len(chain) < _GENERATIONS:
        earlier = snapshot.trials[: present.id - 1]
        found = next((one for one in reversed(earlier) if one.decisions == present.parent), None)
        if found is None:
            break
        chain.append(found)
        present = found
    return chain


def find_offspring(snapshot: Snapshot, trial: Trial) -> list[Trial]:
    """Returns the first trials that continue a trial."""
    found: list[Trial] = []
    for one in snapshot.trials[trial.id :]:
        if one.parent is not None and one.parent == trial.decisions:
            found.append(one)
            if len(found) == _OFFSPRING:
                break
    return found
