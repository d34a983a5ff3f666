"""A space-filling start: the first decisions of a search as a Latin hypercube."""

from __future__ import annotations

from typing import Any

from pliant.space import Choice, Decisions, Space, from_unit

from .. import twister


def fill(space: Space, count: int, seed: int) -> list[Decisions]:
    """Returns ``count`` decisions that take each part of the range of each hole equally often; none for other spaces.

    McKay, Beckman and Conover, "A comparison of three methods for selecting values of input variables in the analysis
    of output from a computer code", 1979: the range of each hole is divided into ``count`` parts of equal probability,
    and each part is used once, in random order.  For spaces without conditional decisions and without picks that depend
    on one another.

    >>> from pliant.space import choice, flatten, floating
    >>> many = fill(flatten([choice("op", 2), floating("rate", 0, 1)]), 4, seed=1)
    >>> sorted(one["op"] for one in many), sorted(int(4 * one["rate"]) for one in many)
    ([0, 0, 1, 1], [0, 1, 2, 3])
    """
    points: Any = space.points
    if len(space.top) < len(points) or any(isinstance(p, Choice) and p.group is not None for p in points):
        return []
    random = twister.make(f"start/{seed}")
    columns = []
    for point in points:
        order = random.sample(range(count), count)
        units = [(place + random.random()) / count for place in order]
        columns.append(
            [
                int(unit * point.count) if isinstance(point, Choice) else from_unit(point, unit)
                for unit in units
            ]
        )
    return [Decisions(space, list(row)) for row in zip(*columns, strict=True)] if columns else []
