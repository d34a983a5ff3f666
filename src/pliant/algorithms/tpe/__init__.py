"""TPE, the tree-structured Parzen estimator: densities of good and of other trials over the tree of decisions.

``algorithm`` splits the history and proposes; ``tree`` encodes decisions as rows; ``kernels`` has the kernel of a row,
and ``groups`` that of the picks of one ``manyof``.
"""

from __future__ import annotations

from .algorithm import TPE

__all__ = ["TPE"]
