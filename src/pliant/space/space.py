"""``Space``: the abstract search space, an immutable flat list of decision points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial
from random import Random
from typing import Any, final

from pliant.values.errors import LoadError, SpaceError, quote
from pliant.values.numbers import to_whole
from pliant.values.text import to_html

from . import enumeration, formats, sample, serialize, text
from .decisions import Decisions
from .layout import Units, check_layout, make_units, measure
from .points import Float, Point
from .text import say_size
from .validate import check_vector


@final
class Space:
    """All decision points in depth-first order, and which of them are always active (``top``).

    Usually made by ``abstract_search_space(program)``, or by ``flatten`` from a description.  Immutable and
    hashable; equal spaces have equal points (hints are ignored).

    >>> from pliant.space import choice, flatten, integer
    >>> space = flatten([choice("op", [None, integer("k", 1, 3)], literals=["id", "conv"]), choice("act", 2)])
    >>> space
    Space(3 decision points, size 8)
    >>> space.sample(seed=1).to_params()
    {'op': '0/2 (id)', 'act': '1/2 (1)'}
    >>> [d.values for d in space.iterate(start=5)]
    [(1, 2, 1), (1, 3, 0), (1, 3, 1)]
    """

    __slots__ = ("_cache", "_ends", "_fingerprint", "_hash", "_points", "_sampler", "_size", "_top", "_units")
    _units: Units

    def __init__(self, points: Iterable[Point], top: Iterable[int]) -> None:
        """Checks a flat layout and stores it; ``flatten`` makes such a layout.

        Raises:
          SpaceError: the layout is not the depth-first order of a tree of points.
        """
        self._points = tuple(points)
        self._top = tuple(top)
        self._ends = check_layout(self._points, self._top)
        self._units = make_units(self._points, self._top)
        self._size: int | float = math.inf if self._has_floats else measure(self._units)
        self._hash: int | None = None
        self._fingerprint: str | None = None
        self._sampler: Any = None
        self._cache: dict[Any, Any] = {}

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, conditional ones included, in depth-first order."""
        return self._points

    @property
    def top(self) -> tuple[int, ...]:
        """The indices of the points that are always active."""
        return self._top

    @property
    def size(self) -> int | float:
        """The exact number of distinct decisions; ``math.inf`` with a float."""
        return self._size

    @property
    def fingerprint(self) -> str:
        """A hex SHA-256 that is the same for equal spaces, in every process and on every platform."""
        if self._fingerprint is None:
            self._fingerprint = serialize.fingerprint(self)
        return self._fingerprint

    def point(self, key: str) -> Point:
        """Returns the point with this path or name (the first, where points of a group share a name).

        Raises:
          DecisionError: there is none; the message suggests the nearest.
        """
        return self._points[formats.find_points(self, key)[0]]

    def sample(self, seed: int | Random | None = None, *, uniform: bool = False) -> Decisions:
        """Draws decisions.

        Args:
          seed: a number, a generator to draw from, or None for seed 0.
          uniform: draw uniformly over distinct decisions, instead of each decision independently (which favours
            candidates with few points below them).  Floats then still follow their scale, integers do not.
        """
        rng = seed if seed.__class__ is Random else sample.as_random(seed)
        if uniform:
            return Decisions._of(self, sample.sample_uniform(self, rng))
        sampler = self._sampler
        if sampler is None:
            sampler = self._sampler = sample.make_sampler(self._units)
        return Decisions._of(self, sampler(rng.random))

    def iterate(self, start: int = 0) -> Iterator[Decisions]:
        """Yields all decisions in lexicographic order (rightmost fastest), from number ``start``.

        Raises:
          SpaceError: the space is infinite, or ``start`` is negative.
        """
        enumeration.check_countable(self, "iterate")
        start = self._check_rank(start, "start", self._size)
        return map(partial(Decisions._of, self), enumeration.walk_units(self._units, start))

    def unrank(self, rank: int) -> Decisions:
        """Returns the decisions at position ``rank`` of ``iterate``, without enumerating.

        Raises:
          SpaceError: the space is infinite, or ``rank`` is not in ``0..size-1``.
        """
        enumeration.check_countable(self, "count to a rank")
        rank = self._check_rank(rank, "rank", self._size - 1)
        return Decisions._of(self, tuple(enumeration.unrank_units(self._units, rank)))

    def rank(self, decisions: object) -> int:
        """Returns the position of ``decisions`` (in any format) in ``iterate``.

        Raises:
          SpaceError: the space is infinite.
          DecisionError: see ``parse``.
        """
        enumeration.check_countable(self, "rank")
        return enumeration.rank_units(self._units, self.parse(decisions).values)[0]

    def validate(self, decisions: object) -> Decisions:
        """Returns decisions of this space after checking every value again; reads any format, as ``parse`` does.

        Raises:
          DecisionError: they are invalid here; the message names the point, what was given and what is allowed.
        """
        if isinstance(decisions, Decisions):
            return Decisions._of(self, check_vector(self, formats.read_decisions(self, decisions)))
        return self.parse(decisions)

    def parse(self, decisions: object) -> Decisions:
        """Reads decisions in any format.

        Args:
          decisions: ``Decisions``, a list (or array, or tensor) of the active values, a nested tree, a dict by path or name (of a choice the index
            or ``'<index>/<count> (<literal>)'``, never the candidate; a list of picks under the path of a ``manyof``),
            such a dict as JSON text, or anything with a method ``to_decisions(space)``, such as what a mutator exports.

        Raises:
          DecisionError: they are invalid in this space.
        """
        if isinstance(decisions, Decisions):
            if decisions.space is self:
                return decisions
            return Decisions._of(self, formats.read_decisions(self, decisions))
        if hasattr(decisions, "to_decisions"):
            return self.parse(decisions.to_decisions(self))
        return Decisions._of(self, formats.read(self, decisions))

    def to_json(self) -> dict[str, Any]:
        """Returns the space as plain JSON data (hints that are not JSON data are left out)."""
        return serialize.to_json(self)

    @classmethod
    def from_json(cls, data: object) -> Space:
        """Reads what ``to_json`` returned, or its text.

        Raises:
          LoadError: it is damaged.
        """
        points, top = serialize.from_json(data)
        try:
            return cls(points, top)
        except SpaceError as error:
            raise LoadError(f"a stored space is damaged or was changed: {error}") from error

    def diff(self, other: Space) -> list[str]:
        """Returns the differences between this space and ``other`` as lines; none if they are equal."""
        return text.diff(self, other)

    def describe(self) -> str:
        """Returns the size and an indented line per point."""
        return text.describe(self)

    @property
    def _has_floats(self) -> bool:
        return any(point.__class__ is Float and point.count == math.inf for point in self._points)

    def _check_rank(self, rank: int, what: str, last: int | float) -> int:
        found = to_whole(rank, is_rank=True)
        if found is None or not 0 <= found <= last:
            given = quote(rank) if found is None else say_size(max(found, -1))
            raise SpaceError(
                f"{what} must be a whole number in 0..{say_size(last)}; got {given} of type {type(rank).__name__}."
            )
        return found

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if other.__class__ is not Space:
            return NotImplemented
        if hash(self) != hash(other) or self._top != other._top:
            return False
        return self._points == other._points

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self._points, self._top))
        return self._hash

    def __repr__(self) -> str:
        count = len(self._points)
        return f"Space({count} decision point{'' if count == 1 else 's'}, size {text.say_size(self._size)})"

    def __str__(self) -> str:
        return text.describe(self)

    def _repr_html_(self) -> str | None:
        return to_html(self)

    def __copy__(self) -> Space:
        return self

    def __deepcopy__(self, memo: object) -> Space:
        return self

    def __reduce__(self) -> Any:
        return Space, (self._points, self._top)
