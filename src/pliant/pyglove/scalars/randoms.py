"""Random scalars: a new draw at each call.

With a seed, a scalar has a generator of its own, and draws what PyGlove draws.  Without a seed it draws from Python's ``random``,
as in PyGlove, so that ``random.seed`` at the start of a program decides everything.
"""

from __future__ import annotations

import abc
import random
from typing import Any

from .. import typing as pg_typing
from ..symbolic import members
from .base import Scalar


def _number(default: float | None = None) -> Any:
    """Returns the type of an int or a float; an optional one without a default."""
    if default is None:
        return pg_typing.Union([pg_typing.Int(), pg_typing.Float()]).noneable()
    return pg_typing.Union([pg_typing.Int(), pg_typing.Float()], default=default)


def make_random(seed: int | None) -> Any:
    """Returns a generator of its own for a seed, and Python's ``random`` without one.

    >>> make_random(1).random() == make_random(1).random()
    True
    """
    return random if seed is None else random.Random(seed)


@members([("seed", pg_typing.Int().noneable(), "The seed; None for Python's `random`.")])
class RandomScalar(Scalar):
    """A random number at each call.  Subclasses define ``next_value``.

    >>> class Coin(RandomScalar):
    ...     def next_value(self):
    ...         return self._random.choice(["heads", "tails"])
    >>> Coin(seed=1)(0)
    'heads'
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)

    def call(self, step: int) -> Any:
        return self.next_value()

    @abc.abstractmethod
    def next_value(self) -> Any:
        """Returns the next draw."""


@members(
    [("low", _number(0.0), "The smallest value."), ("high", _number(1.0), "The largest value.")],
    init_arg_list=["low", "high", "seed"],
)
class Uniform(RandomScalar):
    """A uniform draw between two bounds: an int if both bounds are, else a float.

    >>> Uniform(1, 10, seed=1)(0)
    3

    Raises:
      ValueError: ``low`` is above ``high``.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        if self.low > self.high:
            raise ValueError(
                f"scalars.Uniform: `low` must be less or equal than `high`. Given: low={self.low}, high={self.high}; swap them."
            )

    def next_value(self) -> Any:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return self._random.randint(self.low, self.high)
        return self._random.uniform(self.low, self.high)


@members(
    [
        ("low", _number(0.0), "The smallest value."),
        ("high", _number(1.0), "The largest value."),
        ("mode", _number(), "The most likely value; the middle by default."),
    ],
    init_arg_list=["low", "high", "mode", "seed"],
)
class Triangular(RandomScalar):
    """A draw from the triangular distribution: an int, rounded towards zero, if both bounds are ints, else a float.

    >>> Triangular(10, 20, seed=1)(0)
    12
    """

    def next_value(self) -> Any:
        low, high = self.low, self.high
        value = self._random.triangular(low, high, (low + high) / 2 if self.mode is None else self.mode)
        return int(value) if isinstance(low, int) and isinstance(high, int) else value


_NORMAL = [("mean", pg_typing.Float(), "The mean."), ("std", pg_typing.Float(), "The standard deviation.")]
_NORMAL_ARGUMENTS = ["mean", "std", "seed"]


@members(_NORMAL, init_arg_list=_NORMAL_ARGUMENTS)
class Gaussian(RandomScalar):
    """A draw from the normal distribution by ``random.gauss``.

    >>> round(Gaussian(1.0, 0.2, seed=1)(0), 3)
    1.258
    """

    def next_value(self) -> Any:
        return self._random.gauss(self.mean, self.std)


@members(_NORMAL, init_arg_list=_NORMAL_ARGUMENTS)
class Normal(RandomScalar):
    """A draw from the normal distribution by ``random.normalvariate``.

    >>> round(Normal(1.0, 0.2, seed=1)(0), 3)
    1.121
    """

    def next_value(self) -> Any:
        return self._random.normalvariate(self.mean, self.std)


@members(_NORMAL, init_arg_list=_NORMAL_ARGUMENTS)
class LogNormal(RandomScalar):
    """A draw whose logarithm has the normal distribution.

    >>> round(LogNormal(1.0, 0.2, seed=1)(0), 3)
    3.069
    """

    def next_value(self) -> Any:
        return self._random.lognormvariate(self.mean, self.std)
