"""Rejection sampling: ``Reject`` wraps an algorithm and proposes only decisions within a cost limit.

The cost is a function of decisions, known before a trial.  If only a trial shows the cost, use ``feedback.skip``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.numbers import to_real

from ..base import Algorithm, Exhausted
from ..options import check_count
from ..wrapper import Wrapper


@final
class Reject(Wrapper):
    """Cost limit: proposes those proposals of ``algorithm`` with ``low <= cost(decisions) <= high``.

    Peng et al., "PyGlove: symbolic programming for automated machine learning", NeurIPS 2020, tables 3 and 8, sample
    this way until a model has 300M +- 6M multiply-adds.  After ``attempts`` rejections in a row it tries as many random
    decisions, and then ends the search with an error that reports the costs.

    By default the algorithm gets no feedback for rejected decisions: evolution fills its population with accepted
    ones.  An algorithm with a model, or that waits for its proposals (``Bayesian``, ``TPE``, ``LocalSearch``), is
    better with ``tell=True``: it records rejected decisions as infeasible, and learns where the limits are.

    >>> from pliant.algorithms import Random
    >>> from pliant.space import choice, flatten
    >>> algorithm = Reject(Random(), sum, low=7, high=8)  # the sum of the decisions
    >>> algorithm.setup(flatten([choice("x", 5), choice("y", 5)]))
    >>> sorted({algorithm.propose().values for _ in range(40)})
    [(3, 4), (4, 3), (4, 4)]

    Args:
      algorithm: the algorithm that proposes.
      cost: deterministic function from decisions to a number, or to None to reject them.  For programs:
        ``lambda d: macs(template.materialize(d))``.
      low: the smallest cost that is accepted; None for no limit.
      high: the largest cost that is accepted; None for no limit.
      attempts: how many rejections in a row are allowed.
      tell: whether ``algorithm`` gets the feedback None (infeasible) for rejected decisions.

    Raises:
      FieldTypeError, FieldValueError: the limits are missing, not numbers, or exclude every cost.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        cost: Callable[[Decisions], Any],
        *,
        low: float | None = None,
        high: float | None = None,
        attempts: int = 1000,
        tell: bool = False,
    ) -> None:
        super().__init__(algorithm)
        if not callable(cost):
            raise FieldTypeError(
                "Reject(cost=...) is a function from Decisions to a number, such as "
                f"`lambda d: d['width'] * d['depth']`; got {quote_typed(cost)}."
            )
        self.cost = cost
        self.low, self.high = _check_limits(low, high)
        self.attempts = check_count(attempts, "attempts", "Reject")
        self.tell = tell
        from ..fidelity.budget import find_budgeted  # not before it is needed, so that importing stays fast

        inner = find_budgeted(self.algorithm)
        if inner is not None and inner.waits and not tell:
            name = type(inner).__name__
            raise FieldValueError(
                f"{name} waits for the reward of each trial, and Reject would drop trials without a word to it. Put Reject inside: "
                f"{name}(Reject(Random(), cost, ...)); or give Reject(..., tell=True), for a cost that depends on the budget."
            )

    def passes(self, decisions: Decisions) -> bool:
        """Returns whether the cost of decisions is within the limits.

        Raises:
          FieldTypeError: their cost is not a number.
        """
        return self._accepts(decisions, [])

    def _propose(self) -> Decisions:
        seen: list[float] = []
        for _ in range(self.attempts):
            decisions = self.algorithm.propose()
            if self._accepts(decisions, seen):
                return decisions
            if self.tell:
                self.algorithm.feedback(decisions, None)
            else:
                self.algorithm.withdraw(decisions)
        for _ in range(self.attempts):
            decisions = self.space.sample(self.random)
            if self._accepts(decisions, seen):
                return decisions
        costs = f"costs from {min(seen):g} to {max(seen):g}" if seen else "no costs but None"
        raise Exhausted(
            f"{2 * self.attempts} proposals in a row were rejected: they have {costs}, the limits are "
            f"{self.low:g} and {self.high:g}. Widen the limits, or change the space so that more of it keeps to them."
        )

    def _accepts(self, decisions: Decisions, seen: list[float]) -> bool:
        cost = self._measure(decisions)
        if cost is None:
            return False
        seen.append(cost)
        return self.low <= cost <= self.high

    def _measure(self, decisions: Decisions) -> float | None:
        cost = self.cost(decisions)
        if cost is None:
            return None
        number = to_real(cost, takes_bool=True)
        if number is None or math.isnan(number):
            raise FieldTypeError(
                f"the cost of decisions is a number, or None to reject them; got {quote_typed(cost)} "
                f"for {quote(decisions, 200)}."
            )
        return number


def _check_limits(low: object, high: object) -> tuple[float, float]:
    limits = []
    for name, value, default in (("low", low, -math.inf), ("high", high, math.inf)):
        if value is None:
            limits.append(default)
            continue
        number = to_real(value)
        if number is None:
            raise FieldTypeError(
                f"Reject({name}=...) is a number, or None for no limit; got {quote_typed(value)}."
            )
        limits.append(number)
    if low is None and high is None:
        raise FieldValueError("Reject needs a limit: give low=..., high=... or both, such as high=306e6.")
    if not limits[0] <= limits[1]:
        raise FieldValueError(
            f"Reject accepts costs from low to high; got low={quote(low)} and high={quote(high)}. Give low <= high."
        )
    return limits[0], limits[1]
