"""Asynchronous successive halving by promotion: no rung waits for another trial.

For the variant that stops trials on their way see ``stopping``.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, final

from pliant.space import Decisions

from ..base import Reward
from .budget import Laddered, Values

_FAILED = float("inf")  # sorts after every reward, whose sign is turned


class _Rung:
    """What was told at one budget, best first, and what of it was promoted."""

    def __init__(self) -> None:
        self.items: list[Values] = []  # in the order of their rewards' arrival
        self.rewards: list[float | None] = []
        self.ranked: list[tuple[float, int]] = []  # (-reward, number), sorted
        self.staying: list[tuple[float, int]] = []  # those that were not promoted, likewise
        self.promoted: dict[int, None] = {}
        self.gone: set[Values] = set()  # the items of the promoted

    def add(self, values: Values, reward: float | None) -> None:
        entry = (_FAILED if reward is None else -reward, len(self.items))
        self.items.append(values)
        self.rewards.append(reward)
        insort(self.ranked, entry)
        insort(self.staying, entry)

    def promote(self, eta: int) -> Values | None:
        """Returns the best that was not promoted, if it is in the best 1 / ``eta``; it counts as promoted then."""
        if not self.staying:
            return None
        entry = self.staying[0]
        if entry[0] == _FAILED or bisect_left(self.ranked, entry) >= len(self.ranked) // eta:
            return None
        self.mark(entry)
        return self.items[entry[1]]

    def mark(self, entry: tuple[float, int]) -> None:
        del self.staying[bisect_left(self.staying, entry)]
        self.promoted[entry[1]] = None
        self.gone.add(self.items[entry[1]])


@final
class ASHA(Laddered):
    """Promotes a trial as soon as it is among the best ``1 / eta`` of those told at its budget so far.

    Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A system for massively parallel
    hyperparameter tuning", MLSys 2020, Algorithm 2, with minimum early-stopping rate 0: from the largest budget
    down, the best trial that may be promoted is; where there is none, a new one begins.  Any number of workers
    are kept busy, and a trial that is lost holds up nothing.

    >>> from pliant.space import choice, flatten, integer
    >>> algorithm = ASHA(eta=2)
    >>> algorithm.setup(flatten([choice("op", 5), integer("epochs", 1, 4, name="budget")]))
    >>> budgets = []
    >>> for turn in range(7):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, decisions["op"] + decisions["budget"] / 10)
    ...     budgets.append(decisions["budget"])
    >>> budgets
    [1, 1, 2, 1, 1, 2, 4]

    As published but for failures, of which the paper does not speak: they count among those told and are never promoted.
    Rewards of trials that were begun elsewhere count when their budget is one of the rungs.

    Memory and the state grow by one decision vector and reward per trial; a proposal costs the logarithm of their number.

    Args:
      algorithm: what proposes all decisions but the budget; random search when None.
      budget: the path or the name of the budget.
      eta: one in so many trials is promoted, to a budget so many times larger.
      seed: where the random numbers start; that of ``algorithm`` when None.

    Raises:
      SpaceError: from ``setup``: the space has no such budget, or it is less than ``eta`` times as large at its end.
    """

    def _setup(self) -> None:
        super()._setup()
        self._rungs = [_Rung() for _ in self._ladder[1:]]  # the last budget is promoted to, never from

    def _propose(self) -> Decisions:
        for number in reversed(range(len(self._rungs))):
            values = self._rungs[number].promote(self.eta)
            if values is not None:
                return self._join(values, self._ladder[number + 1])
        return self._budget.join(self.algorithm.propose(), self._ladder[0])

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        values, budget = self._tell(decisions, reward)
        assert not isinstance(reward, tuple)
        if budget in self._ladder[:-1]:
            self._rungs[self._ladder.index(budget)].add(values, reward)

    def _parent(self, decisions: Decisions) -> Decisions | None:
        rest, budget = self._budget.split(decisions)
        number = self._ladder.index(budget) if budget in self._ladder else 0
        if number == 0 or rest.values not in self._rungs[number - 1].gone:
            return None
        return self._budget.join(rest, self._ladder[number - 1])

    def _state(self) -> dict[str, Any]:
        rungs = [
            {
                "told": [[list(v), r] for v, r in zip(rung.items, rung.rewards, strict=True)],
                "promoted": list(rung.promoted),
            }
            for rung in self._rungs
        ]
        return {**super()._state(), "rungs": rungs}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        for rung, data in zip(self._rungs, state["rungs"], strict=True):
            for values, reward in data["told"]:
                rung.add(self._check_values(values), None if reward is None else float(reward))
            for number in data["promoted"]:
                reward = rung.rewards[number]
                rung.mark((_FAILED if reward is None else -reward, number))
