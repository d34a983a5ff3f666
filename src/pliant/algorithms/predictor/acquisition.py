"""Acquisition functions: score candidates by the predictions of an ensemble."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..options import check_number, keep_checked

Scores = NDArray[np.float64]


class Acquisition(ABC):
    """Acquisition function: scores candidates; the highest are tried.  A frozen object without state."""

    __slots__ = ()

    @abstractmethod
    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        """Returns a score per candidate, higher is better.

        Args:
          predicted: rewards ``[members, candidates]``.
          best: the highest reward so far.
          random: the random number generator.
        """


@final
@dataclass(frozen=True, slots=True)
class IndependentThompson(Acquisition):
    """Independent Thompson sampling: draws the reward of each candidate from a normal distribution of the predictions.

    White et al., "BANANAS", AAAI 2021, section 5 (ITS): ``score(a) ~ N(mean(a), std(a))``, independently.

    >>> IndependentThompson()(np.array([[1.0, 5.0], [1.0, 5.0]]), 0.0, np.random.default_rng(0)).tolist()
    [1.0, 5.0]

    Args:
      weight: factor of the standard deviation; above 1 if an ensemble is overconfident.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        keep_checked(self, "weight", check_number)

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        spread = self.weight * predicted.std(0)
        found: Scores = predicted.mean(0) + spread * random.standard_normal(predicted.shape[1])
        return found


@final
@dataclass(frozen=True, slots=True)
class Thompson(Acquisition):
    """Thompson sampling: uses the predictions of one member, drawn at random."""

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        found: Scores = predicted[random.integers(len(predicted))]
        return found


@final
@dataclass(frozen=True, slots=True)
class UpperConfidence(Acquisition):
    """Upper confidence bound (UCB): the mean prediction plus ``weight`` standard deviations.

    Args:
      weight: factor of the standard deviation, 0 or more.
    """

    weight: float = 0.5

    def __post_init__(self) -> None:
        keep_checked(self, "weight", check_number)

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        found: Scores = predicted.mean(0) + self.weight * predicted.std(0)
        return found


@final
@dataclass(frozen=True, slots=True)
class ExpectedImprovement(Acquisition):
    """Expected improvement over the best reward so far, under a normal distribution.

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
    """The mean prediction."""

    def __call__(self, predicted: Scores, best: float, random: np.random.Generator) -> Scores:
        mean: Scores = predicted.mean(0)
        return mean
