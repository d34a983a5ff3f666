"""Descriptions of spaces and points as text for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .points import Choice, Int, Point

if TYPE_CHECKING:
    from .space import Space

_SHOWN = 6  # candidates of a choice that are listed
_WIDTH = 24  # characters of each that are shown


def describe(space: Space, limit: int = 40) -> str:
    """Returns the size of a space, then a line per point; points below a candidate are indented.

    Only the first pick of a ``manyof`` is listed; after ``limit`` lines the remaining points are counted.
    """
    count = len(space.points)
    lines = [f"Space of size {say_size(space.size)} with {count} decision point{'' if count == 1 else 's'}"]
    skipped = _describe(space, space.top, "  ", lines, limit)
    if skipped:
        lines.append(f"  ... and {skipped} more")
    return "\n".join(lines)


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
        shown = ", ".join(_cut(text) for text in point.literals[:_SHOWN])
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


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."
