"""Successive halving and Hyperband: brackets of trials in which the best get larger and larger budgets.

Both wait for complete rungs; ``ASHA`` does not.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

from pliant.space import Decisions

from ..base import Algorithm, Exhausted, take_first
from ..options import check_count
from ..rewards import Reward
from .budget import Laddered, Values


class Halving(Laddered):
    """Abstract: runs one bracket after another; a subclass plans the rungs of each.

    While a rung waits for its last rewards, the next bracket starts, so that no worker is idle.
    """

    waits = True

    @abstractmethod
    def _plan(self, number: int) -> Bracket:
        """Returns bracket ``number``, from 0."""

    def _setup(self) -> None:
        super()._setup()
        self._begun = 0  # brackets so far
        self._brackets: dict[int, Bracket] = {}  # by number, without those that are complete
        self._out: dict[Values, list[tuple[int, int]]] = {}  # running trials: bracket and index in its rung

    def _propose(self) -> Decisions:
        for number, bracket in list(self._brackets.items()):
            if bracket.is_filling:
                try:
                    bracket.fill(self.algorithm.propose().values)
                except Exhausted:
                    bracket.close()
                    self._forget(number)
            if (found := self._take(number, bracket)) is not None:
                return found
        bracket = self._plan(self._begun)
        bracket.fill(self.algorithm.propose().values)
        self._begun += 1
        self._brackets[self._begun - 1] = bracket
        found = self._take(self._begun - 1, bracket)
        assert found is not None  # it was just filled
        return found

    def _take(self, number: int, bracket: Bracket) -> Decisions | None:
        place = bracket.take()
        if place is None:
            return None
        proposal = self._join(bracket.items[place], self._ladder[bracket.first + bracket.rung])
        self._out.setdefault(proposal.values, []).append((number, place))
        return proposal

    def _forget(self, number: int) -> None:
        if self._brackets[number].is_over:
            del self._brackets[number]

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        self._tell(decisions, reward)
        taken = take_first(self._out, decisions.values)
        if taken is None:
            return  # was proposed elsewhere
        number, place = taken
        assert not isinstance(reward, tuple)
        self._brackets[number].tell(place, reward)
        self._forget(number)

    def _parent(self, decisions: Decisions) -> Decisions | None:
        waiting = self._out.get(decisions.values)
        if waiting is None:
            return None
        bracket = self._brackets[waiting[-1][0]]
        if bracket.rung == 0:
            return None
        rest, _ = self._budget.split(decisions)
        return self._budget.join(rest, self._ladder[bracket.first + bracket.rung - 1])

    def _state(self) -> dict[str, Any]:
        return {
            **super()._state(),
            "begun": self._begun,
            "brackets": [[number, bracket.to_json()] for number, bracket in self._brackets.items()],
            "out": [[list(values), *out] for values, waiting in self._out.items() for out in waiting],
        }

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._begun = int(state["begun"])
        self._brackets = {int(number): Bracket.from_json(data) for number, data in state["brackets"]}
        for bracket in self._brackets.values():
            for values in bracket.items:
                self._check_values(list(values))
        self._out = {}
        for values, number, place in state["out"]:
            self._out.setdefault(self._load(values).values, []).append((int(number), int(place)))


@final
class SuccessiveHalving(Halving):
    """Successive halving: many trials with the smallest budget, the best of them with ``eta`` times as much, and so on.

    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS
    2016, Algorithm 1, with the geometric budgets and the factor ``eta`` of Hyperband's inner loop.  The budget is
    an always active hole of this name.  Brackets follow one another until ``trials`` of the loop ends the search;
    one bracket has ``count + count // eta + ...`` trials.

    >>> from pliant.space import choice, flatten, integer
    >>> algorithm = SuccessiveHalving()
    >>> algorithm.setup(flatten([choice("op", 5), integer("epochs", 1, 9, name="budget")]))
    >>> budgets = []
    >>> for _ in range(13):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, decisions["op"] + decisions["budget"] / 10)
    ...     budgets.append(decisions["budget"])
    >>> budgets
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 9]

    Failed trials are not promoted.  A trial whose reward never arrives blocks its bracket, not the search; if trials
    may get lost, use ``ASHA``.

    Args:
      algorithm: proposes all decisions except the budget; random search if None.
      budget: the path or name of the budget.
      eta: one in ``eta`` trials is promoted, to an ``eta`` times larger budget.
      count: number of trials on the first rung; by default so many that one is left for the largest budget.
      seed: of the random numbers; that of ``algorithm`` if None.

    Raises:
      SpaceError: (``setup``) the space has no such budget, or its largest is less than ``eta`` times the smallest.
    """

    def __init__(
        self,
        algorithm: Algorithm | None = None,
        *,
        budget: str = "budget",
        eta: int = 3,
        count: int | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(algorithm, budget=budget, eta=eta, seed=seed)
        self.count = None if count is None else check_count(count, "count", "SuccessiveHalving")

    def _plan(self, number: int) -> Bracket:
        rungs = len(self._ladder)
        count = self.eta ** (rungs - 1) if self.count is None else self.count
        return Bracket([max(1, count // self.eta**rung) for rung in range(rungs)], 0)


@final
class Hyperband(Halving):
    """Hyperband: successive halving from each smallest budget in turn, so that you need not choose one.

    Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: a novel bandit-based approach to hyperparameter
    optimization", JMLR 18 (2018), Algorithm 1: with ``s_max + 1`` budgets, bracket ``s`` begins with
    ``ceil((s_max + 1) / (s + 1) * eta ** s)`` trials.  After the last bracket the first comes again.  With ``TPE`` as
    ``algorithm`` it is similar to BOHB (Falkner, Klein and Hutter, ICML 2018).

    >>> from pliant.space import choice, flatten, integer
    >>> algorithm = Hyperband()
    >>> algorithm.setup(flatten([choice("op", 5), integer("epochs", 1, 81, name="budget")]))
    >>> algorithm.budgets
    (1, 3, 9, 27, 81)
    >>> for counts in plan_brackets(len(algorithm.budgets), algorithm.eta):
    ...     print(counts)
    [81, 27, 9, 3, 1]
    [34, 11, 3, 1]
    [15, 5, 1]
    [8, 2]
    [5]

    The arguments ``algorithm``, ``budget``, ``eta`` and ``seed`` are those of ``SuccessiveHalving``.

    Raises:
      SpaceError: (``setup``) the space has no such budget, or its largest is less than ``eta`` times the smallest.
    """

    def _plan(self, number: int) -> Bracket:
        rungs = len(self._ladder)
        first = number % rungs
        return Bracket(plan_brackets(rungs, self.eta)[first], first)


def plan_brackets(rungs: int, eta: int) -> list[list[int]]:
    """Returns the number of trials on each rung of each bracket of Hyperband; bracket ``i`` starts at budget ``i``.

    >>> plan_brackets(2, 4)
    [[4, 1], [2]]
    """
    brackets = []
    for s in reversed(range(rungs)):
        count = -(-rungs * eta**s // (s + 1))  # rounded up
        brackets.append([count // eta**rung for rung in range(s + 1)])
    return brackets


@final
class Bracket:
    """One bracket of successive halving: the best trials of each rung continue on the next."""

    def __init__(self, counts: list[int], first: int) -> None:
        self.counts = counts  # trials on each rung, not increasing
        self.first = first  # index of the first rung among all budgets
        self.rung = 0
        self.items: list[Values] = []  # of this rung
        self._started = 0  # how many of them were proposed
        self._rewards: dict[int, float | None] = {}  # of this rung, by the place in items

    @property
    def is_filling(self) -> bool:
        """Whether the first rung has room for a new trial."""
        return self.rung == 0 and len(self.items) < self.counts[0]

    @property
    def is_over(self) -> bool:
        """Whether all trials of the bracket are complete."""
        return self.rung == len(self.counts) or not (self.items or self.is_filling)

    def fill(self, values: Values) -> None:
        """Puts a new trial on the first rung."""
        self.items.append(values)

    def close(self) -> None:
        """Ends the first rung with fewer trials, because the algorithm proposes no more."""
        self.counts[0] = len(self.items)
        self._advance()

    def take(self) -> int | None:
        """Starts the next trial of this rung and returns its index; None if all were started."""
        if self._started == len(self.items):
            return None
        self._started += 1
        return self._started - 1

    def tell(self, place: int, reward: float | None) -> None:
        """Records the reward of a trial of this rung; the last reward starts the next rung."""
        self._rewards[place] = reward
        self._advance()

    def _advance(self) -> None:
        """Moves to the next rung once this one has all rewards; failed trials are dropped."""
        while not self.is_over and len(self._rewards) == self.counts[self.rung]:
            found = [(-reward, place) for place, reward in self._rewards.items() if reward is not None]
            self.rung += 1
            keep = self.counts[self.rung] if self.rung < len(self.counts) else 0
            best = [self.items[place] for _, place in sorted(found)[:keep]]
            self.items, self._started, self._rewards = best, 0, {}
            if best:
                self.counts[self.rung] = len(best)

    def to_json(self) -> dict[str, Any]:
        """Returns the bracket as JSON data."""
        return {
            "counts": list(self.counts),
            "first": self.first,
            "rung": self.rung,
            "items": [list(values) for values in self.items],
            "started": self._started,
            "rewards": [[place, reward] for place, reward in self._rewards.items()],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Bracket:
        """Returns what ``to_json`` described."""
        found = cls([int(count) for count in data["counts"]], int(data["first"]))
        found.rung = int(data["rung"])
        found.items = [tuple(values) for values in data["items"]]
        found._started = int(data["started"])
        found._rewards = {int(place): reward for place, reward in data["rewards"]}
        return found
