"""``Predictor``, the interface of performance predictors: fits a model of rewards to encoded decisions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Model = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Predicts rewards: from N encoded decisions to ``[members, N]``, one row per member of an ensemble."""


class Predictor(ABC):
    """Performance predictor: a frozen object that fits a model of rewards to examples.

    The members of an ensemble disagree where they have little data, which acquisitions use.  A predictor has no state:
    equal examples and seeds give equal models, so a search need not store its networks.  Write your own as a frozen
    dataclass:

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
        """Returns a model of examples, trained from scratch.

        Args:
          x: N encoded examples, ``[N, width]`` or ``[N, length, 2]``; N is at least 1.
          y: their rewards ``[N]``, higher is better, of any magnitude.
          seed: where the random numbers start, from 0 to ``2 ** 63 - 1``.

        Returns:
          A function from an array of queries like ``x`` to rewards ``[members, queries]``, in the units of ``y``.
        """


def standardize(y: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Returns rewards with mean 0 and deviation 1, and the original mean and deviation.

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
