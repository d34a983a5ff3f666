"""Constraints in Bayesian optimization: the probability that decisions are feasible, learned from failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from pliant.values.errors import RewardError

from .encoding import Matrix
from .process import Posterior, Vector

Excess = tuple[float, ...]
"""By how much a trial breaks each limit, in the units of the limits; 0 or less where it keeps one."""


class Limit(NamedTuple):
    """What was observed of one constraint.

    Attributes:
      places: the indices of trials that observed it.
      targets: what they observed, at mean 0 and deviation 1.
      edge: the target up to which the constraint holds.
    """

    places: NDArray[np.intp]
    targets: Vector
    edge: float


def find_limits(excess: Sequence[Excess | None], failed: Sequence[bool]) -> list[Limit]:
    """Returns the constraints that trials broke: those that were measured, and failing without a measurement.

    A failure without measurements counts as 1 above its limit, any other trial as 1 below.

    >>> [(limit.places.tolist(), limit.targets.tolist(), limit.edge) for limit in find_limits([None] * 2, [True, False])]
    [([0, 1], [1.0, -1.0], -0.0)]

    Args:
      excess: of each trial; None where nothing was measured.
      failed: whether each trial had no reward.
    """
    measured = [place for place, one in enumerate(excess) if one is not None]
    table = np.array([excess[place] for place in measured], dtype=np.float64)
    table = table if measured else np.empty((0, 0))
    found = [_scale(measured, column) for column in table.T if column.max() > 0]
    signs = [1.0 if bad and one is None else -1.0 for bad, one in zip(failed, excess, strict=True)]
    if 1.0 in signs:
        found.append(_scale(range(len(signs)), np.array(signs)))
    return found


def check_excess(excess: Excess, earlier: Sequence[Excess | None]) -> Excess:
    """Returns what a trial measured of the limits; raises RewardError if earlier trials measured others."""
    known = next((len(one) for one in reversed(earlier) if one is not None), len(excess))
    if len(excess) != known:
        raise RewardError(
            f"a trial measured {len(excess)} limits, and the trials before it {known}.",
            "All trials of a search have the same limits, in the same order: give one number for each.",
        )
    return excess


def log_feasibility(posteriors: Sequence[Posterior], limits: Sequence[Limit], rows: Matrix) -> Vector:
    """Returns the logarithm of the probability that all constraints hold at rows, [n].

    Expected improvement times this probability is the acquisition function of Gardner, Kusner, Xu, Weinberger and
    Cunningham, "Bayesian optimization with inequality constraints", ICML 2014, equation 5; constraints are independent.
    """
    total: Vector = np.zeros(len(rows))
    for posterior, limit in zip(posteriors, limits, strict=True):
        mean, deviation = posterior.predict(rows)
        total += log_ndtr((limit.edge - mean) / deviation)
    return total


def _scale(places: Sequence[int], values: Vector) -> Limit:
    middle, spread = float(values.mean()), float(values.std())
    spread = spread if spread > 1e-12 else 1.0
    return Limit(np.array(places, dtype=np.intp), (values - middle) / spread, -middle / spread)
