"""Picks decisions of a space that cover every size of its elastic modules and lazy layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pliant.space import Choice, Decisions, Int, Point, Space, find_parents, walk_points

MAX_ENUMERATED = 1024  # a space of at most so many decisions is enumerated

Branch = tuple[int, int] | None  # a candidate: the index of its choice and its own; None for the root


def cover_sizes(space: Space, measure: Callable[[Decisions], float]) -> Iterator[Decisions]:
    """Yields all decisions of a small space; of a large one, both ends of each value, the other values at their largest.

    A value inside a candidate is tried with that candidate chosen.  This assumes that sizes grow with each value,
    independently of the others.

    >>> from pliant.space import flatten, integer
    >>> space = flatten([integer("a", 1, 100), integer("b", 1, 100)])
    >>> found = list(cover_sizes(space, lambda decisions: sum(decisions.values)))
    >>> (100, 100) in [d.values for d in found], len(found) < 10
    (True, True)

    Args:
      space: the space.
      measure: returns the size of the network of some decisions; called after these were yielded.
    """
    if not math.isinf(space.size) and space.size <= MAX_ENUMERATED:
        yield from space.iterate()
        return
    above = find_parents(space)
    # By candidate: the largest size, and its decisions.
    best: dict[Branch, tuple[float, Decisions]] = {None: (-math.inf, _compose(space, {}))}
    seen: set[tuple[Any, ...]] = set()
    for _ in range(2):
        for index, point in enumerate(space.points):
            for end in find_ends(point):
                tried = _change(_reach(best, above, index), index, end)
                if tried is None or tried.values in seen:
                    continue
                seen.add(tried.values)
                yield tried
                size = measure(tried)
                for branch in {above[active] for active in tried.active}:
                    if branch not in best or size > best[branch][0]:
                        best[branch] = size, tried


def find_ends(point: Point) -> list[Any]:
    """Returns the smallest and the largest value of a number, or all candidates of a choice."""
    if isinstance(point, Choice):
        return list(range(point.count))
    return [point.min_value, point.last if isinstance(point, Int) else point.max_value]


def _reach(best: Mapping[Branch, tuple[float, Decisions]], above: Sequence[Branch], index: int) -> Decisions:
    """Returns decisions in which a point is active, if possible: the largest known outside and inside of its candidate."""
    branch = above[index]
    if branch is None:
        return best[None][1]
    choice, candidate = branch
    around = _reach(best, above, choice)
    tried = _change(around, choice, candidate)
    if branch not in best:
        return tried or around
    inside = best[branch][1]
    if tried is None:
        return inside
    start = f"{inside.space.points[choice].path}[={candidate}/"
    known = {path: value for path, value in inside.to_dict().items() if path.startswith(start)}
    return _compose(inside.space, {**tried.to_dict(), **known})


def _change(decisions: Decisions, index: int, value: Any) -> Decisions | None:
    """Returns decisions with the value of one point changed; None if it is not active or its group does not allow the value.

    Points that become active get their first values.
    """
    space = decisions.space
    if index not in decisions.active:
        return None
    point, chosen = space.points[index], decisions.to_dict()
    if not isinstance(point, Choice) or point.group is None:
        return _compose(space, {**chosen, point.path: value})
    members = [space.points[member] for member in point.group.members]
    picks = [int(chosen[member.path]) for member in members]
    changed = _change_pick(picks, point, value)
    if changed is None:
        return None
    for member, old, new in zip(members, picks, changed):
        if old != new:  # points in another candidate of this pick are other points
            chosen[member.path] = new
    return _compose(space, chosen)


def _change_pick(picks: list[int], point: Choice, value: int) -> list[int] | None:
    """Returns the picks of a group with one changed, and others adapted to the rule of the group; None if impossible."""
    group = point.group
    assert group is not None
    found, step = list(picks), int(group.distinct)
    if group.sorted:
        for pick, old in enumerate(picks):
            bound = value + (pick - point.pick) * step
            found[pick] = value if pick == point.pick else (min if pick < point.pick else max)(old, bound)
        return found if found[0] >= 0 and found[-1] < point.count else None
    if group.distinct and value in found:
        found[found.index(value)] = found[point.pick]
    found[point.pick] = value
    return found


def _compose(space: Space, chosen: Mapping[str, Any]) -> Decisions:
    """Returns decisions with some values by path, and the first value of all other active points."""

    def decide(_: int, point: Point) -> Any:
        if not isinstance(point, Choice):
            return chosen.get(point.path, point.min_value)
        is_distinct = point.group is not None and point.group.distinct
        return chosen.get(point.path, point.pick if is_distinct else 0)

    return Decisions(space, tuple(walk_points(space, decide)))
