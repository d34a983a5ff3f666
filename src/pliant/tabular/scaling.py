"""Scales numbers so that a network can read them: standard, robust with a smooth limit, or by quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Scaling = Literal["standard", "robust", "quantile"]
SCALINGS: tuple[Scaling, ...] = ("robust", "standard", "quantile")
LIMIT = 3.0  # of robust scaling, approached smoothly
KNOTS = 129  # quantiles that are kept


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """How a number x is scaled, after it was limited to [low, high]: to z = (x - center) / width, and then by its kind.

    Attributes:
      kind: ``plain`` (z = x), ``standard`` (z), ``robust`` (z / sqrt(1 + (z / 3)^2)) or ``quantile`` (the normal quantile of the
        share of training rows below x, between the knots linearly).
      low: the smallest finite number of the training rows.
      high: the largest.
      center: what becomes 0.
      width: what becomes 1, above 0.
      knots: quantiles of the training rows, ascending; empty for other kinds.
    """

    kind: str
    low: float
    high: float
    center: float = 0.0
    width: float = 1.0
    knots: tuple[float, ...] = ()


def fit_scale(values: NDArray[Any], kind: str) -> Scale:
    """Returns the scale of a kind for the values of training rows, infinities aside.

    Robust scaling is that of Holzmüller et al., "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS
    2024, section 3: the width is the distance of the quartiles, half of the range where they are equal.

    >>> fit_scale(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), "robust")
    Scale(kind='robust', low=1.0, high=5.0, center=3.0, width=2.0, knots=())
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return Scale("plain", 0.0, 0.0)
    low, high = float(values.min()), float(values.max())
    if kind == "plain":
        return Scale("plain", low, high)
    if kind == "standard":
        center, width = float(values.mean()), float(values.std())
        return Scale(kind, low, high, center, width if width > 0 and np.isfinite(width) else 1.0)
    quarter, middle, three = (float(one) for one in np.quantile(values, [0.25, 0.5, 0.75]))
    width = three - quarter if three > quarter else (high - low) / 2
    if not (width > 0 and np.isfinite(width)):
        width = 1.0
    if kind == "quantile":
        knots = np.quantile(values, np.linspace(0, 1, KNOTS))
        return Scale(kind, low, high, middle, width, tuple(knots.tolist()))
    return Scale("robust", low, high, middle, width)


def scale(by: Scale, values: NDArray[Any]) -> NDArray[Any]:
    """Returns scaled numbers; NaN stays NaN.

    >>> scale(Scale("standard", 0.0, 9.0, 3.0, 2.0), np.array([5.0, np.inf]))
    array([1., 3.])
    """
    values = np.clip(values, by.low, by.high) if by.kind == "plain" else _limit(by, values)
    if by.kind == "plain":
        return values
    if by.kind == "quantile":
        shares = np.interp(values, by.knots, np.linspace(0, 1, len(by.knots)))
        # A value that many rows have lies on several knots: the mean of the first and the last share.
        knots = np.array(by.knots)
        first, last = np.searchsorted(knots, values, "left"), np.searchsorted(knots, values, "right") - 1
        shares = np.where(last >= first, (first + last) / 2 / (len(knots) - 1), shares)
        edge = 0.5 / len(by.knots)
        found: NDArray[Any] = np.where(np.isnan(values), np.nan, ndtri(np.clip(shares, edge, 1 - edge)))
        return found
    found = (values - by.center) / by.width
    return found / np.sqrt(1 + (found / LIMIT) ** 2) if by.kind == "robust" else found


def _limit(by: Scale, values: NDArray[Any]) -> NDArray[Any]:
    """Returns infinities as the largest and smallest number of the training rows; finite numbers as they are."""
    return np.where(np.isposinf(values), by.high, np.where(np.isneginf(values), by.low, values))
