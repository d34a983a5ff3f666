"""Rejection sampling: whatever proposes, only what keeps to a limit is let through.

The cost is a function of decisions, known without a trial; limits that only a trial shows are told by
``feedback(None)`` instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, final

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, FieldValueError

from ..base import Algorithm, Exhausted, Reward, check_algorithm
from ..options import check_count


@final
class Reject(Algorithm):
    """Proposes what ``algorithm`` proposes, but only where ``low <= cost(decisions) <= high``.

    The way in which black-box searches are held to a budget: Peng et al., "PyGlove: symbolic programming for
    automated machine learning", NeurIPS 2020, tables 3 and 8, draw again until a model has 300M +- 6M
    multiply-adds.  After ``attempts`` rejections in a row it tries as many random decisions, and then ends the
    search with an error that says which costs it saw.

    By default the algorithm never hears of what was rejected, as though it had not proposed it: evolution
    fills its population with what passes.  An algorithm that models all it is told, or waits for what it
    proposed (``Bayesian``, ``TPE``, ``LocalSearch``), does better with ``tell=True``: it is then told at once that
    the rejected is infeasible, and learns where the limits are.

    >>> from pliant.algorithms import Random
    >>> from pliant.space import choice, flatten
    >>> algorithm = Reject(Random(), sum, low=7, high=8)  # the sum of the decisions
    >>> algorithm.setup(flatten([choice("x", 5), choice("y", 5)]))
    >>> sorted({algorithm.propose().values for _ in range(40)})
    [(3, 4), (4, 3), (4, 4)]

    Args:
      algorithm: what proposes.
      cost: from decisions to a number, or None for what is to be rejected whatever the limits; the same
        number each time for the same decisions.  Of a program: ``lambda d: macs(template.materialize(d))``.
      low: the least cost that passes; None for no limit.
      high: the greatest cost that passes; None for no limit.
      attempts: how many rejections in a row are borne.
      tell: whether ``algorithm`` is told None, infeasible, for what was rejected.

    Raises:
      FieldTypeError, FieldValueError: the limits are no numbers, are missing, or leave nothing between them.
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
        check_algorithm(algorithm, "Reject(...)")
        super().__init__(algorithm.seed)
        if not callable(cost):
            raise FieldTypeError(
                "Reject(cost=...) is a function from Decisions to a number, such as "
                f"`lambda d: d['width'] * d['depth']`; got {cost!r:.80} of type {type(cost).__name__}."
            )
        self.algorithm = algorithm
        self.cost = cost
        self.low, self.high = _check_limits(low, high)
        self.attempts = check_count(attempts, "attempts", "Reject")
        self.tell = tell
        self.several_rewards = algorithm.several_rewards

    def passes(self, decisions: Decisions) -> bool:
        """Returns whether decisions keep to the limits.

        Raises:
          FieldTypeError: their cost is no number.
        """
        cost = self._measure(decisions)
        return cost is not None and self.low <= cost <= self.high

    def _setup(self) -> None:
        self.algorithm.setup(self.space, seed=self.seed)

    def _propose(self) -> Decisions:
        seen: list[float] = []
        for _ in range(self.attempts):
            decisions = self.algorithm.propose()
            if self._accepts(decisions, seen):
                return decisions
            if self.tell:
                self.algorithm.feedback(decisions, None)
        for decisions in self._draw():
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

    def _draw(self) -> Iterator[Decisions]:
        for _ in range(self.attempts):
            yield self.space.sample(self.random)

    def _measure(self, decisions: Decisions) -> float | None:
        cost = self.cost(decisions)
        if cost is None:
            return None
        try:
            number = math.nan if isinstance(cost, (str, bytes)) else float(cost)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            number = math.nan
        if math.isnan(number):
            raise FieldTypeError(
                f"the cost of decisions is a number, or None to reject them; got {cost!r:.80} of type "
                f"{type(cost).__name__} for {decisions!r:.200}."
            )
        return number

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        self.algorithm.feedback(decisions, reward)

    def _report(self, decisions: Decisions, reward: float, step: float) -> bool:
        return self.algorithm.report(decisions, reward, step=step)

    def _parent(self, decisions: Decisions) -> Decisions | None:
        return self.algorithm.parent(decisions)

    def _state(self) -> dict[str, Any]:
        return {"algorithm": self.algorithm.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        self.algorithm.restore(state["algorithm"])


def _check_limits(low: Any, high: Any) -> tuple[float, float]:
    limits = []
    for name, value, default in (("low", low, -math.inf), ("high", high, math.inf)):
        if value is None:
            limits.append(default)
            continue
        if isinstance(value, (bool, str, bytes)) or not hasattr(value, "__float__"):
            raise FieldTypeError(
                f"Reject({name}=...) is a number, or None for no limit; got {value!r:.80} of type "
                f"{type(value).__name__}."
            )
        limits.append(float(value))
    if low is None and high is None:
        raise FieldValueError(
            "Reject without low and high rejects nothing; give a limit, such as high=306e6."
        )
    if not limits[0] <= limits[1]:
        raise FieldValueError(
            f"Reject lets pass costs from low to high; got low={low!r} and high={high!r}, between which is nothing."
        )
    return limits[0], limits[1]
