"""``Decisions``: a value for each active point of a space; what algorithms propose and programs are built from.

The values form a flat vector; ``formats`` reads other formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, final

from pliant.values.errors import DecisionError, check_items, quote_typed
from pliant.values.text import to_html

from . import formats, serialize
from .active import active_points
from .points import Choice, Point
from .validate import Vector, check_vector

if TYPE_CHECKING:
    from .space import Space


@final
class Decisions:
    """A valid decision vector of ``space``: values of the active points only, in the order of ``Space.points``.

    Immutable and hashable.  In the vector, a choice has the index of a candidate; ``params`` has the candidates.

    >>> from pliant.space import choice, floating, flatten
    >>> space = flatten([choice("op", [None, floating("p", 0, 1)], literals=["id", "drop"])])
    >>> d = Decisions(space, [1, 0.5])
    >>> d, d["op"], d["op[=1/2].p"], Decisions(space, [0])["op[=1/2].p"]
    (Decisions({'op': 'drop', 'op[=1/2].p': 0.5}), 1, 0.5, None)
    """

    __slots__ = ("_space", "_values")
    _space: Space
    _values: Vector

    def __init__(self, space: Space, values: Any) -> None:
        """Checks the flat ``values`` against ``space``.

        Raises:
          DecisionError: see ``Space.validate``.
        """
        self._space = space
        if not hasattr(type(space), "points"):
            raise DecisionError(
                f"decisions are of a Space; got {quote_typed(space)}. Make one with pg.abstract_search_space(program)."
            )
        self._values = check_vector(space, check_items(values, "Decisions(values=...)", "[0, 2]"))

    @classmethod
    def _of(cls, space: Space, values: Vector) -> Decisions:
        """Returns decisions of a vector that is valid by construction, without checks."""
        self = _new(cls)
        self._space = space
        self._values = values
        return self

    @property
    def space(self) -> Space:
        """The space of these decisions."""
        return self._space

    @property
    def values(self) -> Vector:
        """The active decisions in order: ints for choices and integers, floats for floats."""
        return self._values

    @property
    def active(self) -> tuple[int, ...]:
        """The indices of the active points in ``space.points``, one per value."""
        return active_points(self._space, self._values)

    @property
    def params(self) -> dict[str, Any]:
        """``{name or path: value}`` of the active points: a path where a point has no name of its own.

        A candidate that is not a number, text, boolean or None is shown as text.
        """
        pairs = list(self._pairs())
        names = [point.name for point, _ in pairs]
        paths = {getattr(point, at, None) for point in self._space.points for at in ("path", "hole")}
        return formats.Values(
            (
                point.name
                if point.name is not None and names.count(point.name) == 1 and point.name not in paths
                else point.path,
                _show(point, value),
            )
            for point, value in pairs
        )

    def to_dict(self) -> dict[str, int | float]:
        """Returns ``{path: value}`` of the active points, with the index of the candidate for a choice."""
        return formats.Indices((point.path, value) for point, value in self._pairs())

    def to_params(self) -> dict[str, str | float]:
        """Returns ``{path: '<index>/<count> (<literal>)'}``, with bare numbers for integers and floats."""
        return {
            point.path: f"{value}/{point.count} ({point.literals[value]})"  # type: ignore[index]  # an int
            if isinstance(point, Choice)
            else value
            for point, value in self._pairs()
        }

    def to_params_str(self) -> str:
        """Returns ``to_params`` as JSON text, which trainers take as ``--nas_params_str``."""
        return json.dumps(self.to_params())

    def to_tree(self) -> list[Any]:
        """Returns the decisions nested as the space is; see ``pliant.space.formats``."""
        return _grow(self._space.points, self._space.top, iter(self._values))

    def _pairs(self) -> Iterator[tuple[Point, int | float]]:
        points = self._space.points
        return ((points[i], value) for i, value in zip(self.active, self._values, strict=True))

    def to_json(self) -> list[int | float]:
        """Returns the values as JSON data, without the space."""
        return list(self._values)

    @classmethod
    def from_json(cls, space: Space, data: object) -> Decisions:
        """Reads what ``to_json`` returned.

        Raises:
          LoadError: ``data`` is not a list of numbers.
          DecisionError: the numbers are not decisions of ``space``.
        """
        return cls(space, serialize.numbers_from_json(data))

    def __getitem__(self, key: str) -> int | float | None:
        """Returns the value of the point with this path or name; None if the point is inactive.

        Raises:
          DecisionError: the space has no such point, or several active ones of this name.
        """
        wanted = formats.find_points(self._space, key)
        found = [v for i, v in zip(self.active, self._values, strict=True) if i in wanted]
        if len(found) > 1:
            raise DecisionError(
                f"{len(found)} active points are named {key!r}; use a path: {formats.list_paths(self._space, wanted)}."
            )
        return found[0] if found else None

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[int | float]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not Decisions:
            return NotImplemented
        return self._values == other._values and (self._space is other._space or self._space == other._space)

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        return f"Decisions({self.params!r})"

    def _repr_html_(self) -> str | None:
        return to_html(self)

    def __copy__(self) -> Decisions:
        return self

    def __deepcopy__(self, memo: object) -> Decisions:
        return self

    def __reduce__(self) -> Any:
        return Decisions._of, (self._space, self._values)


_new = object.__new__


def _show(point: Point, value: Any) -> Any:
    return formats.candidate_values(point)[value] if isinstance(point, Choice) else value


def _grow(points: Sequence[Point], indices: Sequence[int], values: Iterator[int | float]) -> list[Any]:
    items: list[Any] = []
    for index in indices:
        point, value = points[index], next(values)
        item: Any = value
        if isinstance(point, Choice):
            branch = point.branches[value]  # type: ignore[index]  # an int
            if branch:
                item = [value, *_grow(points, branch, values)]
            if point.group is not None:
                if point.pick == 0:
                    items.append([])
                items[-1].append(item)
                continue
        items.append(item)
    return items
