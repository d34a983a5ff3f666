"""Spaces as text: descriptions of spaces and points, and differences between two spaces."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from pliant.values.text import to_printable

from .points import Choice, Int, Point

if TYPE_CHECKING:
    from .space import Space

_SHOWN = 6  # candidates of a choice that are listed
_CHANGES = 6  # changed candidates of a choice that are listed
_COUNT = re.compile(r"\[=(\d+)/\d+\]")


def describe(space: Space, limit: int = 40) -> str:
    """Returns the size of a space, then a line per point; points below a candidate are indented.

    Only the first pick of a ``manyof`` is listed; after ``limit`` lines the remaining points are counted.
    """
    count = len(space.points)
    lines = [f"Space of size {say_size(space.size)} with {count} decision point{'' if count == 1 else 's'}"]
    skipped = _describe(space, space.top, "  ", lines, limit)
    if skipped:
        lines.append(f"  ... and {skipped} more")
    return "\n".join(map(to_printable, lines))


def say_size(size: int | float) -> str:
    """Returns a size in full up to 10**12, rounded above.

    >>> say_size(81), say_size(3**40), say_size(math.inf)
    ('81', '1.2e19', 'infinite')
    """
    if size == math.inf:
        return "infinite"
    if size <= 10**12:
        return str(size)
    tens = math.log10(size)
    exponent = math.floor(tens)
    mantissa = round(10 ** (tens - exponent), 1)
    return f"{mantissa}e{exponent}" if mantissa < 10 else f"1.0e{exponent + 1}"


def say_point(point: Point) -> str:
    """Returns the kind and range of a point, without its path.

    >>> from pliant.space.points import Float
    >>> say_point(Float("lr", 1e-4, 1.0, "log"))
    'float from 0.0001 to 1.0, log scale'
    """
    if isinstance(point, Choice):
        from .literals import shorten_literals  # `import pliant` is quick without it

        shown = ", ".join(shorten_literals(point.literals)[:_SHOWN])
        more = ", ..." if point.count > _SHOWN else ""
        group = point.group
        if group is None:
            return f"choice of {point.count}: {shown}{more}"
        rule = (["distinct"] if group.distinct else []) + (["sorted"] if group.sorted else [])
        how = ", ".join(rule) or "free"
        return f"pick {point.pick} of {group.picks} ({how}) among {point.count}: {shown}{more}"
    scale = "" if point.scale == "linear" else f", {point.scale} scale"
    step = f" in steps of {point.step}" if isinstance(point, Int) and point.step > 1 else ""
    kind = "integer" if isinstance(point, Int) else "float"
    return f"{kind} from {point.min_value} to {point.max_value}{step}{scale}"


def _describe(space: Space, indices: tuple[int, ...], indent: str, lines: list[str], limit: int) -> int:
    """Appends the lines of the points at ``indices`` and below; returns the number of points left out."""
    skipped = 0
    for index in indices:
        point = space.points[index]
        if isinstance(point, Choice) and point.group and point.pick:
            continue
        path = point.path or "(root)"
        text = say_point(point)
        if isinstance(point, Choice) and point.group:
            path = point.hole or "(root)"
            text = text.replace(f"pick 0 of {point.group.picks}", f"{point.group.picks} picks", 1)
        if len(lines) > limit:
            skipped += 1
        else:
            named = f" [{point.name}]" if point.name else ""
            lines.append(f"{indent}{path}{named}: {text}")
        for branch in point.branches if isinstance(point, Choice) else ():
            skipped += _describe(space, branch, indent + "  ", lines, limit)
    return skipped


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
    return [to_printable(line) for line in lines] or ["~ the same points in another order"]


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
    changes = (gone + come)[:_CHANGES] + (["..."] if len(gone + come) > _CHANGES else [])
    count = f"{point.count} candidates" + (f" -> {other.count}" if point.count != other.count else "")
    return f"{count}: {', '.join(changes) or 'in another order'}"


def _below(space: Space, point: Choice) -> list[list[str]]:
    return [[_key(space.points[i].path) for i in branch] for branch in point.branches]
