"""What every predictor is: examples in, a model out.  No search, no decisions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Model = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Predicts rewards: from N encoded decisions to ``[members, N]``, one row per member of an ensemble."""


class Predictor(ABC):
    """Learns rewards from examples: a frozen object that makes a model of them.

    Several members that were trained differently disagree where little is known; acquisitions make use of that.
    A predictor remembers nothing: the same examples and the same seed make the same model, so that a search
    need not store its networks.  Yours is a frozen dataclass:

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Nearest(Predictor):
    ...     '''Predicts the reward of the nearest example.'''
    ...     def fit(self, x, y, *, seed):
    ...         def predict(queries):
    ...             distance = ((queries[:, None] - x) ** 2).sum(2)
    ...             return y[distance.argmin(1)][None]
    ...         return predict
    >>> model = Nearest().fit(np.eye(3), np.array([0.1, 0.5, 0.2]), seed=0)
    >>> model(np.array([[0, 0.8, 0.1]])).tolist()
    [[0.5]]
    """

    __slots__ = ()

    @abstractmethod
    def fit(self, x: NDArray[np.float32], y: NDArray[np.float64], *, seed: int) -> Model:
        """Returns a model of examples, trained from nothing.

        Args:
          x: N examples as an encoding makes them, ``[N, width]`` or ``[N, length, 2]``; N is 1 at least.
          y: their rewards ``[N]``, higher is better, of any size.
          seed: where the random numbers start, from 0 to ``2 ** 63 - 1``.

        Returns:
          A function from an array of queries like ``x`` to rewards ``[members, queries]``, in the units of ``y``.
        """


def standardize(y: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Returns rewards with mean 0 and deviation 1, and the mean and the deviation that were taken out.

    >>> standardize(np.array([1.0, 3.0]))
    (array([-1.,  1.]), 2.0, 1.0)
    """
    largest = float(np.abs(y).max())
    if largest == 0.0:
        return np.zeros_like(y), 0.0, 1.0
    small = y / largest  # so that nothing overflows
    centre, spread = float(small.mean()), float(small.std())
    if spread <= 1e-14:
        return np.zeros_like(y), centre * largest, 1.0
    return (small - centre) / spread, centre * largest, spread * largest
