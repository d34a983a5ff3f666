"""Scalars by mathematical functions, and common schedules: linear, cosine, exponential, cyclic."""

from __future__ import annotations

import math
from typing import Any

from .. import typing as pg_typing
from ..symbolic import members
from .base import STEP, Scalar, UnaryOp, make_scalar, scalar_spec


class SquareRoot(UnaryOp):
    """The square root.

    >>> sqrt(STEP)(9)
    3.0
    """

    def operate(self, x: Any) -> float:
        return math.sqrt(x)


class Exp(UnaryOp):
    """The exponential function.

    >>> exp(STEP)(0)
    1.0
    """

    def operate(self, x: Any) -> float:
        return math.exp(x)


def _positive() -> Any:
    """Returns the type of what has a logarithm, and of bases."""
    return scalar_spec(pg_typing.Union([pg_typing.Int(min_value=2), pg_typing.Float(min_value=0.0)]))


@members(
    [("x", _positive(), "The operand."), ("base", _positive().set_default(math.e), "The base; e by default.")]
)
class Log(Scalar):
    """The logarithm.

    >>> log(STEP, 2)(8)
    3.0
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._x, self._base = make_scalar(self.x), make_scalar(self.base)

    def call(self, step: int) -> float:
        return math.log(self._x(step), self._base(step))


class Cosine(UnaryOp):
    """The cosine, of an angle in radians.

    >>> cos(STEP)(0)
    1.0
    """

    def operate(self, x: Any) -> float:
        return math.cos(x)


class Sine(UnaryOp):
    """The sine, of an angle in radians.

    >>> sin(STEP)(0)
    0.0
    """

    def operate(self, x: Any) -> float:
        return math.sin(x)


sqrt = SquareRoot
exp = Exp
log = Log
cos = Cosine
sin = Sine


def linear(total_steps: int, start: float = 1.0, end: float = 0.0) -> Any:
    """Returns a schedule that is ``start`` at step 0 and ``end`` at ``total_steps``, on a line.

    >>> [linear(4, 1, 3)(step) for step in range(5)]
    [1.0, 1.5, 2.0, 2.5, 3.0]
    """
    return start + STEP * ((end - start) / total_steps)


def cosine_decay(total_steps: int, start: float = 1.0, end: float = 0.0) -> Any:
    """Returns a schedule that falls from ``start`` to ``end`` as half a period of a cosine (Loshchilov and Hutter 2017, eq. 5).

    >>> [round(cosine_decay(4)(step), 3) for step in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    return 0.5 * (start - end) * (1 + cos(math.pi * STEP / total_steps)) + end


def exponential_decay(
    decay_rate: float, decay_interval: int, start: float = 1.0, staircase: bool = True
) -> Any:
    """Returns a schedule that is multiplied by ``decay_rate`` over each ``decay_interval`` steps.

    >>> [exponential_decay(0.5, 2)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]

    Args:
      decay_rate: the factor per interval.
      decay_interval: the number of steps of an interval.
      start: the value at step 0.
      staircase: whether the value changes once per interval; else it changes at each step.
    """
    intervals: Any = STEP / float(decay_interval)
    if staircase:
        intervals = intervals.floor()
    return start * (decay_rate**intervals)


def cyclic(cycle: int, initial_radiant: float = 0.0, high: float = 1.0, low: float = 0.0) -> Any:
    """Returns a schedule that goes between ``high`` and ``low`` as a cosine with a period of ``cycle`` steps.

    >>> [round(cyclic(4)(step), 3) for step in range(5)]
    [1.0, 0.5, 0.0, 0.5, 1.0]

    Args:
      cycle: the number of steps of a period.
      initial_radiant: the angle at step 0, in radians.
      high: the largest value.
      low: the smallest value.
    """
    return 0.5 * (high - low) * (1 + cos(initial_radiant + math.pi * 2 * STEP / cycle)) + low
