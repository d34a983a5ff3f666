"""Builds spaces: ``flatten`` turns nested descriptions of holes into the flat layout.

``choice``, ``integer`` and ``floating`` describe one hole each, with its location *relative to the enclosing hole*;
``flatten`` joins the locations to ids and puts all points in depth-first order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pliant.values.errors import SpaceError, check_items, quote
from pliant.values.numbers import to_real, to_whole
from pliant.values.path import at_path

from .points import Choice, Float, Group, Int, Point, are_numbers
from .space import Space

MAX_CANDIDATES = 1 << 24  # of a choice that is given by their number
MAX_POINTS = 1 << 17  # of a space; a program of 150 bytes can ask for any number


@dataclass(frozen=True, slots=True)
class Hole:
    """The description of one hole, made by ``choice``, ``integer`` or ``floating``; input of ``flatten``."""

    point: Point
    candidates: tuple[tuple[Hole, ...], ...] = ()
    picks: int = 1
    distinct: bool = True
    sorted: bool = False


Below = None | Hole | Sequence[Hole]


def choice(
    path: str,
    candidates: int | Sequence[Below],
    *,
    literals: Sequence[str] | None = None,
    values: Sequence[Any] = (),
    picks: int = 1,
    distinct: bool = True,
    sorted: bool = False,
    ordered: bool | None = None,
    name: str | None = None,
    hints: object = None,
) -> Hole:
    """Describes ``picks`` picks among ``candidates``.

    Args:
      path: location relative to the enclosing hole; ``''`` if the hole is itself the root or a candidate.
      candidates: their number, or for each one the holes below it (None if it has none).
      literals: the text of each candidate; its index when not given.
      values: the candidates themselves; kept where all of them are finite numbers.
      picks: how many; with one it is a plain choice.
      distinct: whether each candidate is picked at most once.
      sorted: whether picks are in the order of the candidates.
      ordered: whether neighbouring candidates are similar; by default, whether ``values`` rise or fall.
      name: a second key for the decision.
      hints: any value; partitions select points by it.

    Raises:
      SpaceError: no candidates, or more distinct picks than candidates.

    >>> print(flatten([choice("op", [None, integer("k", 1, 3)], literals=["id", "conv"])]))
    Space of size 4 with 2 decision points
      op: choice of 2: id, conv
        op[=1/2].k: integer from 1 to 3
    """
    count = to_whole(candidates)
    given: object = candidates
    if count is None and (isinstance(given, (str, bytes)) or not isinstance(given, Sequence)):
        raise SpaceError(
            f"the candidates {at_path(path)} are their number, or a list with the holes below each; got {quote(candidates)}."
        )
    if count is not None and not 0 <= count <= MAX_CANDIDATES:
        raise SpaceError(
            f"a choice has from 1 to {MAX_CANDIDATES:,} candidates; {at_path(path)} has {count:,}. Use `integer` for numbers."
        )
    below: list[Any] = list(candidates) if count is None else [None] * count  # type: ignore[arg-type]  # not a number
    picks = to_whole(picks) or picks
    numbers = _to_numbers(values)
    values = [] if None in numbers else numbers
    texts = _to_texts(literals, len(below))
    _check_picks(path, picks, len(below), distinct)
    if not are_numbers(values):
        values = ()
    if ordered is None:
        ordered = len(values) > 1 and (_rises(values) or _rises(values[::-1]))
    point = Choice(
        path, texts, ((),) * len(below), values=tuple(values), ordered=ordered, name=name, hints=hints
    )
    return Hole(point, tuple(map(_holes, below)), picks, bool(distinct), bool(sorted))


def _to_texts(literals: Any, count: int) -> tuple[str, ...]:
    items = (
        check_items(literals, "choice(literals=...)", "['a', 'b']") if literals is not None else range(count)
    )
    return tuple(map(str, items))


def _to_numbers(values: Any) -> list[Any]:
    items = check_items(values, "choice(values=...)", "[1, 2]")
    return [v if (v := to_whole(value)) is not None else to_real(value) for value in items]


def integer(
    path: str,
    min_value: int,
    max_value: int,
    *,
    scale: str = "linear",
    step: int = 1,
    name: str | None = None,
    hints: object = None,
) -> Hole:
    """Describes a whole number from ``min_value`` to ``max_value`` inclusive.

    >>> flatten([integer("n", 2, 8, step=2)]).size
    4
    """
    return Hole(Int(path, min_value, max_value, scale, step, name, hints))


def floating(
    path: str,
    min_value: float,
    max_value: float,
    *,
    scale: str = "linear",
    name: str | None = None,
    hints: object = None,
) -> Hole:
    """Describes a number from ``min_value`` to ``max_value`` inclusive.

    >>> flatten([floating("lr", 1e-4, 1.0, scale="log")]).size
    inf
    """
    return Hole(Float(path, min_value, max_value, scale, name, hints))


def flatten(holes: Iterable[Hole]) -> Space:
    """Returns the ``Space`` of the described holes.

    A hole below candidate ``i`` of ``n`` of the choice at ``P`` gets the id ``P[=i/n]`` joined with its
    own location; the picks of a ``manyof`` at ``P`` are ``P[0]``, ``P[1]``, ... (one pick: ``P``).

    Raises:
      SpaceError: there are more than ``MAX_POINTS`` points.

    >>> inner = choice("", [None, floating("k", 0, 1)])
    >>> [p.path for p in flatten([choice("x", [inner, None], picks=2, distinct=False)]).points]
    ['x[0]', 'x[0][=0/2]', 'x[0][=0/2][=1/2].k', 'x[1]', 'x[1][=0/2]', 'x[1][=0/2][=1/2].k']
    """
    points: list[Point | None] = []
    found = check_items(holes, "flatten", "[choice('x', 2)]")
    if (count := _count(found)) > MAX_POINTS:
        raise SpaceError(
            f"this space has {count:,} decision points, and {MAX_POINTS:,} are the most. Pick fewer in `manyof`, or nest less."
        )
    top = _lay_all(found, "", points)
    return Space(points, top)  # type: ignore[arg-type]  # every None has been filled by now


def _count(holes: tuple[Hole, ...]) -> int:
    return sum(hole.picks * (1 + sum(map(_count, hole.candidates))) for hole in holes)


def join_ids(prefix: str, location: str) -> str:
    """Returns the id of what stands at ``location`` below ``prefix``.

    >>> join_ids("a", "b"), join_ids("a", "[0]"), join_ids("a[=0/2]", ""), join_ids("", "b")
    ('a.b', 'a[0]', 'a[=0/2]', 'b')
    """
    if not prefix or not location or location[0] == "[":
        return prefix + location
    return f"{prefix}.{location}"


def _lay_all(holes: tuple[Hole, ...], prefix: str, points: list[Point | None]) -> tuple[int, ...]:
    return tuple(index for hole in holes for index in _lay(hole, prefix, points))


def _lay(hole: Hole, prefix: str, points: list[Point | None]) -> list[int]:
    """Appends the points of one hole, and returns the indices of its picks."""
    path = join_ids(prefix, hole.point.path)
    indices = []
    for pick in range(hole.picks):
        index = len(points)
        indices.append(index)
        points.append(None)  # reserves the index: points below come after it
        own = path if hole.picks == 1 else f"{path}[{pick}]"
        if isinstance(hole.point, Choice):
            count = hole.point.count
            branches = tuple(
                _lay_all(below, f"{own}[={i}/{count}]", points) if below else ()
                for i, below in enumerate(hole.candidates)
            )
            points[index] = replace(hole.point, path=own, branches=branches)
        else:
            points[index] = replace(hole.point, path=own)
    if hole.picks > 1:
        group = Group(indices[0], hole.picks, hole.distinct, hole.sorted, indices[1] - indices[0])
        for pick, index in enumerate(indices):
            point = points[index]
            assert isinstance(point, Choice)  # only a choice has several picks
            points[index] = replace(point, group=group, pick=pick)
    return indices


def _holes(below: Below) -> tuple[Hole, ...]:
    if below is None:
        return ()
    holes = (below,) if isinstance(below, Hole) or not isinstance(below, Iterable) else tuple(below)
    for hole in holes:
        if not isinstance(hole, Hole):
            raise SpaceError(f"below a candidate are holes, a list of them, or None; got {quote(hole)}.")
    return holes


def _rises(values: Sequence[int | float]) -> bool:
    return all(a < b for a, b in pairwise(values))


def _check_picks(path: str, picks: int, count: int, distinct: bool) -> None:
    if picks.__class__ is not int or picks < 1:
        raise SpaceError(
            f"the number of picks {at_path(path)} must be a whole number, 1 or more; got {quote(picks)}."
        )
    if count and distinct and picks > count:
        raise SpaceError(
            f"{picks} distinct picks {at_path(path)} need at least {picks} candidates; there are {count}. "
            "Pick fewer, add candidates, or allow repetition with distinct=False."
        )
