"""Heads: the outputs that a policy has for each decision point (needs no torch).

A point with few values gets a *categorical* head, one logit per value.  A float, and an integer of many
values, gets a *number* head of two outputs, the location and the log scale of a distribution on the unit
interval (see ``distributions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from typing import final

from pliant.space import Choice, Float, Int, Point, Space, to_unit

CATEGORICAL_VALUES = 16
"""Integers with more values than this get a number head, so that near values share information."""

_EXACT_SHARES = 1_000_000
"""Integers with more values are modelled with a continuous density, like floats: their shares are too small for doubles."""

_EDGE = 1e-9
"""Unit values of floats stay this far from 0 and 1, where the density is not defined."""


@final
@dataclass(frozen=True, slots=True)
class Head:
    """The outputs of one point: ``width`` of them, from number ``start`` on.

    ``values`` are the candidates of a categorical head, in order; empty for a number head.

    >>> from pliant.space import flatten, floating, integer
    >>> space = flatten([integer("n", 2, 6, step=2), floating("lr", 1e-4, 1.0, scale="log")])
    >>> [(h.point.path, h.start, h.width, h.values) for h in make_heads(space)]
    [('n', 0, 3, (2, 4, 6)), ('lr', 3, 2, ())]
    """

    point: Point
    start: int
    width: int
    values: tuple[int | float, ...]

    @property
    def is_categorical(self) -> bool:
        """Whether each value has its own logit."""
        return bool(self.values)

    def index(self, value: int | float) -> int:
        """Returns the index of the logit of ``value`` in a categorical head."""
        if isinstance(self.point, Int):
            return (int(value) - self.point.min_value) // self.point.step
        return int(value) if isinstance(self.point, Choice) else 0


def make_heads(space: Space) -> tuple[Head, ...]:
    """Returns a head for each point of the space; outputs are numbered without gaps."""
    heads: list[Head] = []
    start = 0
    for point in space.points:
        values: tuple[int | float, ...] = ()
        if isinstance(point, Choice):
            values = tuple(range(point.count))
        elif isinstance(point, Int) and point.count <= CATEGORICAL_VALUES:
            values = tuple(range(point.min_value, point.last + 1, point.step))
        elif point.count == 1:
            values = (point.min_value,)
        heads.append(Head(point, start, len(values) or 2, values))
        start += heads[-1].width
    return tuple(heads)


def unit_share(point: Int | Float, value: int | float) -> tuple[float, float]:
    """Returns the part of the unit interval that ``from_unit`` maps to ``value``.

    For a float, and an integer of more than a million values, the two ends are equal.

    >>> unit_share(Int("n", 1, 4), 2)
    (0.25, 0.5)
    """
    if isinstance(point, Float) or point.count > _EXACT_SHARES:
        unit = min(max(to_unit(point, value), _EDGE), 1.0 - _EDGE)
        return unit, unit
    index, count = (int(value) - point.min_value) // point.step, point.count
    if point.scale == "linear":
        return index / count, (index + 1) / count
    if point.scale == "rlog":
        index = count - 1 - index
    lowest = log(point.min_value)
    span = log(point.last + point.step) - lowest
    low = (log(point.min_value + index * point.step) - lowest) / span
    high = (log(point.min_value + (index + 1) * point.step) - lowest) / span
    high = 1.0 if index == count - 1 else high
    return (1.0 - high, 1.0 - low) if point.scale == "rlog" else (low, high)


def logit(unit: float) -> float:
    """Returns ``log(unit / (1 - unit))``, infinite at the ends.

    >>> logit(0.5), logit(1.0)
    (0.0, inf)
    """
    if 0.0 < unit < 1.0:
        return log(unit) - log(1.0 - unit)
    return inf if unit >= 1.0 else -inf


def allowed_picks(point: Choice, picked: Sequence[int]) -> Sequence[int] | None:
    """Returns the candidates that this pick of a group may have after the earlier ones, ascending; None for any.

    It leaves enough candidates for the later picks.

    >>> from pliant.space import choice, flatten
    >>> points = flatten([choice("edges", 5, picks=3, sorted=True)]).points
    >>> [list(allowed_picks(point, picked)) for point, picked in zip(points, [[], [1], [1, 3]])]
    [[0, 1, 2], [2, 3], [4]]
    """
    group = point.group
    if group is None or not (group.distinct or group.sorted):
        return None
    if not group.sorted:
        return [i for i in range(point.count) if i not in picked] if picked else None
    low = picked[-1] + group.distinct if picked else 0
    later = group.picks - 1 - point.pick
    return range(low, point.count - later * group.distinct)
