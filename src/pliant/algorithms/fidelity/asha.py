"""ASHA: asynchronous successive halving by promotion; no rung waits for another trial.

``HalvingStopping`` is the variant that stops running trials.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, final

from pliant.space import Decisions

from ..rewards import Reward
from .budget import Laddered, Values

_FAILED = float("inf")  # sorts after every reward, whose sign is turned


class _Rung:
    """The trials of one budget, ranked by reward, and which of them were promoted."""

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
        """Promotes and returns the best trial that was not promoted, if it is among the best 1 / ``eta``; else None."""
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
    """ASHA: promotes a trial to the next budget as soon as it is among the best ``1 / eta`` at its budget so far.

    Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A system for massively parallel
    hyperparameter tuning", MLSys 2020, Algorithm 2, with minimum early-stopping rate 0: from the largest budget
    down, the best trial that may be promoted is promoted; if there is none, a new one begins.  Any number of
    workers stay busy, and a lost trial blocks nothing.

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

    As published, except for failures, which the paper does not mention: they count as trials and are never promoted.
    Rewards of trials that were proposed elsewhere count if their budget is one of the rungs.

    Memory and the state grow by one decision vector and reward per trial; a proposal costs the logarithm of their number.

    Args:
      algorithm: proposes all decisions except the budget; random search if None.
      budget: the path or name of the budget.
      eta: one in ``eta`` trials is promoted, to an ``eta`` times larger budget.
      seed: of the random numbers; that of ``algorithm`` if None.

    Raises:
      SpaceError: (``setup``) the space has no such budget, or its largest is less than ``eta`` times the smallest.
    """

    def _setup(self) -> None:
        super()._setup()
        self._rungs = [_Rung() for _ in self._ladder[1:]]  # no promotion from the largest budget

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
