"""Differences between two spaces, as lines of text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .points import Choice, Point
from .text import say_point

if TYPE_CHECKING:
    from .space import Space

_SHOWN = 6
_COUNT = re.compile(r"\[=(\d+)/\d+\]")


def diff(old: Space, new: Space) -> list[str]:
    """Returns a line per difference: ``-`` removed, ``+`` added, ``~`` changed; no lines for equal spaces.

    Points below a candidate are matched by the index of the candidate, even if the number of candidates differs.

    >>> from pliant.space import choice, flatten, integer
    >>> old = flatten([choice("a", [integer("k", 1, 3), None]), integer("b", 1, 3)])
    >>> new = flatten([choice("a", [integer("k", 1, 3), None, None]), integer("c", 1, 3)])
    >>> for line in diff(old, new):
    ...     print(line)
    ~ a: 2 candidates -> 3: + '2'
    - b: integer from 1 to 3
    + c: integer from 1 to 3
    """
    if old == new:
        return []
    before = {_key(point.path): point for point in old.points}
    after = {_key(point.path): point for point in new.points}
    lines = []
    for key, point in before.items():
        if key not in after:
            lines.append(f"- {_path(point)}: {say_point(point)}")
        else:
            change = _say_change(old, point, new, after[key])
            lines += [f"~ {_path(point)}: {change}"] if change else []
    lines += [f"+ {_path(point)}: {say_point(point)}" for key, point in after.items() if key not in before]
    return lines or ["~ the same points in another order"]


def _key(path: str) -> str:
    return _COUNT.sub(r"[=\1]", path)


def _path(point: Point) -> str:
    return point.path or "(root)"


def _say_change(old: Space, point: Point, new: Space, other: Point) -> str:
    """Returns what changed at a point that both spaces have; empty if only its position did."""
    if isinstance(point, Choice) and isinstance(other, Choice) and point.literals != other.literals:
        return _say_candidates(point, other)
    before, after = say_point(point), say_point(other)
    if before != after:
        return f"{before} -> {after}"
    if point.name != other.name:
        return f"name {point.name!r} -> {other.name!r}"
    if isinstance(point, Choice) and isinstance(other, Choice):
        if (point.values, point.ordered) != (other.values, other.ordered):
            return f"values {point.values!r} -> {other.values!r}"
        if _below(old, point) != _below(new, other):
            return "other points below its candidates"
    return ""


def _say_candidates(point: Choice, other: Choice) -> str:
    gone = [f"- {text!r}" for text in point.literals if text not in other.literals]
    come = [f"+ {text!r}" for text in other.literals if text not in point.literals]
    changes = (gone + come)[:_SHOWN] + (["..."] if len(gone + come) > _SHOWN else [])
    count = f"{point.count} candidates" + (f" -> {other.count}" if point.count != other.count else "")
    return f"{count}: {', '.join(changes) or 'in another order'}"


def _below(space: Space, point: Choice) -> list[list[str]]:
    return [[_key(space.points[i].path) for i in branch] for branch in point.branches]
