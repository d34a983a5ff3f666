"""Specs of containers: ``List``, ``Tuple``, ``Dict``, which check their elements as well.

``check`` returns the given object, or a new plain list, tuple or dict if an element was converted or filled in.  The given
object is never changed.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence, Sized

from pliant.values.errors import FieldValueError, SchemaError, quote
from pliant.values.missing import MISSING_VALUE
from pliant.values.numbers import to_whole
from pliant.values.path import Path

from .field import Field, StrKey
from .schema import Schema, schema_from_members
from .value_spec import Any, ValueSpec, as_spec, check_at, same_value

Sizes = tuple[int, int | None]


def _sizes(owner: str, size: int | None, min_size: int | None, max_size: int | None) -> Sizes:
    """Returns the minimal and the maximal size."""
    given: tuple[tuple[str, t.Any], ...] = (("size", size), ("min_size", min_size), ("max_size", max_size))
    found: list[t.Any] = [value if value is None else to_whole(value) for _, value in given]
    for (name, value), number in zip(given, found):
        if value is not None and (number is None or number < 0):
            raise SchemaError(f"the {name} of a {owner} must be an int >= 0 or None; got {quote(value)}.")
    size, min_size, max_size = found
    if size is not None:
        if min_size is not None or max_size is not None:
            raise SchemaError(
                f"a {owner} takes either size or min_size and max_size, not both; got size={size} as well."
            )
        return size, size
    low = min_size or 0
    if max_size is not None and low > max_size:
        raise SchemaError(
            f"{owner}(min_size={low}, max_size={max_size}) allows nothing: min_size must not be above max_size."
        )
    return low, max_size


def _size_words(sizes: Sizes) -> str:
    low, high = sizes
    if high is None:
        return f" with at least {low} elements" if low else ""
    return f" with exactly {low} elements" if low == high else f" with {low} to {high} elements"


def _check_size(spec: ValueSpec, value: Sized, path: Path, sizes: Sizes) -> None:
    low, high = sizes
    size = len(value)
    if size < low:
        raise spec._refuse(value, path, f"It has {size} elements; add {low - size}.", kind=FieldValueError)
    if high is not None and size > high:
        raise spec._refuse(
            value, path, f"It has {size} elements; remove {size - high}.", kind=FieldValueError
        )


def _merge_sizes(spec: t.Any, base: t.Any) -> Sizes:
    low, high = max(spec.min_size, base.min_size), spec.max_size
    if spec.min_size and spec.min_size < base.min_size:
        raise spec._wider(base, f"min_size={spec.min_size} is below {base.min_size}")
    if base.max_size is not None:
        if high is not None and high > base.max_size:
            raise spec._wider(base, f"max_size={high} is above {base.max_size}")
        high = base.max_size if high is None else high
    if high is not None and low > high:
        raise spec._wider(base, "the two have no size in common")
    return low, high


def _check_elements(element: ValueSpec, value: Sequence[object], path: Path) -> list[t.Any] | None:
    """Returns the checked elements, or None if all are unchanged."""
    fast = element._fast
    changed: list[t.Any] | None = None
    for i, given in enumerate(value):
        if given.__class__ is fast:
            continue
        stored = check_at(element, given, path, i)
        if stored is not given:
            if changed is None:
                changed = list(value)
            changed[i] = stored
    return changed


@t.final
class List(ValueSpec):
    """A list whose elements have one spec, optionally of limited size.

    Attributes:
      element: the spec of the elements.
      min_size, max_size: limits of the size; ``max_size`` is None for no limit.

    >>> List(float, min_size=1).check([1, 2.5])
    [1.0, 2.5]
    """

    __slots__ = ("element", "max_size", "min_size")
    _POSITIONAL, _deep = 1, True
    element: ValueSpec
    min_size: int
    max_size: int | None

    def __init__(
        self,
        element: object = None,
        default: object = MISSING_VALUE,
        *,
        size: int | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of lists; ``element`` is a spec or an annotation, by default any value.

        Raises:
          SchemaError: the sizes contradict each other, or the default does not fit.
        """
        low, high = _sizes("List", size, min_size, max_size)
        self._init(element=Any() if element is None else as_spec(element), min_size=low, max_size=high)
        super().__init__(default, is_noneable=is_noneable, frozen=frozen)

    def _args(self) -> dict[str, t.Any]:
        return {"element": self.element, "min_size": self.min_size or None, "max_size": self.max_size}

    def _check(self, value: object, path: Path) -> t.Any:
        if not isinstance(value, list):
            is_near = isinstance(value, (tuple, set, range))
            raise self._refuse(value, path, "Write it in square brackets, or list(...)." if is_near else "")
        _check_size(self, value, path, (self.min_size, self.max_size))
        changed = _check_elements(self.element, value, path)
        return value if changed is None else changed

    def _words(self) -> str:
        of = "" if isinstance(self.element, Any) else f", each of them {self.element.expects}"
        return f"a list{_size_words((self.min_size, self.max_size))}{of}"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, List):
            raise self._wider(base, "a list is not allowed there")
        low, high = _merge_sizes(self, base)
        element = self.element.extend(base.element)
        return self._narrowed(base, element=element, min_size=low or None, max_size=high)


@t.final
class Tuple(ValueSpec):
    """A tuple: one spec per position, or one for all positions and optionally a limited size.

    Attributes:
      elements: the specs of the positions; None if the size is not fixed.
      element: the spec of all positions; None if each has its own.
      min_size, max_size: limits of the size.

    >>> Tuple([int, str]).check((1, "a")), Tuple(float).check((1, 2))
    ((1, 'a'), (1.0, 2.0))
    """

    __slots__ = ("element", "elements", "max_size", "min_size")
    _POSITIONAL, _deep = 1, True
    element: ValueSpec | None
    elements: tuple[ValueSpec, ...] | None
    min_size: int
    max_size: int | None

    def __init__(
        self,
        elements: object = None,
        default: object = MISSING_VALUE,
        *,
        size: int | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of tuples; ``elements`` is a list of specs, one per position, or one spec for all.

        Raises:
          SchemaError: sizes are given with a list of specs, or contradict each other, or the default does not fit.
        """
        low, high = _sizes("Tuple", size, min_size, max_size)
        if isinstance(elements, (list, tuple)):
            if (size, min_size, max_size) != (None, None, None):
                raise SchemaError(
                    "the size of a Tuple with one spec per position is their number. Omit size, min_size and max_size."
                )
            places = tuple(as_spec(e) for e in elements)
            self._init(element=None, elements=places, min_size=len(places), max_size=len(places))
        else:
            element = Any() if elements is None else as_spec(elements)
            self._init(element=element, elements=None, min_size=low, max_size=high)
        super().__init__(default, is_noneable=is_noneable, frozen=frozen)

    def _args(self) -> dict[str, t.Any]:
        if self.elements is not None:
            return {"elements": list(self.elements)}
        return {"elements": self.element, "min_size": self.min_size or None, "max_size": self.max_size}

    def _check(self, value: object, path: Path) -> t.Any:
        if not isinstance(value, tuple):
            fix = "Write it in parentheses, or tuple(...)." if isinstance(value, list) else ""
            raise self._refuse(value, path, fix)
        _check_size(self, value, path, (self.min_size, self.max_size))
        if self.elements is None:
            changed = _check_elements(t.cast(ValueSpec, self.element), value, path)
            return value if changed is None else tuple(changed)
        stored = [check_at(spec, v, path, i) for i, (spec, v) in enumerate(zip(self.elements, value))]
        return value if all(a is b for a, b in zip(stored, value, strict=True)) else tuple(stored)

    def _words(self) -> str:
        if self.elements is not None:
            return f"a tuple of {len(self.elements)}: ({', '.join(e.expects for e in self.elements)})"
        element = t.cast(ValueSpec, self.element)
        of = "" if isinstance(element, Any) else f", each of them {element.expects}"
        return f"a tuple{_size_words((self.min_size, self.max_size))}{of}"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, Tuple):
            raise self._wider(base, "a tuple is not allowed there")
        low, high = _merge_sizes(self, base)
        if self.elements is None and base.elements is None:
            element = t.cast(ValueSpec, self.element).extend(t.cast(ValueSpec, base.element))
            return self._narrowed(base, elements=element, min_size=low or None, max_size=high)
        if self.elements is None:
            raise self._wider(base, f"its size is not fixed, there it is {base.max_size}")
        others = base.elements or (t.cast(ValueSpec, base.element),) * len(self.elements)
        places = [mine.extend(other) for mine, other in zip(self.elements, others, strict=True)]
        return self._narrowed(base, elements=places)

    @property
    def holds_nodes(self) -> bool:
        """Whether a position can hold an object, list or dict of a tree."""
        return any(e.holds_nodes for e in self.elements or (t.cast(ValueSpec, self.element),))


@t.final
class Dict(ValueSpec):
    """A dict: with any items, or with declared fields; the field of a ``StrKey`` applies to many keys.

    A missing field gets its default.  If all fields have defaults, the default of the spec is the dict of those.

    Attributes:
      schema: the fields; None for any items.

    >>> from pliant.schema import Int
    >>> Dict([("lr", float), ("steps", Int(10))]).check({"lr": 1})
    {'lr': 1.0, 'steps': 10}
    """

    __slots__ = ("schema",)
    _POSITIONAL, _deep = 1, True
    schema: Schema | None

    def __init__(
        self,
        fields: object = None,
        default: object = MISSING_VALUE,
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of dicts.

        Args:
          fields: ``[(key, spec, description), ...]``, ``{key: spec}``, a ``Schema``, one spec for all keys, or None
            for any items.
          default: the value of a field without a given value.
          is_noneable: whether None is allowed.
          frozen: whether only the default is allowed.

        Raises:
          SchemaError: the fields are malformed, or the default does not fit.
        """
        if fields is None:
            schema = None
        elif isinstance(fields, Iterable) and not isinstance(fields, (type, str)):
            schema = schema_from_members(fields)
        else:
            schema = Schema([Field(StrKey(), as_spec(fields))])
        self._init(schema=schema)
        if default is MISSING_VALUE and schema and not schema.wildcards:
            default = MISSING_VALUE if any(f.required for f in schema.values()) else {}
        super().__init__(default, is_noneable=is_noneable, frozen=frozen)

    def _args(self) -> dict[str, t.Any]:
        return {"fields": self.schema}

    def _with(self, **changes: t.Any) -> t.Any:
        follows = not self.frozen and self.schema and isinstance(self.default, dict)
        if follows and same_value(self.default, t.cast(Schema, self.schema).check({}, allow_partial=True)):
            changes.setdefault("default", MISSING_VALUE)  # computed again from the fields, which may change
        return super()._with(**changes)

    def _check(self, value: object, path: Path) -> t.Any:
        if not isinstance(value, dict):
            raise self._refuse(value, path)
        if self.schema is None:
            changed = {k: v for k, given in value.items() if (v := _anything.check(given, path)) is not given}
            return {**value, **changed} if changed else value
        stored = self.schema.check(value, path)
        if len(stored) == len(value) and all(v is value.get(k, MISSING_VALUE) for k, v in stored.items()):
            return value
        return stored

    def _words(self) -> str:
        if self.schema is None:
            return "a dict"
        if len(self.schema) > 12:
            return f"a dict of {len(self.schema)} fields"
        shown = [f"{k!r}: {f.value_spec.expects}" for k, f in self.schema.items()]
        return f"a dict {{{', '.join(shown)}}}"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, Dict):
            raise self._wider(base, "a dict is not allowed there")
        if base.schema is None:
            return self
        if self.schema is None:
            return self._narrowed(base, fields=base.schema)
        for key in self.schema:
            if key not in base.schema and base.schema.field_for(key) is None:
                raise self._wider(base, f"the key {key!r} is not allowed there")
        return self._narrowed(base, fields=self.schema.extend(base.schema))


_anything = Any()
