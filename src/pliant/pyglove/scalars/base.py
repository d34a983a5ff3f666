"""Scalars: numbers that depend on the step, and arithmetic on them.

A scalar is called with the step, the number of programs proposed so far.  Where an operation of ``evolution`` takes a size or a
probability, it also takes a scalar, or any function of the step.
"""

from __future__ import annotations

import abc
import math
from typing import TYPE_CHECKING, Any

from .. import typing as pg_typing
from ..symbolic import Object, members


def scalar_spec(value_spec: Any) -> Any:
    """Returns the type of a field that holds a value, or a function from the step to that value.

    >>> from pliant import pyglove as pg
    >>> spec = pg.scalars.scalar_spec(pg.typing.Int())
    >>> spec.apply(3), spec.apply(pg.scalars.STEP * 2)(4)
    (3, 8)

    Args:
      value_spec: the type of the value.
    """
    return pg_typing.Union([value_spec, pg_typing.Callable([pg_typing.Int()], returns=value_spec)])


def scalar_value(value: Any, step: int) -> Any:
    """Returns the value at a step of a scalar or function; returns any other value as it is.

    >>> scalar_value(3, 10), scalar_value(lambda step: step + 1, 10)
    (3, 11)
    """
    return value(step) if callable(value) else value


def make_scalar(value: Any) -> Any:
    """Returns a ``Scalar``: the value itself, a ``Lambda`` of a function, or a ``Constant`` of another value.

    >>> make_scalar(2)(7), make_scalar(lambda step: step * step)(7)
    (2, 49)
    """
    if isinstance(value, Scalar):
        return value
    return Lambda(value) if callable(value) else Constant(value)


class Scalar(Object):
    """A number that depends on the step.  Subclasses define ``call``; ``+ - * / // % ** abs`` combine scalars and numbers.

    >>> schedule = 1 + STEP / 2
    >>> [schedule(step) for step in range(3)]
    [1.0, 1.5, 2.0]
    """

    if TYPE_CHECKING:  # the declared fields

        def __getattr__(self, name: str) -> Any: ...

    def __call__(self, step: int) -> Any:
        return self.call(step)

    @abc.abstractmethod
    def call(self, step: int) -> Any:
        """Returns the number at a step."""

    def __add__(self, x: Any) -> Any:
        return Addition(self, x)

    def __radd__(self, x: Any) -> Any:
        return Addition(x, self)

    def __sub__(self, x: Any) -> Any:
        return Substraction(self, x)

    def __rsub__(self, x: Any) -> Any:
        return Substraction(x, self)

    def __mul__(self, x: Any) -> Any:
        return Multiplication(self, x)

    def __rmul__(self, x: Any) -> Any:
        return Multiplication(x, self)

    def __truediv__(self, x: Any) -> Any:
        return Division(self, x)

    def __rtruediv__(self, x: Any) -> Any:
        return Division(x, self)

    def __floordiv__(self, x: Any) -> Any:
        return Floor(Division(self, x))

    def __rfloordiv__(self, x: Any) -> Any:
        return Floor(Division(x, self))

    def __mod__(self, x: Any) -> Any:
        return Mod(self, x)

    def __rmod__(self, x: Any) -> Any:
        return Mod(x, self)

    def __pow__(self, x: Any) -> Any:
        return Power(self, x)

    def __rpow__(self, x: Any) -> Any:
        return Power(x, self)

    def __neg__(self) -> Any:
        return Negation(self)

    def __abs__(self) -> Any:
        return Absolute(self)

    def floor(self) -> Any:
        """Returns the largest integer that is not above this scalar."""
        return Floor(self)

    def ceil(self) -> Any:
        """Returns the smallest integer that is not below this scalar."""
        return Ceiling(self)


@members([("fn", scalar_spec(pg_typing.Any()), "A function of the step.")], init_arg_list=["fn"])
class Lambda(Scalar):
    """A function of the step as a scalar.

    >>> Lambda(lambda step: 10 - step)(3)
    7
    """

    def call(self, step: int) -> Any:
        return scalar_value(self.fn, step)


@members([("value", pg_typing.Any(), "The value at every step.")])
class Constant(Scalar):
    """The same value at every step.

    >>> Constant(2)(100)
    2
    """

    def call(self, step: int) -> Any:
        return self.value


class _Step(Scalar):
    """The step itself."""

    def call(self, step: int) -> Any:
        return step


STEP = _Step()
"""The step as a scalar: the start of most schedules."""

_NUMBER = scalar_spec(pg_typing.Union([pg_typing.Int(), pg_typing.Float()]))


@members([("x", _NUMBER, "The operand.")])
class UnaryOp(Scalar):
    """An operation on one scalar.  Subclasses define ``operate`` for numbers.

    >>> class Double(UnaryOp):
    ...     def operate(self, x):
    ...         return 2 * x
    >>> Double(STEP)(4)
    8
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._x = make_scalar(self.x)

    def call(self, step: int) -> Any:
        return self.operate(self._x(step))

    @abc.abstractmethod
    def operate(self, x: Any) -> Any:
        """Returns the result for a number."""


class Negation(UnaryOp):
    """``-x``."""

    def operate(self, x: Any) -> Any:
        return -x


class Absolute(UnaryOp):
    """``abs(x)``."""

    def operate(self, x: Any) -> Any:
        return abs(x)


class Floor(UnaryOp):
    """The largest integer that is not above ``x``."""

    def operate(self, x: Any) -> Any:
        return math.floor(x)


class Ceiling(UnaryOp):
    """The smallest integer that is not below ``x``."""

    def operate(self, x: Any) -> Any:
        return math.ceil(x)


@members([("x", _NUMBER, "The left operand."), ("y", _NUMBER, "The right operand.")])
class BinaryOp(Scalar):
    """An operation on two scalars.  Subclasses define ``operate`` for numbers.

    >>> class Smaller(BinaryOp):
    ...     def operate(self, x, y):
    ...         return min(x, y)
    >>> [Smaller(STEP, 3)(step) for step in (1, 9)]
    [1, 3]
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._x, self._y = make_scalar(self.x), make_scalar(self.y)

    def call(self, step: int) -> Any:
        return self.operate(self._x(step), self._y(step))

    @abc.abstractmethod
    def operate(self, x: Any, y: Any) -> Any:
        """Returns the result for two numbers."""


class Addition(BinaryOp):
    """``x + y``."""

    def operate(self, x: Any, y: Any) -> Any:
        return x + y


class Substraction(BinaryOp):  # PyGlove's spelling
    """``x - y``."""

    def operate(self, x: Any, y: Any) -> Any:
        return x - y


class Multiplication(BinaryOp):
    """``x * y``."""

    def operate(self, x: Any, y: Any) -> Any:
        return x * y


class Division(BinaryOp):
    """``x / y``."""

    def operate(self, x: Any, y: Any) -> Any:
        return x / y


class Mod(BinaryOp):
    """``x % y``."""

    def operate(self, x: Any, y: Any) -> Any:
        return x % y


class Power(BinaryOp):
    """``x ** y``."""

    def operate(self, x: Any, y: Any) -> Any:
        return x**y
