"""Maximizes expected improvement over floats by its gradient, from several decisions at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr

from pliant.space import Decisions, Float, from_unit, to_unit

from ..prior import Tilt
from .acquisition import log_improvement
from .encoding import Encoding, Matrix
from .process import Posterior, Vector

_STEPS = 25  # of L-BFGS


def ascend(
    posterior: Posterior,
    encoding: Encoding,
    many: Sequence[Decisions],
    *,
    best: float,
    doubt: float,
    tilt: Tilt | None = None,
) -> list[Decisions]:
    """Returns decisions with their active floats moved to a higher expected improvement; other decisions stay.

    L-BFGS maximizes the sum over all of ``many`` together, as the gradients of all cost one product of matrices (so do
    Balandat et al., "BoTorch: a framework for efficient Monte-Carlo Bayesian optimization", 2020, section 4).

    Args:
      posterior: of the rewards.
      encoding: of the space.
      many: where to start.
      best: the value to improve on.
      doubt: the factor of posterior deviations.
      tilt: what is added to the logarithm of expected improvement.
    """
    points: Any = encoding.space.points
    free = [
        (row, at, index)
        for row, one in enumerate(many)
        for at, index in enumerate(one.active)
        if isinstance(points[index], Float)
    ]
    if not free:
        return []
    rows = encoding.encode(many)
    places = np.array([row for row, _, _ in free])
    columns = np.array([encoding.find_column(index) for _, _, index in free])

    def loss(units: Vector) -> tuple[float, Vector]:
        rows[places, columns] = encoding.reach * units
        value, slope = improvement_slope(posterior, rows, best=best, doubt=doubt)
        total, gradient = float(value.sum()), encoding.reach * slope[places, columns]
        if tilt is not None:
            more, by_units = tilt.slope([index for _, _, index in free], units)
            total, gradient = total + more, gradient + by_units
        return -total, -gradient

    start = np.array([to_unit(points[index], many[row].values[at]) for row, at, index in free])
    bounds = [(0.0, 1.0)] * len(free)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS})
    values = [list(one.values) for one in many]
    for (row, at, index), unit in zip(free, found.x, strict=True):
        values[row][at] = from_unit(points[index], min(max(float(unit), 0.0), 1.0))
    return [Decisions._of(encoding.space, tuple(one)) for one in values]


def improvement_slope(
    posterior: Posterior, rows: Matrix, *, best: float, doubt: float
) -> tuple[Vector, Matrix]:
    """Returns the logarithm of expected improvement at rows, [n], and its gradient by their features, [n, width].

    With EI = s h(u), u = (m - best) / s and h(u) = n(u) + u N(u), whose derivative is N(u).
    """
    mean, deviation, by_mean, by_deviation = posterior.slopes(rows)
    spread = doubt * deviation
    unit = (mean - best) / spread
    height = log_improvement(unit, np.ones_like(unit), 0.0)
    ratio = np.exp(log_ndtr(unit) - height)
    value = height + np.log(spread)
    slope = (ratio / spread)[:, None] * by_mean + ((1.0 - unit * ratio) / deviation)[:, None] * by_deviation
    return value, slope
