"""Decisions near others, for population-based training: every number a step away, now and then a new draw.

``mutate`` of the space changes one decision; here each may change.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from pliant.space import Choice, Decisions, Float, Int, Point, Space, from_unit, to_unit
from pliant.space.sample import sample_branch

FACTORS = (0.8, 1.2)
_SHIFT = 0.1  # of the scale, for ranges that reach zero, where factors lead nowhere


def explore(decisions: Decisions, random: Random, *, resample: float) -> Decisions:
    """Returns decisions each of which is perturbed, or with probability ``resample`` drawn anew.

    Numbers are multiplied by 0.8 or 1.2 (Jaderberg et al. 2017, section 4.1.1), within their range; integers go at
    least one step; where a range reaches zero, a number goes a tenth of its scale.  Choices among ordered candidates go to a neighbour;
    other choices, those with decisions below them, and the picks of a ``manyof``, are kept unless drawn anew.

    >>> from pliant.space import flatten, floating
    >>> space = flatten([floating("lr", 0.001, 1.0, scale="log")])
    >>> explore(Decisions(space, [0.1]), Random(1), resample=0.0)["lr"]
    0.12
    """
    space = decisions.space
    decided = dict(zip(decisions.active, decisions.values, strict=True))
    values: list[int | float] = []
    _walk(space, space.top, decided, random, resample=resample, values=values)
    return Decisions(space, values)


def _walk(
    space: Space,
    indices: Iterable[int],
    decided: dict[int, int | float],
    random: Random,
    *,
    resample: float,
    values: list[int | float],
) -> None:
    """Appends the decisions for the points at ``indices`` and all below them."""
    for index in indices:
        point = space.points[index]
        group = point.group if isinstance(point, Choice) else None
        if group is not None and index != group.first:
            continue  # went with the first pick
        members = (index,) if group is None else tuple(group.members)
        if random.random() < resample:
            values.extend(sample_branch(space, members, random))
            continue
        for member in members:
            point = space.points[member]
            value = decided[member] if group is not None else _perturb(point, decided[member], random)
            values.append(value)
            if isinstance(point, Choice):
                _walk(space, point.branches[int(value)], decided, random, resample=resample, values=values)


def _perturb(point: Point, value: int | float, random: Random) -> int | float:
    way = int(random.random() * 2)
    if isinstance(point, Choice):
        if not point.ordered or any(point.branches):
            return value
        return min(max(int(value) + (-1, 1)[way], 0), point.count - 1)
    if point.min_value <= 0:
        unit = to_unit(point, value) + (-_SHIFT, _SHIFT)[way]
        moved: int | float = from_unit(point, min(max(unit, 0.0), 1.0))
    else:
        moved = value * FACTORS[way]
    return _fit(point, moved) if isinstance(point, Float) else _fit_int(point, int(value), moved, up=way == 1)


def _fit(point: Float, value: float) -> float:
    return min(max(value, point.min_value), point.max_value)


def _fit_int(point: Int, old: int, moved: float, *, up: bool) -> int:
    """Returns the value of the grid that is nearest to ``moved``, at least one step from the old one."""
    low, step, last = point.min_value, point.step, point.last
    steps = int((moved - low) / step + 0.5) if moved > low else 0
    new = low + step * steps
    new = max(new, old + step) if up else min(new, old - step)
    return min(max(new, low), last)
