"""Decisions: one answer to all active points of a space; the whole language between searches and programs.

The value itself is a flat vector; its other forms (*faces*) are made and read in ``faces``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, final

from . import formats, serialize
from .active import active_points
from .validate import Vector, check_vector

if TYPE_CHECKING:
    from .space import Space


@final
class Decisions:
    """A valid decision vector of ``space``: the active decisions only, in the order of ``Space.points``.

    Immutable and hashable.  Choices are decided by candidate index, numbers by value.

    >>> from pliant.space import choice, floating, flatten
    >>> space = flatten([choice("op", [None, floating("p", 0, 1)], literals=["id", "drop"])])
    >>> d = Decisions(space, [1, 0.5])
    >>> d, d["op"], d["op[=1/2].p"], Decisions(space, [0])["op[=1/2].p"]
    (Decisions({'op': 1, 'op[=1/2].p': 0.5}), 1, 0.5, None)
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
        self._values = check_vector(space, tuple(values))

    @classmethod
    def _of(cls, space: Space, values: Vector) -> Decisions:
        """Returns decisions without checks, for vectors that are valid by construction."""
        self = _new(cls)
        self._space = space
        self._values = values
        return self

    @property
    def space(self) -> Space:
        """The space that these decisions are of."""
        return self._space

    @property
    def values(self) -> Vector:
        """The active decisions in order: ints for choices and integers, floats for floats."""
        return self._values

    @property
    def active(self) -> tuple[int, ...]:
        """The indices in ``space.points`` that the values decide, one per value."""
        return active_points(self._space, self._values)

    def to_dict(self) -> dict[str, int | float]:
        """Returns ``{path: value}`` of the active points."""
        return formats.to_dict(self)

    def to_params(self) -> dict[str, str | float]:
        """Returns ``{path: '<index>/<count> (<literal>)'}``, with bare numbers for integers and floats."""
        return formats.to_params(self)

    def to_params_str(self) -> str:
        """Returns ``to_params`` as JSON text, which trainers take as ``--nas_params_str``."""
        return formats.to_params_str(self)

    def to_tree(self) -> list[Any]:
        """Returns the decisions nested as the space is; see ``pliant.space.formats``."""
        return formats.to_tree(self)

    def to_json(self) -> list[int | float]:
        """Returns the values as plain JSON data; the space is stored apart."""
        return list(self._values)

    @classmethod
    def from_json(cls, space: Space, data: Any) -> Decisions:
        """Reads what ``to_json`` returned.

        Raises:
          LoadError: ``data`` is not a list of numbers.
          DecisionError: the numbers are not decisions of ``space``.
        """
        return cls(space, serialize.numbers_from_json(data))

    def __getitem__(self, key: str) -> int | float | None:
        """Returns the decision of the point with this path or name; None where the point is inactive.

        Raises:
          DecisionError: the space has no such point, or several active ones of this name.
        """
        return formats.get(self, key)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[int | float]:
        return iter(self._values)

    def __eq__(self, other: Any) -> bool:
        if other.__class__ is not Decisions:
            return NotImplemented
        return self._values == other._values and (self._space is other._space or self._space == other._space)

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        return f"Decisions({self.to_dict()!r})"

    def __copy__(self) -> Decisions:
        return self

    def __deepcopy__(self, memo: Any) -> Decisions:
        return self

    def __reduce__(self) -> Any:
        return Decisions._of, (self._space, self._values)


_new = object.__new__
