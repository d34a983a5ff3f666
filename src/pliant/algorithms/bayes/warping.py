"""Warping and standardization of rewards, before a Gaussian process is fitted to them."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from .process import Vector


def warp(rewards: Vector) -> Vector:
    """Returns rewards with the lower half replaced by its ranks, at mean 0 and deviation 1; keeps the order.

    Architectures that fail to train have rewards far below all others, and a process that fits these outliers is
    poor near the best.  So, as in the half-rank warping of Song et al., "The Vizier Gaussian process
    bandit algorithm", 2024, each reward below the median becomes the normal score of its rank, in the unit that
    makes the upper half as wide in scores as it is in rewards; rewards from the median up stay as they are.

    >>> warp(np.array([0.9, -1e9, 0.8, 0.7, 0.6])).round(2).tolist()
    [1.4, -1.48, 0.7, -0.01, -0.61]

    Args:
      rewards: finite numbers, [n]; equal ones stay equal.
    """
    scores = _scores(rewards)
    middle = np.median(rewards)
    upper = rewards >= middle
    # Of magnitude 1 first, so that squares neither vanish nor overflow.
    above = np.where(upper, rewards / 2 - middle / 2, 0.0)
    largest = float(above.max(initial=0.0))
    above = above / (largest or 1.0)
    width = np.sqrt(np.mean(np.square(above[upper]))) or 1.0
    centred = scores - np.median(scores)
    wide = np.sqrt(np.mean(np.square(centred[upper]))) or 1.0
    warped: Vector = np.where(upper, above / width, np.minimum(centred / wide, 0.0))
    return standardize(warped)


def standardize(values: Vector) -> Vector:
    """Returns values at mean 0 and deviation 1; all 0 where they are equal."""
    centred = values - values.mean()
    spread = centred.std()
    return centred / spread if spread > 1e-12 else np.zeros_like(values)


def _scores(values: Vector) -> Vector:
    """Returns the normal score of the rank of each value; of equal ones, that of their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # from 1
    found: Vector = ndtri((ranks[places] - 0.5) / len(values))
    return found
