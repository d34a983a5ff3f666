"""Which decisions of a space to look at, to have seen every size that its parts can take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from pliant.space import Choice, Decisions, Float, Int, Point, Space

ENUMERATED = 256  # of so many combinations, all are looked at


def sweep(space: Space, measure: Callable[[Decisions], float]) -> Iterator[Decisions]:
    """Yields all decisions of a small space; of a large one, each end of each value with the others at their largest.

    It takes for granted that sizes grow with each value for itself, whatever the others are.

    >>> from pliant.space import flatten, integer
    >>> space = flatten([integer("a", 1, 100), integer("b", 1, 100)])
    >>> found = list(sweep(space, lambda decisions: sum(decisions.values)))
    >>> (100, 100) in [d.values for d in found], len(found) < 10
    (True, True)

    Args:
      space: the space.
      measure: a number that is larger for decisions that make something larger; asked after they were yielded.
    """
    if not math.isinf(space.size) and space.size <= ENUMERATED:
        yield from space.iterate()
        return
    best, most, seen = space.sample(0), -math.inf, set()
    for _ in range(2):
        for index, point in enumerate(space.points):
            for end in _ends(point):
                tried = _with(best, index, end)
                if tried.values in seen:
                    continue
                seen.add(tried.values)
                yield tried
                size = measure(tried)
                if size > most:
                    best, most = tried, size


def _ends(point: Point) -> list[Any]:
    if isinstance(point, Choice):
        return list(range(point.count))
    return [point.min_value, point.last if isinstance(point, Int) else point.max_value]


def _with(decisions: Decisions, index: int, value: Any) -> Decisions:
    """Returns decisions with the one at a point changed, as far as it is active; what it opens is drawn."""
    active, space = decisions.active, decisions.space
    if index not in active:
        return decisions
    point, at = space.points[index], active.index(index)
    if isinstance(point, (Int, Float)) or (point.group is None and not any(point.branches)):
        return Decisions(space, (*decisions.values[:at], value, *decisions.values[at + 1 :]))
    given = decisions.to_dict()
    inside = f"{point.path}[="
    kept: dict[str, Any] = {path: v for path, v in given.items() if not path.startswith(inside)}
    for seed in range(64):  # until a drawn one has this candidate here: groups have rules of their own
        drawn = space.sample(seed).to_dict()
        if drawn.get(point.path) == value:
            below = {path: v for path, v in drawn.items() if path.startswith(inside)}
            try:
                return space.parse({**kept, point.path: value, **below})
            except ValueError:  # a rule of the group
                return space.parse(drawn)
    return decisions
