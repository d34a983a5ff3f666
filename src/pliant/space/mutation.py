"""Mutation: one random change to decisions, which stay valid."""

from __future__ import annotations

from bisect import bisect_left
from random import Random

from pliant.values.errors import SpaceError, quote

from .decisions import Decisions
from .points import Choice, Float, Group, Int
from .sample import as_random, sample_branch
from .scale import from_unit, to_unit
from .space import Space
from .validate import Vector

_REACH = 0.2  # the longest local move of a number, as a fraction of its scale


def mutate(decisions: Decisions, rng: Random | int | None = None) -> Decisions:
    """Returns decisions with one decision changed; points that become active below it are sampled, the rest is kept.

    The decision is picked uniformly among the active ones that can change. A choice gets any other candidate.
    A pick of a distinct ``manyof`` gets an unused candidate, or swaps with another pick if all are used; sorted
    picks are sorted again. A number moves to a nearby value on its scale with probability 1/2, and is sampled
    otherwise.

    Args:
      decisions: valid decisions to start from.
      rng: a generator, a seed, or None for seed 0.

    Raises:
      SpaceError: the space has only one element.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("a", 2), choice("b", 1)])
    >>> mutate(Decisions(space, [0, 0]), 1)
    Decisions({'a': 1, 'b': 0})
    """
    rng = as_random(rng)
    space, active = decisions.space, decisions.active
    left = list(range(len(active)))
    while left:
        at = int(rng.random() * len(left))
        left[at], left[-1] = left[-1], left[at]
        changed = _change(space, active, decisions.values, left.pop(), rng)
        if changed is not None:
            return Decisions._of(space, changed)
    raise SpaceError(
        f"nothing can be mutated: {quote(space)} has only one element. Add candidates, or replace these holes by values."
    )


def blocks_of(
    space: Space, active: tuple[int, ...], values: Vector, group: Group
) -> tuple[int, list[Vector]]:
    """Returns where the picks of an active group start, and per pick its candidate with all below it."""
    starts = [bisect_left(active, member) for member in group.members]
    end = bisect_left(active, space._ends[group.members[-1]])
    return starts[0], [values[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)]


def join_blocks(values: Vector, start: int, old: list[Vector], new: list[Vector], *, group: Group) -> Vector:
    """Returns ``values`` with the blocks of a group replaced (and sorted by candidate if it is sorted)."""
    if group.sorted:
        new = sorted(new, key=lambda block: block[0])
    end = start + sum(map(len, old))
    return values[:start] + tuple(value for block in new for value in block) + values[end:]


def _change(space: Space, active: tuple[int, ...], values: Vector, at: int, rng: Random) -> Vector | None:
    """Returns the vector with the decision at ``at`` changed, or None if it cannot change."""
    point, old = space.points[active[at]], values[at]
    if not isinstance(point, Choice):
        number = _move(point, old, rng)
        return None if number is None else (*values[:at], number, *values[at + 1 :])
    group = point.group
    if group is not None and (group.distinct or group.sorted):
        return _change_pick(space, active, values, point, rng)
    if point.count == 1:
        return None
    new = int(rng.random() * (point.count - 1))
    new += new >= old
    end = bisect_left(active, space._ends[active[at]])
    return (*values[:at], new, *sample_branch(space, point.branches[new], rng), *values[end:])


def _change_pick(
    space: Space, active: tuple[int, ...], values: Vector, point: Choice, rng: Random
) -> Vector | None:
    group = point.group
    assert group is not None
    start, blocks = blocks_of(space, active, values, group)
    taken = {block[0] for block in blocks} if group.distinct else {blocks[point.pick][0]}
    free = [c for c in range(point.count) if c not in taken]
    new = list(blocks)
    if free:
        candidate = free[int(rng.random() * len(free))]
        new[point.pick] = (candidate, *sample_branch(space, point.branches[candidate], rng))
    elif group.sorted or not group.distinct:
        return None
    else:
        other = int(rng.random() * (group.picks - 1))
        other += other >= point.pick
        new[point.pick], new[other] = new[other], new[point.pick]
    return join_blocks(values, start, blocks, new, group=group)


def _move(point: Int | Float, old: int | float, rng: Random) -> int | float | None:
    """Returns another value of a numeric point, or None if it has just one."""
    if point.count == 1:
        return None
    for _ in range(4):
        if rng.random() < 0.5:
            unit = to_unit(point, old) + _REACH * (rng.random() - rng.random())
            unit = -unit if unit < 0 else 2 - unit if unit > 1 else unit
        else:
            unit = rng.random()
        value = from_unit(point, unit)
        if value != old:
            return value
    if isinstance(point, Int):
        steps = [v for v in (old - point.step, old + point.step) if point.min_value <= v <= point.max_value]
        return steps[int(rng.random() * len(steps))]
    return point.max_value if old == point.min_value else point.min_value
