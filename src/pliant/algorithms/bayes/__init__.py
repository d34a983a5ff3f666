"""Bayesian optimization with a Gaussian process (NumPy and SciPy): ``Bayesian`` and the parts of its model."""

from __future__ import annotations

from .bayesian import Bayesian

__all__ = ["Bayesian"]
