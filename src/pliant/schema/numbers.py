"""Specs ``Bool``, ``Int``, ``Float``.

``Int`` and ``Float`` refuse bools, although Python treats them as numbers: ``filters=True`` is a mistake, not a 1.  Scalars
of array libraries are converted to Python numbers, without importing those libraries.
"""

from __future__ import annotations

import math
import operator
import typing as t
from abc import abstractmethod

from pliant.values.errors import FieldTypeError, FieldValueError, SchemaError
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path

from .messages import refuse, show
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
        raise refuse(FieldTypeError, value, path, self.expects, fix=fix)

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
    min_value: t.Any
    max_value: t.Any

    @abstractmethod
    def __init__(
        self, default: object, limits: tuple[t.Any, t.Any], *, is_noneable: bool, frozen: bool
    ) -> None:
        low, high = limits
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

    def _check_limits(self, value: object, path: Path) -> t.Any:
        """Returns ``value`` if it is within the limits (NaN never is)."""
        low, high = self.min_value, self.max_value
        if low is not None and not value >= low:
            raise refuse(
                FieldValueError, value, path, self.expects, fix=f"The nearest allowed value is {low}."
            )
        if high is not None and not value <= high:
            raise refuse(
                FieldValueError, value, path, self.expects, fix=f"The nearest allowed value is {high}."
            )
        return value

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
                raise self._wider(base, f"the default {show(default)} is not allowed there")
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
    _NOUN = "an int"
    _OWN = int

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
        given: tuple[tuple[str, t.Any], ...] = (("min_value", min_value), ("max_value", max_value))
        for name, limit in given:
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
                raise SchemaError(f"the {name} of an Int must be an int or None; got {show(limit)}.")
        super().__init__(default, (min_value, max_value), is_noneable=is_noneable, frozen=frozen)

    def _check(self, value: object, path: Path) -> t.Any:
        if _is_truth(value):
            raise refuse(FieldTypeError, value, path, self.expects, fix=_BOOL_FIX)
        if not isinstance(value, int):
            value = self._convert(value, path)
        return self._check_limits(value, path)

    def _convert(self, value: t.Any, path: Path) -> int:
        if hasattr(type(value), "__index__"):
            try:
                return operator.index(value)
            except TypeError:  # for example an array of several elements
                pass
        fix = ""
        if isinstance(value, float):
            whole = value.is_integer()
            fix = f"Write {int(value)}." if whole else "Round it, or declare the field as Float()."
        raise refuse(FieldTypeError, value, path, self.expects, fix=fix)

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if isinstance(base, Int):
            return self._merge_limits(base, base.min_value, base.max_value)
        if isinstance(base, Float):
            return self._merge_limits(
                base, _whole(base.min_value, math.ceil), _whole(base.max_value, math.floor)
            )
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
    _NOUN = "a float"
    _OWN = float

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
        limits = []
        given: tuple[tuple[str, t.Any], ...] = (("min_value", min_value), ("max_value", max_value))
        for name, limit in given:
            if limit is not None and (
                isinstance(limit, bool) or not isinstance(limit, (int, float)) or limit != limit
            ):
                raise SchemaError(f"the {name} of a Float must be a number or None; got {show(limit)}.")
            limits.append(None if limit is None else float(limit))
        super().__init__(default, (limits[0], limits[1]), is_noneable=is_noneable, frozen=frozen)

    def _check(self, value: object, path: Path) -> t.Any:
        if _is_truth(value):
            raise refuse(FieldTypeError, value, path, self.expects, fix=_BOOL_FIX)
        if not isinstance(value, float) or _is_array(value):
            value = self._convert(value, path)
        return self._check_limits(value, path)

    def _convert(self, value: t.Any, path: Path) -> float:
        if isinstance(value, int) or (_is_array(value) and hasattr(type(value), "__float__")):
            try:
                return float(value)
            except OverflowError:
                fix = "The number is too large for a float; declare the field as Int()."
                raise refuse(FieldValueError, value, path, self.expects, fix=fix) from None
            except (TypeError, ValueError):  # an array of more than one element
                pass
        raise refuse(FieldTypeError, value, path, self.expects)

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, Float):
            raise self._wider(base, "a float is not allowed there")
        return self._merge_limits(base, base.min_value, base.max_value)
