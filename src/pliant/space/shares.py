"""Sizes of the parts of a space: how many decisions are below each path, and below each candidate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pliant.values.errors import PathError
from pliant.values.path import Key, Path

from .layout import Unit, measure
from .points import Choice
from .space import Space


@dataclass(frozen=True, slots=True)
class Part:
    """The holes below one path.

    Attributes:
      path: the path that they share.
      depth: how many parts enclose it.
      holes: the number of holes, those in candidates included.
      size: the number of distinct decisions of these holes; a float counts as one.
      share: the logarithm of ``size`` as a fraction of that of the whole space.
    """

    path: str
    depth: int
    holes: int
    size: int
    share: float


def find_parts(space: Space) -> list[Part]:
    """Returns the parts of a space, each before the parts in it.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("a.x", 2), choice("a.y", 4), choice("b", 2)])
    >>> [(p.path, p.depth, p.size, p.share) for p in find_parts(space)]
    [('a', 0, 8, 0.75), ('a.x', 1, 2, 0.25), ('a.y', 1, 4, 0.5), ('b', 0, 2, 0.25)]
    """
    whole = math.log(measure(space._units))
    placed = [(_keys(hole_path(unit)), unit) for unit in space._units]
    return list(_split(placed, (), 0, whole))


def index_holes(space: Space) -> list[tuple[int, Unit]]:
    """Returns the holes of a space in depth-first order, each with the index of its point.

    Of a ``manyof``, that is its first pick, with the holes below it.

    >>> from pliant.space import choice, flatten, integer
    >>> [i for i, _ in index_holes(flatten([choice("ops", [None, integer("k", 1, 3)], picks=2), choice("b", 2)]))]
    [0, 1, 4]
    """
    places = {point.path: index for index, point in enumerate(space.points)}
    return [(places[unit.point.path], unit) for unit in _walk(space._units)]


def hole_path(unit: Unit) -> str:
    """Returns the path of a hole, without the pick of a ``manyof``."""
    return unit.point.hole if isinstance(unit.point, Choice) else unit.point.path


def count_below(unit: Unit) -> tuple[int, ...]:
    """Returns the number of distinct decisions below each candidate; nothing for a number.

    >>> from pliant.space import choice, flatten, integer
    >>> count_below(index_holes(flatten([choice("op", [None, integer("k", 1, 3)])]))[0][1])
    (1, 3)
    """
    return tuple(map(measure, unit.branches))


def _walk(units: Sequence[Unit]) -> Iterator[Unit]:
    for unit in units:
        yield unit
        for branch in unit.branches:
            yield from _walk(branch)


def _keys(path: str) -> tuple[Key, ...]:
    try:
        return Path.parse(path).keys
    except PathError:  # an id that somebody chose
        return (path,)


def _split(
    placed: Sequence[tuple[tuple[Key, ...], Unit]], above: tuple[Key, ...], depth: int, whole: float
) -> Iterator[Part]:
    """Yields the parts of holes whose paths start with ``above``, with the parts in them."""
    groups: dict[Key | None, list[tuple[tuple[Key, ...], Unit]]] = {}
    for keys, unit in placed:
        groups.setdefault(keys[len(above)] if len(keys) > len(above) else None, []).append((keys, unit))
    if len(groups) == 1 and len(placed) > 1 and None not in groups:  # one child: not a part of its own
        yield from _split(placed, placed[0][0][: len(above) + 1], depth, whole)
        return
    for group in groups.values():
        prefix = group[0][0] if len(group) == 1 else group[0][0][: len(above) + 1]
        while len(group) > 1 and len({keys[: len(prefix) + 1] for keys, _ in group}) == 1:
            prefix = group[0][0][: len(prefix) + 1]
        units = [unit for _, unit in group]
        size = measure(units)
        holes = sum(1 for _ in _walk(units))
        yield Part(str(Path(prefix)), depth, holes, size, math.log(size) / whole if whole else 0.0)
        if len(group) > 1:
            yield from _split(group, prefix, depth + 1, whole)
