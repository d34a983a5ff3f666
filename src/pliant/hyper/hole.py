"""Holes: placeholders in a program for decisions that are not made yet (the paper's *hyper values*).

A hole is a symbolic object, which can be queried, copied, replaced, printed and stored.  It describes the values
that it could become.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pliant import schema as specs
from pliant.schema import ValueSpec
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
