"""Densities over the values of one decision point: weights of candidates, or a normal distribution on the point's scale.

Each is mixed with the uniform distribution, because a belief may be wrong: every value stays possible.
"""

from __future__ import annotations

from functools import lru_cache
from math import erf, log, sqrt
from random import Random
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Choice, Float, Int, from_unit, to_unit

Vector = NDArray[np.float64]

UNIFORM = 0.1
"""The part of each density that is uniform."""


@final
class Weights:
    """A belief about a choice: each candidate has a probability.

    >>> point = Choice("op", ("a", "b"), ((), ()))
    >>> belief = Weights(point, [3.0, 1.0])
    >>> belief.mode, belief.log(np.array([0, 1])).round(3).tolist()
    (0, [0.0, -0.969])

    Args:
      point: the choice.
      weights: of its candidates, in proportion to their probabilities.
    """

    def __init__(self, point: Choice, weights: list[float]) -> None:
        total = sum(weights)
        self.chances = [(1 - UNIFORM) * one / total + UNIFORM / point.count for one in weights]
        self._logs = np.log(self.chances) - log(max(self.chances))

    @property
    def mode(self) -> int:
        """The most probable candidate."""
        return self.chances.index(max(self.chances))

    def draw(self, random: Random) -> int:
        """Draws a candidate."""
        return draw_index(self.chances, random)

    def log(self, values: NDArray[Any]) -> Vector:
        """Returns the logarithm of the density at values, relative to that of the mode."""
        found: Vector = self._logs[values.astype(np.intp)]
        return found


@final
class Normal:
    """A belief about a number: a normal distribution on the unit scale of its point, truncated to the scale.

    >>> belief = Normal(Float("rate", 1e-4, 1.0, "log"), 0.5, 0.1)
    >>> round(belief.mode, 6), belief.log(np.array([1e-2, 1e-3])).round(3).tolist()
    (0.01, [0.0, -2.662])

    Args:
      point: a float or an integer.
      mean: of the distribution, in [0, 1].
      deviation: of the distribution, above 0.
    """

    def __init__(self, point: Int | Float, mean: float, deviation: float) -> None:
        self.point, self.mean, self.deviation = point, mean, deviation
        mass = (erf((1 - mean) / deviation / sqrt(2)) + erf(mean / deviation / sqrt(2))) / 2
        self._height = (1 - UNIFORM) / (mass * deviation * sqrt(2 * np.pi))
        self._top = log(self._height + UNIFORM)
        self._place = lru_cache(maxsize=4096)(lambda value: to_unit(point, value))

    @property
    def mode(self) -> int | float:
        """The most probable value."""
        return from_unit(self.point, self.mean)

    def draw(self, random: Random) -> int | float:
        """Draws a value."""
        unit = random.random()
        if random.random() >= UNIFORM:
            unit = random.gauss(self.mean, self.deviation)
            while not 0.0 <= unit <= 1.0:
                unit = random.gauss(self.mean, self.deviation)
        return from_unit(self.point, unit)

    def log(self, values: NDArray[Any]) -> Vector:
        """Returns the logarithm of the density at values, relative to that of the mode."""
        return self.slope(np.array([self._place(value) for value in values.tolist()]))[0]

    def slope(self, units: Vector) -> tuple[Vector, Vector]:
        """Returns the logarithm of the density at places in [0, 1], relative to that of the mode, and its derivative."""
        away = (units - self.mean) / self.deviation
        bell = self._height * np.exp(-0.5 * away * away)
        value: Vector = np.log(bell + UNIFORM) - self._top
        return value, -bell * away / self.deviation / (bell + UNIFORM)


Belief = Weights | Normal


def draw_index(chances: list[float], random: Random) -> int:
    """Draws an index with probabilities in proportion to ``chances``; those of chance 0 are never drawn."""
    left = random.random() * sum(chances)
    possible = [index for index, chance in enumerate(chances) if chance > 0]
    for index in possible:
        left -= chances[index]
        if left < 0:
            return index
    return possible[-1]
