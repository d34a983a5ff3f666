"""Hypervolume of a set of rewards: one number for the quality of a Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pliant.values.errors import RewardError, quote

from .dominance import Rewards, as_rewards, dominates


def hypervolume(rewards: Iterable[Any], reference: object) -> float:
    """Returns the exact volume of the region that the rewards dominate and that dominates ``reference``.

    Two objectives take one sweep; for more, each reward adds the volume that only it covers:
    While, Bradstreet and Barone, "A fast way of calculating exact hypervolumes", IEEE Transactions on
    Evolutionary Computation 16 (2012), Algorithm 1 (WFG).  That takes exponential time in the worst case, and
    in practice milliseconds for a hundred rewards of three objectives.

    >>> hypervolume([(1, 3), (2, 2), (3, 1)], reference=(0, 0))
    6.0
    >>> hypervolume([(1, 1, 2), (2, 1, 1)], reference=(0, 0, 0))
    3.0

    Args:
      rewards: tuples of numbers, higher is better, in any order; dominated ones add nothing.
      reference: the reference point; rewards that are not better in every objective add nothing.

    Raises:
      RewardError: a reward or the reference is not a tuple of finite numbers, or they differ in length.
    """
    bottom = as_rewards(reference)
    inside = []
    for reward in rewards:
        one = as_rewards(reward)
        if len(one) != len(bottom):
            raise RewardError(
                f"the reference point has {len(bottom)} objective{'s' if len(bottom) != 1 else ''}, "
                f"the reward {quote(one)} has {len(one)}. Give a reference with one number for each objective."
            )
        if all(a > b for a, b in zip(one, bottom, strict=True)):
            inside.append(tuple([a - b for a, b in zip(one, bottom, strict=True)]))
    return _measure(_prune(inside))


def _measure(front: list[Rewards]) -> float:
    """Returns the volume between the origin and rewards, of which none dominates another, highest first."""
    if not front:
        return 0.0
    if len(front) == 1:
        return _box(front[0])
    if len(front[0]) == 2:
        volume = height = 0.0
        for width, top in front:  # narrower and higher each time
            volume += width * (top - height)
            height = top
        return volume
    # The last objective falls from one to the next, so that it can be left out of what they share.
    front = sorted(front, key=lambda one: one[-1], reverse=True)
    volume = 0.0
    for place, one in enumerate(front):
        shared = [
            tuple([min(a, b) for a, b in zip(one[:-1], other[:-1], strict=True)]) for other in front[:place]
        ]
        volume += one[-1] * (_box(one[:-1]) - _measure(_prune(shared)))
    return volume


def _prune(rewards: Iterable[Rewards]) -> list[Rewards]:
    """Returns the Pareto-optimal rewards, each once, highest first."""
    kept: list[Rewards] = []
    for one in sorted(set(rewards), reverse=True):
        rivals: Sequence[Rewards] = kept[-1:] if len(one) == 2 else kept
        if not any(dominates(other, one) for other in rivals):
            kept.append(one)
    return kept


def _box(sides: Sequence[float]) -> float:
    volume = 1.0
    for side in sides:
        volume *= side
    return volume
