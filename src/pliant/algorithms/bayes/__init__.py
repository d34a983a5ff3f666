"""Bayesian optimization: a model of the rewards says where to look next.  NumPy and SciPy, nothing else.

``Bayesian`` has a Gaussian process as its model, ``TPE`` two densities, of good trials and of the rest; the parts it is made of stand beside it, one per file.
"""

from __future__ import annotations

from .bayesian import Bayesian
from .tpe import TPE

__all__ = ["TPE", "Bayesian"]
