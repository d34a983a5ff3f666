"""Active points: walks the points that decisions make active, and finds the parent candidate of each point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from .points import Choice, Point

if TYPE_CHECKING:
    from .space import Space

Value = TypeVar("Value")


def walk_points(space: Space, decide: Callable[[int, Point], Value]) -> list[Value]:
    """Walks the active points of a space in order, decides each with a function, and returns the values.

    After a choice come the points below the candidate that was decided for it.  The values are not checked;
    ``Decisions(space, values)`` does so.

    >>> from pliant.space import choice, flatten, integer
    >>> space = flatten([choice("op", [None, integer("k", 1, 3)]), choice("act", 2)])
    >>> walk_points(space, lambda index, point: point.count - 1 if isinstance(point, Choice) else point.max_value)
    [1, 3, 1]
    >>> walk_points(space, lambda index, point: None)
    [None, None]

    Args:
      space: the space.
      decide: takes the index of an active point in ``space.points`` and the point, and returns its value:
        for a choice the index of a candidate, or None to skip all points below it.
    """
    points = space.points
    pending = list(reversed(space.top))
    values: list[Value] = []
    while pending:
        index = pending.pop()
        point = points[index]
        value = decide(index, point)
        values.append(value)
        if value is not None and point.__class__ is Choice:
            branch = point.branches[value]  # type: ignore[call-overload]  # an index, as documented
            if branch:
                pending.extend(reversed(branch))
    return values


def active_points(space: Space, values: Sequence[int | float]) -> tuple[int, ...]:
    """Returns the indices of the active points of a *valid* vector, one per value."""
    points = space.points
    if len(points) == len(space.top):  # nothing is conditional
        return space.top
    active: list[int] = []
    pending = list(reversed(space.top))
    for value in values:
        index = pending.pop()
        active.append(index)
        point = points[index]
        if point.__class__ is Choice:
            branch = point.branches[value]  # type: ignore[index]  # an int
            if branch:
                pending.extend(reversed(branch))
    return tuple(active)


def find_parents(space: Space) -> list[tuple[int, int] | None]:
    """Finds the candidate that each point is directly below: (index of the choice, candidate); None at the top.

    >>> from pliant.space import choice, flatten, integer
    >>> find_parents(flatten([choice("op", [None, integer("k", 1, 3)]), choice("act", 2)]))
    [None, (0, 1), None]
    """
    parents: list[tuple[int, int] | None] = [None] * len(space.points)
    for index, point in enumerate(space.points):
        if isinstance(point, Choice):
            for candidate, branch in enumerate(point.branches):
                for below in branch:
                    parents[below] = index, candidate
    return parents
