"""Beliefs about the decisions of one space from results of others: by path, name and value of decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pliant.space import Choice, Float, Int, Space, from_unit, to_unit
from pliant.space.formats import candidate_values
from pliant.values.numbers import to_real

from ..objectives.dominance import sort_fronts
from .prior import _hole, last_key

Row = tuple[Mapping[str, Any], float | tuple[float, ...]]
"""The decisions of a trial by path or name, with candidates by value; and its reward."""

_PART = 0.15  # of the results count as good,
_MANY, _FEW = 25, 5  # at most so many, and at least so many
_ENOUGH = 3  # values of a decision in good results, or nothing is derived for it
_WIDER = 0.1  # deviation that is added to that of good numbers, on the scale of the decision


def derive(tables: Sequence[Sequence[Row]], space: Space) -> dict[str, Any]:
    """Returns beliefs about the decisions of a space from the best results of each table; higher rewards are better.

    Picks of several candidates have a belief each where the results name them, such as ``ops[1]``.

    A decision is found by its path, or else its name, or else the last key of its path.  A number that the space does not
    allow and a candidate that it lacks are left out.

    >>> from pliant.space import choice, flatten, floating
    >>> space = flatten([floating("rate", 1e-4, 1.0, scale="log"), choice("op", 3, literals=["a", "b", "c"])])
    >>> table = [({"rate": 0.01, "op": "b", "old": 1}, 0.9)] * 9 + [({"rate": 0.5, "op": "a", "old": 1}, 0.1)] * 51
    >>> derive([table], space)
    {'rate': (0.003981, 0.02512), 'op': {'a': 1, 'b': 10, 'c': 1}}
    """
    good = [row for table in tables for row in _choose(table)]
    found: dict[str, Any] = {}
    for point in space.points:
        key, values = _find_values(point, good)
        belief = _count(point, values) if isinstance(point, Choice) else _span(point, values)
        if belief is not None:
            found[key] = belief
    return found


def _choose(table: Sequence[Row]) -> list[Mapping[str, Any]]:
    """Returns the decisions of the best results."""
    count = min(max(_FEW, math.ceil(_PART * len(table))), _MANY, max(1, len(table) // 2))
    rewards = [reward if isinstance(reward, tuple) else (reward,) for _, reward in table]
    order = [place for front in sort_fronts(rewards) for place in front] if rewards else []
    return [table[place][0] for place in order[:count]]


def _find_values(point: Choice | Int | Float, good: Sequence[Mapping[str, Any]]) -> tuple[str, list[Any]]:
    """Returns what good results decided here, and for which key: the path of this pick, or the hole with all of its picks."""
    if own := [row[point.path] for row in good if point.path in row]:
        return point.path, own
    hole = _hole(point)
    named = [value for row in good for key, value in row.items() if key in (hole, point.name)]
    last = last_key(hole)
    return hole, named or [
        value for row in good for key, value in row.items() if last_key(_drop_pick(key)) == last
    ]


def _drop_pick(key: str) -> str:
    """Returns a path without the number of a pick at its end."""
    head, bracket, number = key.rpartition("[")
    return head if bracket and number[:-1].isdigit() else key


def _count(point: Choice, values: Sequence[Any]) -> dict[str, int] | None:
    """Returns how often good results picked each candidate, plus 1."""
    known = [str(one) for one in candidate_values(point)]
    picked = [str(value) for value in values if str(value) in known]
    if len(picked) < _ENOUGH or len(set(known)) < len(known):
        return None
    return {one: picked.count(one) + 1 for one in known}


def _span(point: Int | Float, values: Sequence[Any]) -> tuple[float, float] | None:
    """Returns the mean of good numbers minus and plus their deviation, on the scale of the point."""
    numbers = [
        number
        for value in values
        if not isinstance(value, bool)
        and (number := to_real(value)) is not None
        and point.min_value <= number <= point.max_value
    ]
    if len(numbers) < _ENOUGH or point.count == 1:
        return None
    units = [to_unit(point, round(one) if isinstance(point, Int) else one) for one in numbers]
    mean = sum(units) / len(units)
    spread = math.sqrt(sum((unit - mean) ** 2 for unit in units) / len(units) + _WIDER**2)
    ends = [from_unit(point, min(max(unit, 0.0), 1.0)) for unit in (mean - spread, mean + spread)]
    if isinstance(point, Float):
        ends = [min(max(float(f"{one:.4g}"), point.min_value), point.max_value) for one in ends]
    return (ends[0], ends[1]) if ends[0] < ends[1] else None
