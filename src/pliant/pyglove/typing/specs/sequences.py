"""Specs of lists and tuples: ``List``, ``Tuple``."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, FieldValueError, quote

from ..field import Field
from ..forward_ref import ForwardRef
from ..key_specs import ListKey, TupleKey
from ..typed_missing import MISSING_VALUE, is_missing
from ..value_spec import Transform, show
from .base import Generic, Item, ValueSpecBase, say, to_spec


def _read_sizes(size: int | None, min_size: int | None, max_size: int | None) -> tuple[int, int | None]:
    """Returns the lowest and highest length.

    Raises:
      FieldValueError: they contradict each other.
    """
    if size is not None:
        if min_size is not None or max_size is not None:
            raise FieldValueError(
                f'Either "size" or "min_size"/"max_size" pair can be specified. Encountered size={quote(size)}, '
                f"min_size={quote(min_size)}, max_size={quote(max_size)}."
            )
        return size, size
    low = 0 if min_size is None else min_size
    if low < 0:
        raise FieldValueError(f'"min_size" of List must be no less than 0. Encountered {low}.')
    if max_size is not None and max_size < low:
        raise FieldValueError(
            f'"max_size" of List must be no less than "min_size". Encountered {max_size} and {low}.'
        )
    return low, max_size


def element_annotation(spec: Any) -> Any:
    """Returns the annotation of an element; ``typing.Any`` where its spec has none."""
    annotation = spec.annotation
    return typing.Any if is_missing(annotation) else annotation


def apply_items(
    value: Any, fields: Any, allow_partial: bool, child_transform: Transform | None, path: KeyPath
) -> list[Any]:
    """Returns the items of a sequence as their fields hold them."""
    return [
        field.apply(item, allow_partial, child_transform, KeyPath(i, path))
        for i, (field, item) in enumerate(zip(fields, value, strict=True))
    ]


class List(Generic, ValueSpecBase):
    """A list; ``List[int]`` is a list of integers.

    >>> List(int, max_size=2).apply([1, 2])
    [1, 2]

    Args:
      element_value: what its items are.
      default: the default.
      min_size: the lowest length.
      max_size: the highest length.
      size: the length.
      transform: the user's function that converts values before they are checked.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.List"

    def __init__(
        self,
        element_value: Any,
        default: Any = MISSING_VALUE,
        min_size: int | None = None,
        max_size: int | None = None,
        size: int | None = None,
        transform: Callable[[Any], Any] | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        low, high = _read_sizes(size, min_size, max_size)
        self._element = Field(ListKey(low, high), to_spec(element_value), "Field of list element")
        super().__init__(list, default, transform, is_noneable, frozen)

    @classmethod
    def with_type_args(cls, type_args: tuple[Any, ...]) -> Any:
        if len(type_args) != 1:
            raise FieldTypeError(
                f"`pg.typing.List` requires 1 type argument: List[element]. Encountered {quote(type_args)}."
            )
        return cls(type_args[0])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._frozen or (not args and self.has_default):
            return self._default
        return self.apply(list(*args, **kwargs))

    @property
    def element(self) -> Field:
        """The field of its items."""
        return self._element

    @property
    def forward_refs(self) -> set[ForwardRef]:
        return self._element.value.forward_refs

    @property
    def _key(self) -> Any:
        return self._element.key

    @property
    def min_size(self) -> int:
        """The lowest length."""
        return int(self._key.min_value)

    @property
    def max_size(self) -> int | None:
        """The highest length; None for no limit."""
        limit: int | None = self._key.max_value
        return limit

    def _apply(
        self, value: Any, allow_partial: bool, child_transform: Transform | None, path: KeyPath
    ) -> Any:
        fields = [self._element] * len(value)
        for i, item in enumerate(apply_items(value, fields, allow_partial, child_transform, path)):
            if value[i] is not item:
                value[i] = item
        return value

    def _validate(self, path: KeyPath, value: Any) -> None:
        if len(value) < self.min_size:
            raise FieldValueError(
                say(f"Length of list {quote(value)} is less than min size ({self.min_size}).", path)
            )
        if self.max_size is not None and len(value) > self.max_size:
            raise FieldValueError(
                say(f"Length of list {quote(value)} is greater than max size ({self.max_size}).", path)
            )

    def _extend(self, base: Any) -> None:
        self._element.extend(base.element)

    def _is_compatible(self, other: Any) -> bool:
        if self.max_size is not None and (other.max_size is None or other.max_size > self.max_size):
            return False
        return self._element.value.is_compatible(other.element.value)

    def _annotate(self) -> Any:
        return typing.List[element_annotation(self._element)]  # type: ignore[misc]  # noqa: UP006

    def _eq(self, other: Any) -> bool:
        return bool(self._element == other.element)

    def _shown(self) -> list[Item]:
        return [
            ("", self._element.value, None), ("min_size", self.min_size, 0), ("max_size", self.max_size, None),
            *self._flags(),
        ]  # fmt: skip

    def _state(self) -> dict[str, tuple[Any, Any]]:
        return {
            "element_value": (self._element.value, None),
            **super()._state(),
            "min_size": (self.min_size, None),
            "max_size": (self.max_size, None),
        }


class Tuple(Generic, ValueSpecBase):
    """A tuple: of items of their own kinds, or of any number of one kind (``Tuple[int, ...]``).

    >>> Tuple([int, str]).apply((1, "a")), Tuple(int).apply((1, 2, 3))
    ((1, 'a'), (1, 2, 3))

    Args:
      element_values: what each item is, as a list; or what all are.
      default: the default.
      min_size: the lowest length.
      max_size: the highest length.
      size: the length.
      transform: the user's function that converts values before they are checked.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Tuple"

    def __init__(
        self,
        element_values: Any,
        default: Any = MISSING_VALUE,
        min_size: int | None = None,
        max_size: int | None = None,
        size: int | None = None,
        transform: Callable[[Any], Any] | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        if isinstance(element_values, (list, tuple)):
            if not element_values:
                raise FieldValueError("Argument 'element_values' must be a non-empty list. Encountered [].")
            if size is not None or min_size is not None or max_size is not None:
                raise FieldValueError(
                    '"size", "min_size" and "max_size" are not applicable to a tuple whose items are given one by one. '
                    f"Leave them out. Encountered {quote(element_values)}."
                )
            specs = [to_spec(v) for v in element_values]
            self._min_size: int = len(specs)
            self._max_size: int | None = len(specs)
        else:
            self._min_size, self._max_size = _read_sizes(size, min_size, max_size)
            fixed = self._min_size if self._min_size == self._max_size else 1
            specs = [to_spec(element_values) for _ in range(fixed)]
        if self._min_size == self._max_size:
            self._elements = [
                Field(TupleKey(i), spec, f"Field of tuple element at {i}") for i, spec in enumerate(specs)
            ]
        else:
            self._elements = [Field(TupleKey(), specs[0], "Field of variable-length tuple element")]
        super().__init__(tuple, default, transform, is_noneable, frozen)

    @classmethod
    def with_type_args(cls, type_args: Any) -> Any:
        if len(type_args) == 2 and type_args[1] is ...:
            return cls(type_args[0])
        return cls(list(type_args))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._frozen or (not args and self.has_default):
            return self._default
        return self.apply(tuple(*args, **kwargs))

    @property
    def fixed_length(self) -> bool:
        """Whether its length is fixed."""
        return self._min_size == self._max_size

    @property
    def min_size(self) -> int:
        """The lowest length."""
        return self._min_size

    @property
    def max_size(self) -> int | None:
        """The highest length; None for no limit."""
        return self._max_size

    @property
    def elements(self) -> list[Field]:
        """The fields of its items; one, if its length is not fixed."""
        return self._elements

    def __len__(self) -> int:
        return len(self._elements) if self.fixed_length else 0

    def __bool__(self) -> bool:
        return True

    @property
    def forward_refs(self) -> set[ForwardRef]:
        return set().union(*(f.value.forward_refs for f in self._elements))

    def _fields_for(self, value: Any) -> list[Field]:
        return self._elements if self.fixed_length else self._elements * len(value)

    def _apply(
        self, value: Any, allow_partial: bool, child_transform: Transform | None, path: KeyPath
    ) -> Any:
        if self.fixed_length and len(value) != len(self._elements):
            raise FieldValueError(
                say(
                    f"Length of input tuple ({len(value)}) does not match the length of spec ({len(self._elements)}). "
                    f"Input: {quote(value)}, Spec: {show(self)}",
                    path,
                )
            )
        if len(value) < self._min_size:
            raise FieldValueError(
                say(f"Length of tuple {quote(value)} is less than min size ({self._min_size}).", path)
            )
        if self._max_size is not None and len(value) > self._max_size:
            raise FieldValueError(
                say(f"Length of tuple {quote(value)} is greater than max size ({self._max_size}).", path)
            )
        return tuple(apply_items(value, self._fields_for(value), allow_partial, child_transform, path))

    def _extend(self, base: Any) -> None:
        what = f"{show(self)} cannot extend {show(base)}"
        if self.fixed_length and base.fixed_length:
            if len(self) != len(base):
                raise FieldTypeError(f"{what}: unmatched number of elements. Give {len(base)}.")
            for own, theirs in zip(self._elements, base.elements, strict=True):
                own.extend(theirs)
            return
        if base.fixed_length:
            raise FieldTypeError(
                f"{what}: a variable length tuple cannot extend a fixed length tuple. List the items."
            )
        low, high = base.min_size, base.max_size
        if self.fixed_length:
            if len(self) < low:
                raise FieldTypeError(f"{what} as it has less elements than required. Give at least {low}.")
            if high is not None and len(self) > high:
                raise FieldTypeError(f"{what} as it has more elements than required. Give at most {high}.")
        elif self._min_size and self._min_size < low:
            raise FieldTypeError(f"{what} as it has smaller min size. Raise it to {low}.")
        elif high is not None and self._max_size is not None and self._max_size > high:
            raise FieldTypeError(f"{what} as it has greater max size. Lower it to {high}.")
        else:
            self._min_size = self._min_size or low
            self._max_size = high if self._max_size is None else self._max_size
        for own in self._elements:
            own.value.extend(base.elements[0].value)

    def _is_compatible(self, other: Any) -> bool:
        if self.fixed_length:
            return len(self) == len(other) and all(
                a.value.is_compatible(b.value) for a, b in zip(self._elements, other.elements, strict=True)
            )
        if self._min_size > other.min_size:
            return False
        if self._max_size is not None and (other.max_size is None or other.max_size > self._max_size):
            return False
        return all(self._elements[0].value.is_compatible(f.value) for f in other.elements)

    def _annotate(self) -> Any:
        items = tuple(element_annotation(f) for f in self._elements)
        return typing.Tuple[items if self.fixed_length else (items[0], ...)]  # noqa: UP006

    def _eq(self, other: Any) -> bool:
        mine = (self._min_size, self._max_size, [f.value for f in self._elements])
        return bool(mine == (other.min_size, other.max_size, [f.value for f in other.elements]))

    def _shown(self) -> list[Item]:
        if self.fixed_length:
            return [("", [f.value for f in self._elements], None), *self._flags()]
        return [
            ("", self._elements[0].value, None), ("min_size", self._min_size, 0), ("max_size", self._max_size, None),
            *self._flags(),
        ]  # fmt: skip

    def _state(self) -> dict[str, tuple[Any, Any]]:
        specs = [f.value for f in self._elements]
        own = {"element_values": (specs if self.fixed_length else specs[0], None), **super()._state()}
        if not self.fixed_length:
            own |= {"min_size": (self._min_size, 0), "max_size": (self._max_size, None)}
        return {**own}
