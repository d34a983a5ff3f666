"""The tree-structured Parzen estimator: two mixtures of kernels, of the good and of the rest, over the tree of decisions.

``algorithm`` splits the history and picks; ``tree`` lays decisions out as rows; ``kernels`` says how near two
rows are, and ``groups`` says so for the picks of one ``manyof``.
"""

from __future__ import annotations

from .algorithm import TPE

__all__ = ["TPE"]
