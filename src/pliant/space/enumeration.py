"""Enumeration, ranking and unranking of decision vectors in lexicographic order.

The rightmost decision changes fastest: first pick, points below it, second pick, and so on.  A float counts as one
value and is written as None; a space with floats cannot be enumerated (``check_countable``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pliant.values.errors import SpaceError
from pliant.values.path import at_path

from .layout import Unit, Units, measure
from .points import Choice, Float, Int

if TYPE_CHECKING:
    from .space import Space

_BLOCK = 1024  # up to this many vectors of neighbouring units are listed once and reused


def check_countable(space: Space, what: str) -> None:
    """Checks that the space is finite.

    Raises:
      SpaceError: it holds a float; the message says which and what to do instead.
    """
    if space.size == math.inf:
        point = next(p for p in space.points if isinstance(p, Float) and p.count == math.inf)
        raise SpaceError(
            f"cannot {what}: the space has infinitely many points because of the float {at_path(point.path)}. "
            "Use sample(), replace the float by an integer or a choice of a few values, or leave it out with a partition."
        )


def unrank_units(units: Units, rank: int) -> list[Any]:
    """Returns the vector number ``rank`` of the units, with None for floats."""
    digits = []
    for unit in reversed(units):
        rank, digit = divmod(rank, unit.size)
        digits.append(digit)
    values: list[Any] = []
    for unit in units:
        _unrank_unit(unit, digits.pop(), values)
    return values


def _unrank_unit(unit: Unit, rank: int, values: list[Any]) -> None:
    point, picker = unit.point, unit.picker
    if picker is None:
        if isinstance(point, Int):
            values.append(point.min_value + point.step * rank)
        elif isinstance(point, Float):
            values.append(point.min_value if point.count == 1 else None)
        return
    if unit.picks == 1 and not any(unit.branches):
        values.append(rank)
        return
    state = picker.start()
    for left in range(unit.picks, 0, -1):
        candidate = later = 0
        for candidate, below, later in picker.moves(state, left):  # noqa: B007  # used after the break
            if rank < below * later:
                break
            rank -= below * later
        values.append(candidate)
        digit, rank = divmod(rank, later)
        if unit.branches[candidate]:
            values.extend(unrank_units(unit.branches[candidate], digit))
        state = picker.after(state, candidate)


def rank_units(units: Units, values: Sequence[Any], at: int = 0) -> tuple[int, int]:
    """Returns the rank of the vector that starts at ``values[at]``, and where it ends."""
    rank = 0
    for unit in units:
        digit, at = _rank_unit(unit, values, at)
        rank = rank * unit.size + digit
    return rank, at


def _rank_unit(unit: Unit, values: Sequence[Any], at: int) -> tuple[int, int]:
    point, picker = unit.point, unit.picker
    if picker is None:
        return ((values[at] - point.min_value) // point.step if isinstance(point, Int) else 0), at + 1
    if unit.picks == 1 and not any(unit.branches):
        return values[at], at + 1
    state, rank = picker.start(), 0
    for left in range(unit.picks, 0, -1):
        picked = values[at]
        for candidate, below, later in picker.moves(state, left):
            if candidate == picked:
                break
            rank += below * later
        digit, at = rank_units(unit.branches[picked], values, at + 1)
        rank += digit * later
        state = picker.after(state, picked)
    return rank, at


def walk_units(units: Units, start: int = 0) -> Iterator[tuple[Any, ...]]:
    """Yields the vectors of the units in order, from number ``start``."""
    return _Walk().product(units, start)


class _Walk:
    """One enumeration: the blocks of vectors listed so far."""

    def __init__(self) -> None:
        self.blocks: dict[Units, list[tuple[Any, ...]]] = {}
        self.splits: dict[Units, tuple[Units, Units, int]] = {}

    def product(self, units: Units, start: int) -> Iterator[tuple[Any, ...]]:
        if len(units) == 1:
            yield from self.unit(units[0], start)
            return
        if not units:
            if start == 0:
                yield ()
            return
        heads, tails, size = self.split(units)
        skip, first = divmod(start, size)
        if size > _BLOCK:
            for head in self.product(heads, skip):
                for tail in self.product(tails, first):
                    yield head + tail
                first = 0
            return
        block = self.block(tails)
        if not heads:
            yield from block[first:] if not skip else ()
            return
        for head in self.product(heads, skip):
            for tail in block[first:] if first else block:
                yield head + tail
            first = 0

    def split(self, units: Units) -> tuple[Units, Units, int]:
        """Returns the units in two: a tail small enough to list (or a single big unit), and what is before it."""
        if units not in self.splits:
            at = len(units) - 1
            while at > 0 and measure(units[at - 1 :]) <= _BLOCK:
                at -= 1
            self.splits[units] = (units[:at], units[at:], measure(units[at:]))
        return self.splits[units]

    def block(self, units: Units) -> list[tuple[Any, ...]]:
        listed = self.blocks.get(units)
        if listed is None:
            listed = [()]
            for unit in units:
                own = list(self.unit(unit, 0))
                listed = [head + tail for head in listed for tail in own]
            self.blocks[units] = listed
        return listed

    def unit(self, unit: Unit, start: int) -> Iterator[tuple[Any, ...]]:
        point, picker = unit.point, unit.picker
        if isinstance(point, Choice):
            if unit.picks == 1 and not any(unit.branches):
                return ((c,) for c in range(start, point.count))
            assert picker is not None
            return self.picks(unit, picker.start(), unit.picks, start)
        if isinstance(point, Int):
            low, step = point.min_value, point.step
            return ((value,) for value in range(low + start * step, point.max_value + 1, step))
        return iter([(point.min_value,)])

    def picks(self, unit: Unit, state: Any, left: int, start: int) -> Iterator[tuple[Any, ...]]:
        picker = unit.picker
        assert picker is not None
        for candidate, below, later in picker.moves(state, left):
            if start >= below * later:
                start -= below * later
                continue
            digit, rest = divmod(start, later)
            start = 0
            after = picker.after(state, candidate)
            for sub in self.product(unit.branches[candidate], digit):
                head = (candidate, *sub)
                if left == 1:
                    yield head
                    continue
                for tail in self.picks(unit, after, left - 1, rest):
                    yield head + tail
                rest = 0
