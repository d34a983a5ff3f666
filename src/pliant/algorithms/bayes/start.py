"""A space-filling start: the first decisions of a search as a Latin hypercube, in every branch of the space."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from pliant.space import Choice, Decisions, Space, from_unit, walk_points

from .. import twister


def fill(space: Space, count: int, seed: int) -> list[Decisions]:
    """Returns ``count`` decisions that take each part of the range of each hole equally often; none for other spaces.

    McKay, Beckman and Conover, "A comparison of three methods for selecting values of input variables in the analysis
    of output from a computer code", 1979: the range of each hole is divided into ``count`` parts of equal probability,
    and each part is used once, in random order.  A hole below a candidate is divided by the number of decisions that
    picked this candidate.  For spaces without picks that depend on one another.

    >>> from pliant.space import choice, flatten, floating
    >>> many = fill(flatten([choice("op", [None, floating("rate", 0, 1)])]), 8, seed=1)
    >>> sorted(one["op"] for one in many), sorted(int(4 * one["op[=1/2].rate"]) for one in many if one["op"])
    ([0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 3])
    """
    points: Any = space.points
    groups = [point.group for point in points if isinstance(point, Choice) and point.group is not None]
    if not points or any(group.distinct or group.sorted for group in groups):
        return []
    found: list[dict[int, int | float]] = [{} for _ in range(count)]
    _fill(space, space.top, found, twister.make(f"start/{seed}"))
    return [Decisions(space, walk_points(space, lambda index, _: one[index])) for one in found]  # noqa: B023 - called now


def _fill(
    space: Space, indices: Sequence[int], found: Sequence[dict[int, int | float]], random: Random
) -> None:
    """Decides points, and those below them, in each of ``found``."""
    points: Any = space.points
    for index in indices:
        point, count = points[index], len(found)
        order = random.sample(range(count), count)
        units = [(place + random.random()) / count for place in order]
        for one, unit in zip(found, units, strict=True):
            one[index] = int(unit * point.count) if isinstance(point, Choice) else from_unit(point, unit)
        for candidate, branch in enumerate(point.branches if isinstance(point, Choice) else ()):
            picked = [one for one in found if one[index] == candidate]
            if branch and picked:
                _fill(space, branch, picked, random)
