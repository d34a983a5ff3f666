"""How worthwhile each candidate is to try, from what the members of an ensemble predict of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..options import check_number

Scores = NDArray[np.float64]


class Acquisition(ABC):
    """Scores candidates; those with the highest scores are tried.  A frozen object without state."""

    __slots__ = ()

    @abstractmethod
    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        """Returns a score per candidate, higher is better.

        Args:
          predicted: rewards ``[members, candidates]``.
          best: the highest reward so far.
          random: what to draw from.
        """


@final
@dataclass(frozen=True, slots=True)
class IndependentThompson(Acquisition):
    """Draws the reward of each candidate by itself from the normal distribution that the members suggest.

    White et al., "BANANAS", AAAI 2021, section 5 (ITS): ``score(a) ~ N(mean(a), std(a))``, independently.

    >>> IndependentThompson()(np.array([[1.0, 5.0], [1.0, 5.0]]), 0.0, np.random.default_rng(0)).tolist()
    [1.0, 5.0]

    Args:
      weight: what the standard deviation is multiplied by; above 1 where an ensemble is too sure of itself.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", "IndependentThompson")

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        spread = self.weight * predicted.std(0)
        found: Scores = predicted.mean(0) + spread * random.standard_normal(predicted.shape[1])
        return found


@final
@dataclass(frozen=True, slots=True)
class Thompson(Acquisition):
    """Believes one member of the ensemble, drawn at random."""

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        found: Scores = predicted[random.integers(len(predicted))]
        return found


@final
@dataclass(frozen=True, slots=True)
class UpperConfidence(Acquisition):
    """The mean prediction, and ``weight`` standard deviations on top.

    Args:
      weight: how much disagreement counts, 0 or more.
    """

    weight: float = 0.5

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", "UpperConfidence")

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        found: Scores = predicted.mean(0) + self.weight * predicted.std(0)
        return found


@final
@dataclass(frozen=True, slots=True)
class ExpectedImprovement(Acquisition):
    """By how much the best reward so far is expected to be exceeded, under a normal distribution.

    ``(mean - best) * Phi(z) + std * phi(z)`` with ``z = (mean - best) / std``: Jones, Schonlau and Welch,
    "Efficient global optimization of expensive black-box functions", 1998, equation 15.

    >>> ExpectedImprovement()(np.array([[0.0, 1.0], [2.0, 1.0]]), 1.0, np.random.default_rng(0)).round(3).tolist()
    [0.399, 0.0]
    """

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        mean, std = predicted.mean(0) - best, predicted.std(0)
        z = np.divide(mean, std, out=np.where(mean > 0, 40.0, -40.0), where=std > 0).clip(-40.0, 40.0)
        density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        share = np.array([math.erfc(-one / math.sqrt(2)) / 2 for one in z])
        found: Scores = mean * share + std * density
        return found


@final
@dataclass(frozen=True, slots=True)
class Greedy(Acquisition):
    """The mean prediction: what the accuracy predictor of a controller is used for."""

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        mean: Scores = predicted.mean(0)
        return mean
