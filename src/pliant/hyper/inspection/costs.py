"""What each candidate of a choice costs, and each end of a number: alone where it is an object, else in a program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pliant.space import Choice, Decisions, Float, Point, find_parents, walk_points

from ..plan import Pick
from ..template import Template
from .facts import Decision
from .programs import Survey


def add_costs(
    rows: Sequence[Decision], survey: Survey, base: Decisions, holes: Sequence[tuple[int, Any]]
) -> tuple[Decision, ...]:
    """Returns the rows with their costs; a row is as it was where nothing could be measured.

    Args:
      rows: the decisions.
      survey: builds programs, and has the cost function.
      base: the decisions of a valid program, of which one at a time is changed.
      holes: per row, the index of its point and its part of the plan.
    """
    parents = find_parents(base.space)
    found = []
    for row, (index, part) in zip(rows, holes):
        point = base.space.points[index]
        costs: Sequence[float | None] | None = None
        if survey.of_part is None:
            costs = _cost_alone(part, survey)
        elif isinstance(point, Choice) and not row.depth:
            costs = [_cost_within(survey, base, index, v, parents, path=row.path) for v in _ends(point)]
        if not costs or None in costs:
            costs = [_cost_within(survey, base, index, value, parents) for value in _ends(point)]
        row = replace(row, costs=_range_of(costs))
        if isinstance(point, Choice) and len(costs) == len(row.candidates):
            both = zip(row.candidates, costs)
            row = replace(row, candidates=tuple(replace(c, cost=cost) for c, cost in both))
        found.append(row)
    return tuple(found)


def _ends(point: Point) -> list[int | float]:
    """Returns the values that are tried: each candidate, or both ends of a range."""
    if isinstance(point, Choice):
        return [] if point.group else list(range(point.count))
    return [point.min_value, point.max_value if isinstance(point, Float) else point.last]


def _cost_alone(part: Any, survey: Survey) -> list[float | None] | None:
    """Returns the cost of each candidate by itself; None if they are not all objects that the function takes."""
    if not isinstance(part, Pick):
        return None
    found: list[float | None] = []
    for candidate in part.hole.candidates._sym_values():
        if not hasattr(candidate, "_sym_fields"):
            return None
        try:
            template = Template(candidate)
            found.append(survey.read_cost(template.materialize(template.space.sample(0))))
        except Exception:  # noqa: BLE001  # the function takes whole programs only
            return None
    return found


def _cost_within(
    survey: Survey, base: Decisions, index: int, value: int | float, parents: Sequence[Any], *, path: str = ""
) -> float | None:
    """Returns the cost of a program, or of its part at a path, with one decision changed; None for an invalid one."""
    forced: dict[int, Any] = {index: value}
    above = parents[index]
    while above is not None:
        forced[above[0]] = above[1]
        above = parents[above[0]]
    kept = dict(zip(base.active, base.values))

    def decide(at: int, point: Point) -> Any:
        first = (point.pick if point.group else 0) if isinstance(point, Choice) else point.min_value
        return forced.get(at, kept.get(at, first))

    try:
        program = survey.build(Decisions(base.space, walk_points(base.space, decide)))
        return float(survey.of_part(program, path)) if path and survey.of_part else survey.read_cost(program)
    except Exception:  # noqa: BLE001  # an invalid program
        return None


def _range_of(costs: Sequence[float | None]) -> tuple[float, float] | None:
    """Returns the smallest and the largest cost; candidates without a cost, or that cost nothing, are left out."""
    known = [c for c in costs if c is not None and 0 < c < math.inf]
    return (min(known), max(known)) if len(known) > 1 else None
