"""Specs of numbers, text, booleans and listed values: ``Bool``, ``Str``, ``Int``, ``Float``, ``Enum``."""

from __future__ import annotations

import re
import typing
from typing import Any

from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, FieldValueError, quote

from ..inspect import is_subclass
from ..typed_missing import MISSING_VALUE, is_missing
from ..value_spec import ValueSpec, show
from .base import Generic, Item, PrimitiveType, say


class Bool(PrimitiveType):
    """True or False.

    >>> Bool(default=True)
    Bool(default=True)
    """

    __serialization_key__ = "pyglove.typing.Bool"

    def __init__(self, default: Any = MISSING_VALUE, is_noneable: bool = False, frozen: bool = False) -> None:
        super().__init__(bool, default, is_noneable, frozen)


class Str(Generic, PrimitiveType):
    """Text; ``Str['a.*']`` is text that matches a regular expression from its beginning.

    Args:
      default: the default.
      regex: the regular expression.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Str"

    def __init__(
        self, default: Any = MISSING_VALUE, regex: Any = None, is_noneable: bool = False, frozen: bool = False
    ) -> None:
        self._regex = re.compile(regex) if regex is not None else None
        super().__init__(str, default, is_noneable, frozen)

    @classmethod
    def with_type_args(cls, type_args: tuple[Any, ...]) -> Any:
        if len(type_args) != 1:
            raise FieldTypeError(
                f"`pg.typing.Str` requires 1 argument: Str[regex]. Encountered {quote(type_args)}."
            )
        return cls(regex=type_args[0])

    @property
    def regex(self) -> re.Pattern[str] | None:
        """The regular expression; None if all text is accepted."""
        return self._regex

    def _validate(self, path: KeyPath, value: str) -> None:
        if self._regex is not None and self._regex.match(value) is None:
            raise FieldValueError(
                say(f"String {quote(value)} does not match regular expression {self._regex.pattern!r}.", path)
            )

    def _extend(self, base: Any) -> None:
        if self._regex is None:
            self._regex = base.regex

    def _eq(self, other: Any) -> bool:
        return bool(self._regex == other.regex)

    def _shown(self) -> list[Item]:
        default, *flags = self._flags()
        return [default, ("regex", self._pattern(), None), *flags]

    def _pattern(self) -> str | None:
        return self._regex.pattern if self._regex is not None else None

    def _state(self) -> dict[str, tuple[Any, Any]]:
        return {**super()._state(), "regex": (self._pattern(), None)}


class Number(Generic, PrimitiveType):
    """A number between two limits, which may be None.

    Args:
      value_type: its class.
      default: the default.
      min_value: the lowest value.
      max_value: the highest value.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    def __init__(
        self,
        value_type: Any,
        default: Any = MISSING_VALUE,
        min_value: Any = None,
        max_value: Any = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        if min_value is not None and max_value is not None and min_value > max_value:
            raise FieldValueError(
                f'"max_value" must be equal or greater than "min_value". Encountered min_value={min_value}, max_value={max_value}.'
            )
        self._min_value, self._max_value = min_value, max_value
        super().__init__(value_type, default, is_noneable, frozen)

    @classmethod
    def with_type_args(cls, type_args: tuple[Any, ...]) -> Any:
        if len(type_args) != 2:
            raise FieldTypeError(
                f"`pg.typing.{cls.__name__}` requires 2 arguments: {cls.__name__}[min_value, max_value]. "
                f"Encountered {quote(type_args)}."
            )
        low, high = type_args
        return cls(min_value=low, max_value=high)  # type: ignore[call-arg]  # subclasses know their value_type

    @property
    def min_value(self) -> Any:
        """The lowest value; None for no limit."""
        return self._min_value

    @property
    def max_value(self) -> Any:
        """The highest value; None for no limit."""
        return self._max_value

    def _validate(self, path: KeyPath, value: Any) -> None:
        low, high = self._min_value, self._max_value
        if (low is not None and value < low) or (high is not None and value > high):
            raise FieldValueError(say(f"Value {value} is out of range (min={low}, max={high}).", path))

    def _extend(self, base: Any) -> None:
        low, high = self._min_value, self._max_value
        if low is None:
            low = base.min_value
        elif base.min_value is not None and low < base.min_value:
            raise FieldTypeError(
                f"{show(self)} cannot extend {show(base)}: min_value is smaller. Raise it to the base's."
            )
        if high is None:
            high = base.max_value
        elif base.max_value is not None and high > base.max_value:
            raise FieldTypeError(
                f"{show(self)} cannot extend {show(base)}: max_value is larger. Lower it to the base's."
            )
        if low is not None and high is not None and low > high:
            raise FieldTypeError(
                f"{show(self)} cannot extend {show(base)}: min_value ({low}) is greater than max_value ({high}) after extension."
            )
        self._min_value, self._max_value = low, high

    def _is_compatible(self, other: Any) -> bool:
        if self._value_type is not other._value_type:
            return False
        low, high = self._min_value, self._max_value
        return (low is None or (other.min_value is not None and other.min_value >= low)) and (
            high is None or (other.max_value is not None and other.max_value <= high)
        )

    def _eq(self, other: Any) -> bool:
        mine = (self._value_type, self._min_value, self._max_value)
        return mine == (other._value_type, other.min_value, other.max_value)

    def _shown(self) -> list[Item]:
        default, *flags = self._flags()
        return [default, ("min", self._min_value, None), ("max", self._max_value, None), *flags]

    def _state(self) -> dict[str, tuple[Any, Any]]:
        return {
            **super()._state(),
            "min_value": (self._min_value, None),
            "max_value": (self._max_value, None),
        }


class Int(Number):
    """An integer; ``Int[0, None]`` is one that is not negative.

    >>> Int(min_value=0).apply(3)
    3

    Args:
      default: the default.
      min_value: the lowest value.
      max_value: the highest value.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Int"

    def __init__(
        self,
        default: Any = MISSING_VALUE,
        min_value: int | None = None,
        max_value: int | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        super().__init__(int, default, min_value, max_value, is_noneable, frozen)


class Float(Number):
    """A float; an integer is converted.

    >>> Float(max_value=1.0).apply(1)
    1.0

    Args:
      default: the default.
      min_value: the lowest value.
      max_value: the highest value.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Float"

    def __init__(
        self,
        default: Any = MISSING_VALUE,
        min_value: float | None = None,
        max_value: float | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        super().__init__(float, default, min_value, max_value, is_noneable, frozen)


class Enum(Generic, PrimitiveType):
    """One of the values of a list.

    >>> Enum("relu", ["relu", "swish"])
    Enum(default='relu', values=['relu', 'swish'])

    Args:
      default: the default.
      values: the list; with None in it, None is accepted.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Enum"

    def __init__(self, default: Any, values: Any, frozen: bool = False) -> None:
        if not isinstance(values, (list, tuple)) or not values:
            raise FieldValueError(f"Values for Enum should be a non-empty list. Encountered {quote(values)}.")
        if not is_missing(default) and default not in values:
            raise FieldValueError(
                f"Enum default value {quote(default)} is not in candidate list {quote(values)}."
            )
        self._values = list(values)
        super().__init__(_common_type(self._values), default, any(v is None for v in values), frozen)

    @classmethod
    def with_type_args(cls, type_args: tuple[Any, ...]) -> Any:
        if len(type_args) < 2:
            raise FieldTypeError(
                f"`pg.typing.Enum` requires at least 2 arguments: Enum[value1, value2]. Encountered {quote(type_args)}."
            )
        return cls(MISSING_VALUE, list(type_args))

    @property
    def values(self) -> list[Any]:
        """The values that are accepted."""
        return self._values

    def noneable(self, is_noneable: bool = True, use_none_as_default: bool = True) -> Any:
        if is_noneable and None not in self._values:
            self._values = [*self._values, None]
        elif not is_noneable:
            self._values = [v for v in self._values if v is not None]
        return super().noneable(is_noneable, use_none_as_default)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._frozen or not args:
            return self._default
        return self.apply(args[0], **kwargs)

    def _validate(self, path: KeyPath, value: Any) -> None:
        if value not in self._values:
            raise FieldValueError(
                say(f"Value {quote(value)} is not in candidate list {quote(self._values)}.", path)
            )

    def extend(self, base: ValueSpec) -> ValueSpec:
        if isinstance(base, Enum) or base.frozen or base.value_type is object or hasattr(base, "candidates"):
            return super().extend(base)
        if self.is_noneable and not base.is_noneable:
            raise FieldTypeError(
                f"{show(self)} cannot extend {show(base)}: None is not allowed in base spec."
            )
        for value in self._values:
            try:
                base.apply(value)
            except (TypeError, ValueError, KeyError) as error:
                raise FieldTypeError(
                    f"{show(self)} cannot extend {show(base)}: {quote(value)} is not an acceptable value."
                ) from error
        return self

    def _extend(self, base: Any) -> None:
        for value in self._values:
            if value not in base.values:
                raise FieldTypeError(
                    f"{show(self)} cannot extend {show(base)}: {quote(value)} is not an acceptable value. The base does not list it."
                )

    def is_compatible(self, other: ValueSpec) -> bool:
        if other.frozen and other.default in self._values:
            return True
        return super().is_compatible(other)

    def _is_compatible(self, other: Any) -> bool:
        return all(value in self._values for value in other.values)

    def _annotate(self) -> Any:
        return typing.Any if self._value_type is None else self._value_type

    @property
    def annotation(self) -> Any:
        return typing.Any if self._value_type is None else super().annotation

    def _eq(self, other: Any) -> bool:
        return bool(self._values == other.values)

    def _shown(self) -> list[Item]:
        default, _, frozen = self._flags()
        return [default, ("values", self._values, None), frozen]

    def to_json(self, **kwargs: Any) -> Any:
        fields = {"default": self._default, "values": self._values}
        written = self.to_json_dict(fields, **kwargs)
        return written | {"frozen": True} if self._frozen else written


def _common_type(values: list[Any]) -> Any:
    """Returns the class that all values are instances of; None if that is none of their own classes."""
    classes = {type(v) for v in values if v is not None}
    return next((c for c in classes if all(is_subclass(other, c) for other in classes)), None)
