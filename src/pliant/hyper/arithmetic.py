"""Arithmetic of holes: ``pg.oneof([1, 2]) * 8`` is a hole whose value is computed from the same decision.

Sums, differences, products and floor quotients of numbers and of holes over numbers.  What needs the value at once (a
comparison, ``if``, ``np.sqrt``) still raises an error.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any

from pliant.schema import ValueSpec
from pliant.symbolic.edit.clone import clone
from pliant.values.errors import FieldValueError, PliantError, quote
from pliant.values.path import Path, at_path

from .hole import DerivedHole, Floatv, Hole, Intv, OneOf

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
}
_METHODS = {"+": "add", "-": "sub", "*": "mul", "//": "floordiv"}
MAX_VALUES = 4096  # with more values, fields do not check them, and encode cannot find one


class Computed(DerivedHole):
    """A number computed from one or two holes over numbers; made by ``+``, ``-``, ``*`` and ``//``.

    >>> import pliant as pg
    >>> width = pg.oneof([1, 2, 4], name="width")
    >>> [(d.a, d.b) for d in pg.iter(pg.Dict(a=width, b=2 * width + 1))]
    [(1, 3), (2, 5), (4, 9)]

    Attributes:
      sign: ``+``, ``-``, ``*`` or ``//``.
      left: a number or a hole.
      right: a number or a hole.
      as_float: whether the value is a float, as in a field of floats.
    """

    _sym_terse = True
    sign: str
    left: Any
    right: Any
    as_float: bool = False

    def inner(self) -> Any:
        """Returns the hole, or a list of both holes."""
        holes = [clone(one) for one in (self.left, self.right) if isinstance(one, Hole)]
        return holes[0] if len(holes) == 1 else holes

    def build(self, value: Any) -> Any:
        """Returns the number for the values of the holes."""
        values = iter(value if isinstance(self.left, Hole) and isinstance(self.right, Hole) else [value])
        left, right = (next(values) if isinstance(one, Hole) else one for one in (self.left, self.right))
        try:
            found = SIGNS[self.sign](left, right)
        except ZeroDivisionError:
            raise FieldValueError(
                f"`{left} // {right}` in {quote(self, 120)} divides by zero. Leave 0 out of the candidates."
            ) from None
        return float(found) if self.as_float else found

    def unbuild(self, value: Any) -> Any:
        """Returns the values of the holes for a number; the first ones, if holes without names have several."""
        leaves = dict(_find_leaves(self))
        found = [choice for choice, number in _evaluate_all(self) or () if number == value]
        if not found and len(leaves) == 1 and (inner := self._invert(value)) is not None:
            return inner
        if not found:
            raise ValueError(f"{value} is not among the values of {quote(self, 120)}")
        if len(found) > 1 and any(leaf.name is not None for leaf in leaves.values()):
            raise NotImplementedError(
                f"{value} does not tell the values of {listing_names(leaves)}. Put a hole of each name at a place of its own: it is read there."
            )
        parts = [_evaluate(one, found[0]) for one in (self.left, self.right) if isinstance(one, Hole)]
        return parts[0] if len(parts) == 1 else parts

    def _invert(self, value: Any) -> Any:
        """Returns the value of the only hole, which has too many values to try; None if it is not determined."""
        hole_first = isinstance(self.left, Hole)
        other = self.right if hole_first else self.left
        if isinstance(other, Hole) or (self.sign == "*" and other == 0):
            return None
        if self.sign == "+":
            return value - other
        if self.sign == "-":
            return value + other if hole_first else other - value
        if self.sign == "*":
            return value / other if value % other else value // other
        return None

    def admit(self, spec: ValueSpec, path: Path) -> Any:
        """Checks all values, if they can be listed."""
        converted = False
        for _, number in _evaluate_all(self) or ():
            try:
                stored = spec.check(number, path)
            except PliantError as error:
                raise type(error)(
                    f"{quote(self, 120)} has a value that its field does not allow {at_path(path)}: {error}"
                ) from error
            converted |= stored.__class__ is float and number.__class__ is int
        return (
            self
            if not converted
            else type(self)(self.sign, clone(self.left), clone(self.right), as_float=True)
        )


def listing_names(leaves: dict[Any, Any]) -> str:
    """Returns the names of holes for a message."""
    return " and ".join(
        "a hole without a name" if one.name is None else repr(one.name) for one in leaves.values()
    )


def _find_leaves(value: object) -> Iterator[tuple[Any, Any]]:
    """Yields the holes that decide a computed one: by name, or by identity without a name."""
    if isinstance(value, Computed):
        yield from _find_leaves(value.left)
        yield from _find_leaves(value.right)
    elif isinstance(value, Hole):
        yield value.name or id(value), value


def _list_values(leaf: Any) -> list[Any] | range | None:
    if isinstance(leaf, OneOf):
        return list(leaf.candidates)
    return range(leaf.min_value, leaf.max_value + 1, leaf.step) if isinstance(leaf, Intv) else None


def _evaluate_all(computed: Computed) -> list[tuple[dict[Any, Any], Any]] | None:
    """Returns the values of a computed hole, each with the values of the holes in it; None if there are too many to list.

    Holes of one name share a decision, so they have the values of one index.
    """
    leaves: dict[Any, list[Any]] = {}
    for key, leaf in _find_leaves(computed):
        leaves.setdefault(key, []).append(leaf)
    lists = {id(leaf): _list_values(leaf) for found in leaves.values() for leaf in found}
    counts = [min(len(lists[id(leaf)] or ()) for leaf in found) for found in leaves.values()]
    if not all(counts) or prod(counts) > MAX_VALUES:
        return None
    made = []
    for indices in product(*map(range, counts)):
        chosen = {
            id(leaf): lists[id(leaf)][index]  # type: ignore[index]  # none is None
            for found, index in zip(leaves.values(), indices)
            for leaf in found
        }
        made.append((chosen, _evaluate(computed, chosen)))
    return made


def _evaluate(value: Any, chosen: dict[Any, Any]) -> Any:
    if not isinstance(value, Computed):
        return chosen[id(value)] if isinstance(value, Hole) else value
    parts = [_evaluate(one, chosen) for one in (value.left, value.right) if isinstance(one, Hole)]
    return value.build(parts[0] if len(parts) == 1 else parts)


# ------------------------------------------------------------------ operators


def _is_number(value: object) -> bool:
    """Returns whether a value is a number, or a hole that becomes one."""
    if isinstance(value, OneOf):
        return all(c.__class__ in (int, float) for c in value.candidates)
    return value.__class__ in (int, float) or isinstance(value, (Intv, Floatv, Computed))


def _make_operator(
    sign: str, before: Callable[[Any, Any], Any], *, reflected: bool
) -> Callable[[Any, Any], Any]:
    def compute(self: Any, other: Any) -> Any:
        if not (_is_number(self) and _is_number(other)):
            return before(self, other)  # raises, or joins lists
        if sign == "//" and not reflected and other.__class__ in (int, float) and other == 0:
            raise FieldValueError(f"`hole // 0` divides by zero, for {quote(self, 120)}.")
        left, right = (clone(one) if isinstance(one, Hole) else one for one in (self, other))
        return Computed(sign, right, left) if reflected else Computed(sign, left, right)

    return compute


for _cls in (OneOf, Intv, Floatv, Computed):
    for _sign, _name in _METHODS.items():
        for _prefix in ("", "r"):
            _method = f"__{_prefix}{_name}__"
            setattr(_cls, _method, _make_operator(_sign, getattr(_cls, _method), reflected=bool(_prefix)))
