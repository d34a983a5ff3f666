"""Tasks by formula, which need no file: continuous, ordered, conditional, permuted and discrete spaces with known optima."""

from .formula import Formula

__all__ = ["Formula"]
