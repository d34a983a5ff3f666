"""A function over a tree of choices, where which numbers matter depends on what is chosen above them."""

from __future__ import annotations

from typing import Any

from pliant.hyper import floatv, oneof
from pliant.space import Decisions

from .formula import Formula

OFFSETS = ((0.1, 0.2), (0.3, 0.4))
"""The least value of each leaf, by the first and the second choice."""


def tree() -> Formula:
    """Returns the negated tree-structured function of Jenatton et al., ICML 2017, section 4.

    A choice, a second one under it, and a leaf with a square of its own: x^2 + offset + r, where r in [0, 1] is
    shared by the leaves below one first choice and x in [-1, 1] is the leaf's own.  Three to four of nine
    decisions are active; the optimum is -0.1.

    >>> tree().evaluate([0, 0, 0.0, 0.0]).reward
    -0.1
    >>> tree().evaluate([1, 1, 0.5, 0.25]).reward
    -0.9
    """
    program = {"x1": oneof([_branch("x2", "x4", "x5", shared="r8"), _branch("x3", "x6", "x7", shared="r9")])}
    return Formula("tree", program, _tree, optimum=-OFFSETS[0][0])


def _branch(choice: str, *leaves: str, shared: str) -> dict[str, Any]:
    return {choice: oneof([{leaf: floatv(-1.0, 1.0)} for leaf in leaves]), shared: floatv(0.0, 1.0)}


def _tree(decisions: Decisions) -> float:
    first, second, x, r = decisions.values
    return -(x**2 + OFFSETS[int(first)][int(second)] + r)
