"""Neighbours: all decisions that differ in one choice or integer."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from random import Random

from .decisions import Decisions
from .mutation import blocks_of, join_blocks
from .points import Choice, Float, Int
from .sample import as_random, sample_branch
from .scale import from_unit, to_unit
from .space import Space
from .validate import Vector

_FEW = 16  # up to this many values, every other value of an integer is a neighbour
_FAR = 0.1  # above: one step, and this fraction of the scale, in both directions


def neighbours(decisions: Decisions, rng: Random | int | None = None) -> Iterator[Decisions]:
    """Yields the valid decisions that differ in one choice or integer, each once, in the order of the points.

    A choice takes each other candidate; points that become active below it are sampled with ``rng`` (a generator, a
    seed, or None for seed 0). Picks of a ``manyof`` are replaced as in ``mutate``; unsorted ones also swap, two at
    a time. An integer with up to 16 values takes each other value; with more, it moves by one step and by a tenth of its
    scale up and down. Floats are kept.

    >>> from pliant.space import choice, flatten, integer
    >>> space = flatten([choice("a", 3), integer("n", 1, 2)])
    >>> [d.values for d in neighbours(Decisions(space, [0, 1]))]
    [(1, 1), (2, 1), (0, 2)]
    """
    rng = as_random(rng)
    space, active, values = decisions.space, decisions.active, decisions.values
    seen = {values}
    for at, index in enumerate(active):
        for changed in _changes(space, active, values, at, index, rng):
            if changed not in seen:
                seen.add(changed)
                yield Decisions._of(space, changed)


def _changes(
    space: Space, active: tuple[int, ...], values: Vector, at: int, index: int, rng: Random
) -> Iterator[Vector]:
    point, old = space.points[index], values[at]
    if isinstance(point, Float):
        return
    if isinstance(point, Int):
        for number in _near(point, int(old)):
            yield (*values[:at], number, *values[at + 1 :])
        return
    group = point.group
    if group is not None and (group.distinct or group.sorted):
        yield from _change_picks(space, active, values, point, rng)
        return
    end = bisect_left(active, space._ends[index])
    for new in range(point.count):
        if new != old:
            yield (*values[:at], new, *sample_branch(space, point.branches[new], rng), *values[end:])


def _change_picks(
    space: Space, active: tuple[int, ...], values: Vector, point: Choice, rng: Random
) -> Iterator[Vector]:
    """Yields the other picks that one pick could be, then the swaps with later picks."""
    group = point.group
    assert group is not None
    start, blocks = blocks_of(space, active, values, group)
    taken = {block[0] for block in blocks} if group.distinct else {blocks[point.pick][0]}
    for candidate in range(point.count):
        if candidate not in taken:
            new = list(blocks)
            new[point.pick] = (candidate, *sample_branch(space, point.branches[candidate], rng))
            yield join_blocks(values, start, blocks, new, group=group)
    if not group.sorted:
        for other in range(point.pick + 1, group.picks):
            new = list(blocks)
            new[point.pick], new[other] = new[other], new[point.pick]
            yield join_blocks(values, start, blocks, new, group=group)


def _near(point: Int, old: int) -> list[int]:
    low, step, last = point.min_value, point.step, point.last
    if point.count <= _FEW:
        return [value for value in range(low, last + 1, step) if value != old]
    unit = to_unit(point, old)
    far = [int(from_unit(point, min(max(unit + way, 0.0), 1.0))) for way in (-_FAR, _FAR)]
    return sorted({v for v in (old - step, old + step, *far) if low <= v <= last and v != old})
