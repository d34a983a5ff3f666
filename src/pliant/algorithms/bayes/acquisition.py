"""The acquisition function of Bayesian optimization: the logarithm of expected improvement."""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx, ndtr

from .process import Vector

_ROOT_HALF_PI = np.sqrt(np.pi / 2)
_LOG_ROOT = np.log(2 * np.pi) / 2


def log_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """Returns log E[max(f - best, 0)] of f normal with this mean and deviation; all of one shape.

    Expected improvement is (m - b) N(u) + s n(u) with u = (m - b) / s (Jones, Schonlau and Welch, 1998, equation
    15).  Far below the best it underflows to 0, where candidates cannot be ranked; its logarithm does not (Ament et
    al., "Unexpected improvements to expected improvement", 2023, equations 8 and 9).

    >>> log_improvement(np.array([0.0, -50.0]), np.array([1.0, 1.0]), 0.0).round(3).tolist()
    [-0.919, -1258.744]

    Args:
      mean: of f.
      deviation: of f, above 0.
      best: the value to improve on.
    """
    unit = (mean - best) / deviation
    near = np.maximum(unit, -1.0)
    direct = np.log(np.exp(-0.5 * near * near - _LOG_ROOT) + near * ndtr(near))
    far = np.minimum(unit, -1.0)
    ratio = 1.0 + np.maximum(far, -1e3) * _ROOT_HALF_PI * erfcx(-np.maximum(far, -1e3) / np.sqrt(2))
    tail = -0.5 * far * far - _LOG_ROOT + np.where(far > -1e3, np.log(ratio), -2 * np.log(-far))
    found: Vector = np.where(unit > -1.0, direct, tail) + np.log(deviation)
    return found
