"""Pareto dominance of rewards, non-dominated sorting and crowding distance; higher is better."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from pliant.values.errors import RewardError, quote

from ..rewards import check_reward

Rewards = tuple[float, ...]


def dominates(first: Sequence[float], second: Sequence[float]) -> bool:
    """Returns whether ``first`` dominates ``second``: worse in no objective, better in at least one.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
    IEEE Transactions on Evolutionary Computation 6 (2002), section III, except that higher is better.

    >>> dominates((2, 1), (1, 1)), dominates((1, 1), (1, 1)), dominates((2, 0), (1, 1))
    (True, False, False)
    """
    better = False
    for a, b in zip(first, second, strict=True):
        if a < b:
            return False
        better = better or a > b
    return better


def as_rewards(reward: Any, size: int | None = None) -> Rewards:
    """Returns a reward of one or several objectives as a tuple of floats.  ``size`` is the required number; None for any.

    Raises:
      RewardError: it is not such a reward, or has another number of objectives.
    """
    checked = check_reward(reward, several=True)
    if checked is None:
        raise RewardError("a failed trial has no reward to compare: got None. Leave out failed trials.")
    rewards = checked if isinstance(checked, tuple) else (checked,)
    if size is not None and len(rewards) != size:
        raise RewardError(
            f"all rewards of a search have the same number of objectives: {size} so far, now {len(rewards)} "
            f"({quote(reward)}). Give a tuple of {size} number{'s' if size != 1 else ''} each time."
        )
    return rewards


def sort_fronts(rewards: Sequence[Sequence[float]]) -> list[list[int]]:
    """Non-dominated sorting: returns the indices of rewards by front, the Pareto-optimal ones first.

    The fronts are those of Deb et al. 2002, section III-A; they are found by the cheaper way of Zhang, Tian,
    Cheng and Jin, "An efficient approach to nondominated sorting for evolutionary multiobjective
    optimization", IEEE Transactions on Evolutionary Computation 19 (2015), Algorithms 1 and 3 (ENS-BS): in the
    order of the first objective only earlier rewards can dominate a reward, and bisection finds the first front
    that does not dominate it.  Two objectives take O(n log n), as it is enough to compare with the last of a front.

    >>> sort_fronts([(1, 1), (2, 0), (0, 0), (2, 1)])
    [[3], [0, 1], [2]]
    """
    if not rewards:
        return []
    narrow = len(rewards[0]) <= 2
    order = sorted(range(len(rewards)), key=lambda i: tuple(-r for r in rewards[i]))
    fronts: list[list[int]] = []

    def is_dominated(front: list[int], mine: Sequence[float]) -> bool:
        rivals = front[-1:] if narrow else reversed(front)
        return any(dominates(rewards[rival], mine) for rival in rivals)

    for place in order:
        mine = rewards[place]
        found = bisect_left(fronts, True, key=lambda front: not is_dominated(front, mine))
        if found == len(fronts):
            fronts.append([])
        fronts[found].append(place)
    return [sorted(front) for front in fronts]


def crowding(rewards: Sequence[Sequence[float]]) -> list[float]:
    """Returns the crowding distance of each reward of one front; higher is less crowded.

    Deb et al. 2002, section III-B: the distance between the neighbours on both sides as a part of the range, summed
    over objectives; infinite at the ends.  An objective in which all rewards are equal adds nothing.

    >>> crowding([(0, 4), (1, 2), (2, 1), (4, 0)])
    [inf, 1.25, 1.25, inf]
    """
    room = [0.0] * len(rewards)
    for objective in range(len(rewards[0]) if rewards else 0):
        column = [reward[objective] for reward in rewards]
        order = sorted(range(len(column)), key=column.__getitem__)
        low, high = column[order[0]], column[order[-1]]
        if high == low:
            continue
        room[order[0]] = room[order[-1]] = math.inf
        width = high / 2 - low / 2  # halves, as the difference may overflow
        for before, place, after in zip(order, order[1:], order[2:], strict=False):
            room[place] += (column[after] / 2 - column[before] / 2) / width
    return room
