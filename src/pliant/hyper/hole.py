"""Holes: placeholders in a program for decisions that are not made yet (the paper's *hyper values*).

A hole is a symbolic object, which can be queried, copied, replaced, printed and stored.  It describes the values
that it could become.  Sums, differences, products and floor quotients of holes over numbers are holes (``Computed``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any, ClassVar

from pliant import schema as specs
from pliant.schema import ValueSpec
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.object import Object
from pliant.symbolic.tree.node import Node, children
from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, SpaceError, quote, quote_typed
from pliant.values.path import Path, at_path
from pliant.values.placeholder import Placeholder

from .undecided import Undecided, refuse


class Hole(Undecided, Object, Placeholder):
    """Base class of all holes.  A subclass may have fields ``name`` and ``hints``."""

    _sym_terse = True

    @property
    def name(self) -> str | None:
        """A second key for the decision; holes with the same name share one decision (*tied* holes)."""
        return None

    @property
    def hints(self) -> Any:
        """Any value; partitions select holes by it."""
        return None

    def admit(self, spec: ValueSpec, path: Path) -> Any:
        """Checks the values that this hole could become against a field's spec; see ``Placeholder``."""
        raise FieldTypeError(
            f"{type(self).__name__} does not define the values that it could become; override `admit`."
        )


class OneOf(Hole):
    """One of several candidates; made by ``pg.oneof``."""

    _is_choice: ClassVar[bool] = True
    _sym_literal_names: ClassVar[dict[str, str]] = {n: n for n in ("name", "hints", "candidates")}

    candidates: specs.List(specs.Any())  # type: ignore[valid-type]  # a spec, which says more than an annotation
    name: str | None = None
    hints: Any = None

    def admit(self, spec: ValueSpec, path: Path) -> Any:
        """Checks each candidate; converts those that the field would convert."""
        return _with_candidates(self, _checked(self.candidates, spec, path))

    def __add__(self, other: Any) -> Any:
        """Appends a list to each candidate, all of which must be lists; returns one choice."""
        return _joined(self, lambda c: c + other, "{0} + {1}", other)

    def __radd__(self, other: Any) -> Any:
        return _joined(self, lambda c: type(c)(other) + c, "{1} + {0}", other)


class ManyOf(Hole):
    """Several picks among candidates; made by ``pg.manyof`` and ``pg.permute``.

    Attributes:
      num_choices: the number of picks.
      candidates: the values to pick from.
      distinct: whether each candidate is picked at most once.
      sorted: whether picks keep the order of the candidates.
    """

    _sym_literal_names: ClassVar[dict[str, str]] = {
        n: n for n in ("name", "hints", "num_choices", "candidates")
    } | {"distinct": "choices_distinct", "sorted": "choices_sorted"}

    num_choices: int
    candidates: specs.List(specs.Any())  # type: ignore[valid-type]  # a spec, which says more than an annotation
    distinct: bool = True
    sorted: bool = False
    name: str | None = None
    hints: Any = None

    def admit(self, spec: ValueSpec, path: Path) -> Any:
        """Checks each candidate as an item of the field's list, and the number of picks as its size."""
        item = _list_spec(spec)
        if item is None:
            raise FieldTypeError(
                f"manyof becomes a list, but the field {at_path(path)} allows {quote(spec, 200)}. Use oneof for a single value."
            )
        if isinstance(item, specs.List):
            low, high = item.min_size or 0, item.max_size
            if self.num_choices < low or (high is not None and self.num_choices > high):
                raise FieldValueError(
                    f"manyof picks {self.num_choices} items {at_path(path)}; allowed: {quote(item, 200)}. Change `k`, or the sizes."
                )
            return _with_candidates(self, _checked(self.candidates, item.element, path))
        return self


class Floatv(Hole):
    """A number in a range; made by ``pg.floatv``."""

    _sym_literal = "Float"
    _sym_literal_names: ClassVar[dict[str, str]] = {
        n: n for n in ("name", "hints", "min_value", "max_value", "scale")
    }

    min_value: float
    max_value: float
    scale: str = "linear"
    name: str | None = None
    hints: Any = None

    def admit(self, spec: ValueSpec, path: Path) -> Any:
        """Checks both ends of the range."""
        if isinstance(spec, specs.Enum):
            raise FieldTypeError(
                f"floatv becomes any number of its range, but the field {at_path(path)} allows only {quote(spec, 200)}. "
                "Use oneof with some of these values."
            )
        _check_ends(self, spec, path, "floatv")
        return self


class Intv(Hole):
    """A whole number in a range; made by ``pg.intv``."""

    min_value: int
    max_value: int
    scale: str = "linear"
    step: int = specs.Int(1, min_value=1)  # type: ignore[assignment]  # a spec, which says more than a value
    name: str | None = None
    hints: Any = None
    as_float: bool | None = None

    def admit(self, spec: ValueSpec, path: Path) -> Any:
        """Checks both ends of the range; all values if the field lists its values.

        In a field of floats it becomes floats (``as_float``), as an int that is assigned there does.
        """
        if isinstance(spec, specs.Enum):
            for value in range(self.min_value, self.max_value + 1, self.step):
                spec.check(value, path)
            return self
        if _check_ends(self, spec, path, "intv").__class__ is not float or self.as_float:
            return self
        return type(self)(**{**self.sym_init_args, "as_float": True})


class DerivedHole(Hole):
    """Base class of user-defined holes: an inner program with ordinary holes, and a function of its value.

    Return the inner program from ``inner``, and convert its value in ``build``.  Algorithms see the ordinary decisions
    of the inner program, so every algorithm can search it.

    >>> import pliant as pg
    >>> class PowerOfTwo(pg.DerivedHole):
    ...     most: int
    ...     def inner(self):
    ...         return pg.intv(0, self.most)
    ...     def build(self, value):
    ...         return 2 ** value
    ...     def unbuild(self, value):
    ...         return value.bit_length() - 1
    >>> list(pg.iter(pg.Dict(width=PowerOfTwo(2))))
    [{width=1}, {width=2}, {width=4}]
    """

    def inner(self) -> Any:
        """Returns the inner program with holes."""
        raise NotImplementedError(f"{type(self).__name__} must define inner(self).")

    def build(self, value: object) -> Any:
        """Returns the value of this hole for a value of the inner program."""
        raise NotImplementedError(f"{type(self).__name__} must define build(self, value).")

    def unbuild(self, value: object) -> Any:
        """Returns the value of the inner program for a value of this hole: the inverse of ``build``, used by ``encode``."""
        raise NotImplementedError(
            f"{type(self).__name__} must define unbuild(self, value) before programs can be encoded."
        )

    def admit(self, spec: ValueSpec, path: Path) -> Any:
        """Accepts every field, because the values that ``build`` returns are not known."""
        return self


def _checked(candidates: Any, spec: ValueSpec, path: Path) -> list[Any]:
    return [spec.check(c, path + "candidates" + i) for i, c in children(candidates) or ()]


def _with_candidates(hole: Any, checked: list[Any]) -> Any:
    """Returns the hole, or a copy with the converted candidates if checking converted any."""
    if all(new is old for new, old in zip(checked, hole.candidates._sym_values())):
        return hole
    return type(hole)(**{**hole.sym_init_args, "candidates": checked})


def _list_spec(spec: ValueSpec) -> ValueSpec | None:
    """Returns the part of a spec that allows lists, or None."""
    if isinstance(spec, (specs.List, specs.Any)):
        return spec
    if isinstance(spec, specs.Union):
        for candidate in spec.candidates:
            found = _list_spec(candidate)
            if found is not None:
                return found
    return None


def _check_ends(hole: Any, spec: ValueSpec, path: Path, verb: str) -> Any:
    """Returns the upper end as the field stores it, after checking both."""
    stored = None
    advice = " Use intv for whole numbers." if verb == "floatv" and isinstance(spec, specs.Int) else ""
    for end in ("min_value", "max_value"):
        try:
            stored = spec.check(getattr(hole, end), path)
        except PliantError as error:
            raise type(error)(
                f"{verb}({hole.min_value}, {hole.max_value}) has values that its field does not allow: {error}{advice}"
            ) from error
    return stored


def _joined(hole: OneOf, join: Any, use: str, other: object) -> Any:
    if not isinstance(other, list):
        raise refuse(hole, use, other, is_result=True)
    for i, candidate in enumerate(hole.candidates):
        if not isinstance(candidate, list):
            raise FieldTypeError(
                f"oneof(...) + [...] joins lists, but candidates[{i}] is {quote_typed(candidate)}. "
                "Make every candidate a list."
            )
    return type(hole)(candidates=[join(c) for c in hole.candidates], name=hole.name, hints=hole.hints)


def check_candidates(candidates: Any, verb: str) -> list[Any]:
    """Returns candidates as a list.

    Raises:
      SpaceError: they are not a sequence, or empty.
    """
    if isinstance(candidates, (str, bytes, Hole)) or not hasattr(candidates, "__iter__"):
        raise SpaceError(f"{verb} needs a list of candidates; got {quote_typed(candidates)}.")
    if isinstance(candidates, dict):
        raise SpaceError(f"{verb} needs a list of candidates, not a dict; pass list(d.values()) or list(d).")
    if isinstance(candidates, (set, frozenset)):
        raise SpaceError(
            f"{verb} needs a list of candidates, not a set, whose order changes from run to run; pass sorted(...)."
        )
    flat = getattr(candidates, "ndim", None) == 1 and hasattr(candidates, "tolist")
    if isinstance(candidates, Node):
        candidates = candidates._sym_values()
    found = list(candidates.tolist() if flat else candidates)  # of an array, Python's numbers
    if not found:
        raise SpaceError(f"{verb} has no candidates; give it at least one.")
    return found


# ------------------------------------------------------------------ arithmetic of holes over numbers

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
