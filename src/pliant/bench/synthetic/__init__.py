"""Synthetic benchmark tasks with known optima: continuous, ordered, conditional, permutation and discrete spaces."""

from .formula import Formula

__all__ = ["Formula"]
