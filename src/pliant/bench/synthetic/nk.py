"""NK landscapes: discrete functions with adjustable ruggedness and an exact optimum."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt

from pliant.algorithms.options import check_count
from pliant.hyper import oneof
from pliant.space import Decisions
from pliant.values.errors import FieldValueError

from .formula import Formula

MAX_STATES = 4096
"""The largest number of joint values of k neighbours for which the optimum is computed."""


def nk(n: int = 20, k: int = 4, *, candidates: int = 2, seed: int = 0) -> Formula:
    """Returns an NK landscape (Kauffman and Levin, 1987) with adjacent neighbours on a ring.

    ``n`` decisions; the reward is the mean over i of a term that depends on decision i and its ``k`` successors,
    drawn uniformly from [0, 1] for each of their joint values.  With k = 0 the decisions are independent; ruggedness
    grows with k.  The optimum is exact, by dynamic programming around the ring in n q^(2k + 1) steps (q candidates).

    >>> task = nk(n=8, k=2)
    >>> best = max(task.evaluate(d).reward for d in task.space.iterate())
    >>> abs(best - task.optimum.reward) < 1e-12
    True

    Args:
      n: the number of decisions.
      k: the number of other decisions in each term; less than ``n``.
      candidates: the number of values of each decision, at least 2.
      seed: of the landscape.

    Raises:
      FieldTypeError, FieldValueError: a size is out of range, or too large to compute the optimum.
    """
    n = check_count(n, "n", "nk")
    k = check_count(k, "k", "nk", least=0)
    candidates = check_count(candidates, "candidates", "nk", least=2)
    if k >= n:
        raise FieldValueError(f"nk(k=...) is less than n; got k={k} and n={n}.")
    if candidates**k > MAX_STATES:
        raise FieldValueError(
            f"nk(k={k}, candidates={candidates}) has {candidates}^{k} joint values of neighbours; the optimum is computed for "
            f"at most {MAX_STATES}. Lower k or candidates."
        )
    random = Random(f"nk/{n}/{k}/{candidates}/{seed}")
    width = candidates ** (k + 1)
    terms = [[random.random() for _ in range(width)] for _ in range(n)]
    high = candidates**k

    def score(decisions: Decisions) -> float:
        values = decisions.values
        code = 0  # of decisions i..i+k, the first one in the highest place
        for value in values[:k]:
            code = code * candidates + int(value)
        total = 0.0
        for i, row in enumerate(terms):
            code = (code % high) * candidates + int(values[(i + k) % n])
            total += row[code]
        return total / n

    program = {"x": [oneof(list(range(candidates)), hints="bit") for _ in range(n)]}
    return Formula(f"nk/{n}x{k}", program, score, optimum=lambda: find_best(np.array(terms), candidates) / n)


def find_best(terms: npt.NDArray[np.float64], candidates: int) -> float:
    """Returns the largest sum of terms around the ring.

    Max-plus products of transfer matrices: the state is the joint value of k successive decisions, and a tour of the
    ring must end in the state in which it began.

    ``terms``, [n, q^(k + 1)], has the terms of decisions i..i+k by their joint value, the first in the highest place.
    """
    states = terms.shape[1] // candidates
    if states == 1:
        return float(terms.max(axis=1).sum())
    rest = states // candidates
    best = np.full((states, states), -np.inf)  # [state at the start, state now]
    np.fill_diagonal(best, 0.0)
    for term in terms:
        gain = term.reshape(1, candidates, rest, candidates)  # [oldest, the k - 1 between, newest]
        step = best.reshape(states, candidates, rest, 1) + gain
        best = step.max(axis=1).reshape(states, states)
    return float(np.diagonal(best).max())
