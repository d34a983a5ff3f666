"""``Formula``: a benchmark task whose reward is a function of decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from pliant.space import Decisions

from ..task import Optimum, Result, Task


@final
class Formula(Task):
    """A task whose reward is a function; it is also the test score, and an evaluation costs 1.

    >>> from pliant.hyper import intv
    >>> task = Formula("square", {"x": intv(-3, 5)}, lambda decisions: -decisions.values[0] ** 2, optimum=0.0)
    >>> task.evaluate([2]).reward, task.regret(task.evaluate([2]))
    (-4.0, 4.0)

    ``optimum`` is the highest reward, or a function that computes it on first use.
    """

    def __init__(
        self,
        name: str,
        program: object,
        score: Callable[[Decisions], float],
        *,
        optimum: float | Callable[[], float],
    ) -> None:
        super().__init__(name, program)
        self._score, self._best = score, optimum

    def _evaluate(self, decisions: Decisions, fidelity: int, repeat: int) -> Result:
        reward = float(self._score(decisions))
        return Result(reward=reward, cost=1.0, test=reward)

    def _find_optimum(self) -> Optimum:
        best = float(self._best() if callable(self._best) else self._best)
        return Optimum(reward=best, test=best)
