"""What differs between two spaces, as lines of text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .points import Choice, Point
from .text import say_point

if TYPE_CHECKING:
    from .space import Space


def diff(old: Space, new: Space) -> list[str]:
    """Returns a line per difference: ``-`` gone, ``+`` new, ``~`` changed; no lines for equal spaces.

    >>> from pliant.space import choice, flatten, integer
    >>> for line in diff(flatten([choice("a", 2), integer("b", 1, 3)]), flatten([choice("a", 3), integer("c", 1, 3)])):
    ...     print(line)
    ~ a: choice of 2: 0, 1 -> choice of 3: 0, 1, 2
    - b: integer from 1 to 3
    + c: integer from 1 to 3
    """
    if old == new:
        return []
    before = {point.path: point for point in old.points}
    after = {point.path: point for point in new.points}
    lines = []
    for path, point in before.items():
        if path not in after:
            lines.append(f"- {path}: {say_point(point)}")
        elif _facts(old, point) != _facts(new, after[path]):
            lines.append(f"~ {path}: {_say_change(old, point, new, after[path])}")
    lines += [f"+ {path}: {say_point(point)}" for path, point in after.items() if path not in before]
    return lines or ["~ the same points in another order"]


def _facts(space: Space, point: Point) -> tuple[object, ...]:
    """Returns what a point is, with paths in place of indices."""
    if not isinstance(point, Choice):
        return (point,)
    group = point.group
    rule = (group.picks, group.distinct, group.sorted, point.pick) if group else None
    below = tuple(tuple(space.points[i].path for i in branch) for branch in point.branches)
    return point.literals, point.values, point.ordered, point.name, rule, below


def _say_change(old: Space, point: Point, new: Space, other: Point) -> str:
    before, after = say_point(point), say_point(other)
    if before != after:
        return f"{before} -> {after}"
    if point.name != other.name:
        return f"name {point.name!r} -> {other.name!r}"
    return f"{before}, with other points below it, in another order, or other numbers"
