"""Extreme networks of a space: the largest and the smallest value of each decision."""

from __future__ import annotations

from collections.abc import Sequence

from pliant.algorithms.policy.draw import draw_decisions
from pliant.space import Choice, Decisions, Float, Int, Space


def rank(point: Choice | Int, allowed: Sequence[int] | None = None) -> Sequence[int]:
    """Returns the values of a decision, from the smallest to the largest.

    Candidates that are not numbers are taken in the order in which they are listed.

    >>> from pliant.space import Int
    >>> list(rank(Int("n", 2, 5)))
    [2, 3, 4, 5]
    """
    if isinstance(point, Int):
        return range(point.min_value, point.last + 1, point.step)
    indices = range(point.count) if allowed is None else allowed
    return sorted(indices, key=point.values.__getitem__) if point.values else sorted(indices)


def largest(space: Space) -> Decisions:
    """Returns the largest network of a space: each value is the largest that earlier ones allow.

    >>> from pliant.space import choice, flatten, integer
    >>> space = flatten([choice("edges", 4, picks=2, sorted=True), integer("n", 2, 5)])
    >>> largest(space).values, smallest(space).values
    ((2, 3, 5), (0, 1, 2))
    """
    return _walk(space, -1)


def smallest(space: Space) -> Decisions:
    """Returns the smallest network of a space: each value is the smallest that earlier ones allow."""
    return _walk(space, 0)


def _walk(space: Space, end: int) -> Decisions:
    def pick(at: int, allowed: Sequence[int] | None) -> int | float:
        point = space.points[at]
        if isinstance(point, Float):
            return point.max_value if end else point.min_value
        return rank(point, allowed)[end]

    return draw_decisions(space, pick)
