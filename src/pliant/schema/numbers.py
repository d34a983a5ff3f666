"""Specs ``Bool``, ``Int``, ``Float``.

``Int`` and ``Float`` refuse bools, although Python treats them as numbers: ``filters=True`` is a mistake, not a 1.  Scalars
of array libraries are converted to Python numbers, without importing those libraries.
"""

from __future__ import annotations

import math
import operator
import typing as t
from abc import abstractmethod

from pliant.values.errors import FieldValueError, SchemaError, quote
from pliant.values.missing import MISSING_VALUE
from pliant.values.numbers import to_real, to_whole
from pliant.values.path import ROOT, Path

from .value_spec import ValueSpec

_BOOL_FIX = "A bool is not accepted as a number: write 1 or 0, or declare the field as Bool()."


def _is_truth(value: object) -> bool:
    """Returns whether a value is a bool of Python or of an array library."""
    return isinstance(value, bool) or (_is_array(value) and "bool" in str(getattr(value, "dtype", "")))


def _is_array(value: object) -> bool:
    """Returns whether a value is a scalar or array of an array library.

    Reads the class only: an attribute of the value itself would realize a symbolized module.
    """
    return hasattr(type(value), "dtype")


@t.final
class Bool(ValueSpec):
    """True or False.

    >>> Bool().check(True), Bool(False).default
    (True, False)
    """

    __slots__ = ()
    _LEAF = True

    def __init__(
        self, default: object = MISSING_VALUE, *, is_noneable: bool = False, frozen: bool = False
    ) -> None:
        """Makes a spec of truth values."""
        super().__init__(default, is_noneable=is_noneable, frozen=frozen, fast=bool)

    def _check(self, value: object, path: Path) -> t.Any:
        if isinstance(value, bool):
            return value
        if _is_truth(value) and getattr(value, "ndim", 1) == 0:
            return bool(value)
        fix = f"Write {bool(value)}." if value.__class__ is int and value in (0, 1) else ""
        raise self._refuse(value, path, fix)

    def _words(self) -> str:
        return "True or False"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, Bool):
            raise self._wider(base, "a bool is not allowed there")
        return self


class Number(ValueSpec):
    """Base class of ``Int`` and ``Float``: inclusive limits, None for no limit."""

    __slots__ = ("max_value", "min_value")
    _LEAF = True
    _NOUN: t.ClassVar[str]
    _OWN: t.ClassVar[type]
    _LIMIT: t.ClassVar[tuple[str, t.Callable[[t.Any], t.Any]]]  # how a limit is converted
    min_value: t.Any
    max_value: t.Any

    @abstractmethod
    def __init__(
        self, default: object, limits: tuple[t.Any, t.Any], *, is_noneable: bool, frozen: bool
    ) -> None:
        noun, convert = self._LIMIT
        found = []
        for name, limit in zip(("min_value", "max_value"), limits):
            number = None if limit is None else convert(limit)
            if limit is not None and (number is None or number != number):
                raise SchemaError(f"the {name} of {noun} or None; got {quote(limit)}.")
            found.append(number)
        low, high = found
        if low is not None and high is not None and low > high:
            raise SchemaError(
                f"{type(self).__name__}(min_value={low}, max_value={high}) allows nothing: "
                "min_value must not be above max_value."
            )
        self._init(min_value=low, max_value=high)
        fast = self._OWN if low is None and high is None else None
        super().__init__(default, is_noneable=is_noneable, frozen=frozen, fast=fast)

    def _args(self) -> dict[str, t.Any]:
        return {"min_value": self.min_value, "max_value": self.max_value}

    def _words(self) -> str:
        low, high = self.min_value, self.max_value
        if low is not None and high is not None:
            return f"{self._NOUN} from {low} to {high}"
        if low is not None:
            return f"{self._NOUN} >= {low}"
        return f"{self._NOUN} <= {high}" if high is not None else self._NOUN

    def check(self, value: object, path: Path = ROOT) -> t.Any:
        cls = value.__class__
        if cls is self._fast:
            return value
        if cls is self._OWN and not self.frozen:  # as in the base class, in a third of the time
            low, high = self.min_value, self.max_value
            if (low is None or value >= low) and (high is None or value <= high):
                return value
        return super().check(value, path)

    def _check(self, value: t.Any, path: Path) -> t.Any:
        if _is_truth(value):
            raise self._refuse(value, path, _BOOL_FIX)
        if not isinstance(value, self._OWN) or _is_array(value):
            value = self._convert(value, path)
        low, high = self.min_value, self.max_value
        if low is not None and not value >= low:  # NaN never is
            raise self._refuse(value, path, f"The nearest allowed value is {low}.", kind=FieldValueError)
        if high is not None and not value <= high:
            raise self._refuse(value, path, f"The nearest allowed value is {high}.", kind=FieldValueError)
        return value

    @abstractmethod
    def _convert(self, value: t.Any, path: Path) -> t.Any:
        """Returns the number of this type for another value."""

    def _merge_limits(self, base: Number, low: t.Any, high: t.Any) -> ValueSpec:
        """Returns this spec with the limits ``low`` and ``high`` of ``base`` where it has none."""
        mine, other = self.min_value, base.min_value
        if mine is not None and other is not None and mine < other:
            raise self._wider(base, f"min_value={mine} is below {other}")
        mine, other = self.max_value, base.max_value
        if mine is not None and other is not None and mine > other:
            raise self._wider(base, f"max_value={mine} is above {other}")
        new_low = low if self.min_value is None else self.min_value
        new_high = high if self.max_value is None else self.max_value
        if new_low is not None and new_high is not None and new_low > new_high:
            raise self._wider(base, "the two have no value in common")
        if (new_low, new_high) == (self.min_value, self.max_value):
            return self
        default = self.default
        if default is not MISSING_VALUE and default is not None:
            limits = type(self)(min_value=new_low, max_value=new_high)  # type: ignore[call-arg]  # leaves only
            if not limits.accepts(default):
                raise self._wider(base, f"the default {quote(default)} is not allowed there")
        return t.cast(ValueSpec, self._with(min_value=new_low, max_value=new_high))


@t.final
class Int(Number):
    """A whole number within limits, both inclusive.

    >>> Int(min_value=0).check(3)
    3
    >>> Int().check(True)
    Traceback (most recent call last):
    ...
    pliant.values.errors.FieldTypeError: the value at the root is True of type bool; allowed: an int. \
A bool is not accepted as a number: write 1 or 0, or declare the field as Bool().
    """

    __slots__ = ()
    _NOUN, _OWN, _LIMIT = "an int", int, ("an Int must be an int", to_whole)

    def __init__(
        self,
        default: object = MISSING_VALUE,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of integers.

        Raises:
          SchemaError: a limit is not an int, the limits exclude everything, or the default does not fit.
        """
        super().__init__(default, (min_value, max_value), is_noneable=is_noneable, frozen=frozen)

    def _convert(self, value: t.Any, path: Path) -> int:
        if hasattr(type(value), "__index__"):
            try:
                return operator.index(value)
            except (TypeError, RuntimeError):  # for example an array of several elements
                pass
        fix = ""
        if isinstance(value, float):
            whole = value.is_integer()
            fix = f"Write {int(value)}." if whole else "Round it, or declare the field as Float()."
        raise self._refuse(value, path, fix)

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if isinstance(base, Int):
            return self._merge_limits(base, base.min_value, base.max_value)
        if isinstance(base, Float):
            low, high = _whole(base.min_value, math.ceil), _whole(base.max_value, math.floor)
            return self._merge_limits(base, low, high)
        raise self._wider(base, "an int is not allowed there")


def _whole(limit: float | None, rounding: t.Callable[[float], int]) -> int | None:
    return None if limit is None or math.isinf(limit) else rounding(limit)


@t.final
class Float(Number):
    """A real number within limits, both inclusive; an int is converted.  NaN passes without limits.

    >>> Float().check(1), Float(0.5, min_value=0).default
    (1.0, 0.5)
    """

    __slots__ = ()
    _NOUN, _OWN, _LIMIT = "a float", float, ("a Float must be a number", to_real)

    def __init__(
        self,
        default: object = MISSING_VALUE,
        min_value: float | None = None,
        max_value: float | None = None,
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of real numbers.

        Raises:
          SchemaError: a limit is not a number, the limits exclude everything, or the default does not fit.
        """
        super().__init__(default, (min_value, max_value), is_noneable=is_noneable, frozen=frozen)

    def _convert(self, value: t.Any, path: Path) -> float:
        if isinstance(value, int) or (_is_array(value) and hasattr(type(value), "__float__")):
            try:
                number = float(value) if isinstance(value, int) else to_real(value, takes_bool=True)
            except OverflowError:
                fix = "The number is too large for a float; declare the field as Int()."
                raise self._refuse(value, path, fix, kind=FieldValueError) from None
            if number is not None:  # not an array of more than one element
                return number
        raise self._refuse(value, path)

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, Float):
            raise self._wider(base, "a float is not allowed there")
        return self._merge_limits(base, base.min_value, base.max_value)
