"""Bayesian optimization: a model of the rewards says where to look next.  NumPy and SciPy, nothing else.

``Bayesian`` has a Gaussian process as its model; the parts it is made of stand beside it, one per file.  ``TPE`` has
two densities, of the good trials and of the rest; its parts are in ``tpe``.
"""

from __future__ import annotations

from .bayesian import Bayesian

__all__ = ["Bayesian"]
