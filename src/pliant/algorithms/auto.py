"""The default algorithm, ``Auto``: picks a published algorithm that suits the rewards.  It has no method of its own."""

from __future__ import annotations

from typing import Any, final

from pliant.space import Decisions, Space
from pliant.values.errors import LoadError, quote

from .base import Algorithm, Reward, check_arity
from .evolution import NSGA2
from .tpe import TPE

POPULATION = 20  # of NSGA2: small, as searches by default have tens to hundreds of trials


@final
class Auto(Algorithm):
    """The default algorithm: ``TPE`` for one reward, ``NSGA2`` for several objectives.

    The first reward that is recorded decides, failed trials do not.  Until then the search is a TPE's, which starts with
    random decisions.  If that reward is a tuple of two or more numbers, the search continues as ``NSGA2`` with a
    population of 20.  A tuple of one number counts as that number.  The choice depends on nothing else, so equal seeds and
    equal rewards give equal searches.  ``explain()`` returns in one line what was chosen, and why.

    >>> from pliant.space import choice, flatten
    >>> algorithm = Auto(seed=1)
    >>> algorithm.setup(flatten([choice("op", 9)]))
    >>> algorithm.feedback(algorithm.propose(), (0.9, -12.0))
    >>> algorithm.explain()
    'NSGA2 with a population of 20: each reward has 2 objectives'

    Args:
      seed: where the random numbers start.
    """

    several_rewards = True
    _objectives: int | None = None  # of each reward; None before the first

    def explain(self) -> str:
        """Returns which algorithm is in use, and why, in one line."""
        if self._objectives is None:
            return "TPE: one objective is assumed until the first reward is recorded"
        if self._objectives == 1:
            return "TPE: each reward is one number"
        return f"NSGA2 with a population of {POPULATION}: each reward has {self._objectives} objectives"

    def _setup(self) -> None:
        self._trials = 0
        self._start(self.space, None)

    def _start(self, space: Space, objectives: int | None) -> None:
        self._objectives = objectives
        self._chosen: Algorithm = TPE() if objectives in (None, 1) else NSGA2(POPULATION)
        self._chosen.setup(space, seed=self.seed)

    def _propose(self) -> Decisions:
        return self._chosen.propose()

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        if isinstance(reward, tuple) and len(reward) == 1:
            (reward,) = reward
        if reward is not None:
            objectives = check_arity(self._trials + 1, reward, self._objectives)
            if self._objectives is None and objectives > 1:
                self._start(self.space, objectives)
            self._objectives = objectives
        self._chosen.feedback(decisions, reward)
        self._trials += 1

    def _state(self) -> dict[str, Any]:
        counts = {"objectives": self._objectives, "trials": self._trials}
        return {**counts, "algorithm": self._chosen.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        objectives, self._trials = state["objectives"], int(state["trials"])
        if objectives is not None and (type(objectives) is not int or objectives < 1):
            raise LoadError(f"the number of objectives is {quote(objectives)}, not an integer of at least 1.")
        self._start(self.space, objectives)
        self._chosen.restore(state["algorithm"])
