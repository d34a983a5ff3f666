"""The loop that every evolutionary algorithm shares; which one it is, its operators say."""

from __future__ import annotations

from collections import deque
from typing import Any, final

from pliant.space import Decisions
from pliant.values.errors import FieldValueError

from ..base import Algorithm, Exhausted, Reward, check_algorithm, check_count, check_reward
from .operators import Individual, Operator, check_operator, takes_several
from .selectors import Newest


@final
class Evolution(Algorithm):
    """Evolution of a population by operators.

    Until ``population_size`` rewards were told it proposes random decisions (or those of ``init``).
    From then on it proposes the children that ``reproduce`` makes of the population.  Whatever reward
    is told, ``survive`` then says who stays.  Nothing but the population is kept, so the cost of a
    proposal does not grow with history.  What was infeasible counts as told, but is no parent.  With
    parallel trials the population is simply what was told by then.

    A genetic algorithm with elitism, (20 + 10) in Schwefel's notation:

    >>> from pliant.algorithms.evolution import Mutate, RandomPick, Top
    >>> algorithm = Evolution(RandomPick(10) >> Mutate(), survive=Top(20), population_size=20)

    Args:
      reproduce: from the population to children; all are proposed, in order.
      population_size: how many rewards are told before reproduction starts.
      survive: from the population and the newcomer to the next population; the newest
        ``population_size`` by default.
      init: proposes the first ones; random decisions by default.
      seed: where the random numbers start.
    """

    def __init__(
        self,
        reproduce: Operator,
        *,
        population_size: int,
        survive: Operator | None = None,
        init: Algorithm | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.reproduce = check_operator(reproduce, "reproduce", "Evolution")
        self.population_size = check_count(population_size, "population_size", "Evolution")
        self.survive = check_operator(
            Newest(population_size) if survive is None else survive, "survive", "Evolution"
        )
        self.init = init if init is None else check_algorithm(init, "Evolution(init=...)")
        first = init is None or init.several_rewards
        self.several_rewards = first and takes_several(self.reproduce) and takes_several(self.survive)

    def __repr__(self) -> str:
        return (
            f"Evolution({self.reproduce!r}, population_size={self.population_size}, "
            f"survive={self.survive!r}, seed={self.seed})"
        )

    @property
    def population(self) -> tuple[Individual, ...]:
        """Those who survived so far, in the order of arrival."""
        return tuple(self._population)

    def _setup(self) -> None:
        self._told = 0
        self._population: list[Individual] = []
        self._children: deque[Decisions] = deque()
        if self.init is not None:
            self.init.setup(self.space, seed=self.seed)

    def _propose(self) -> Decisions:
        if self._children:
            return self._children.popleft()
        if self._told < self.population_size or not self._population:
            return self._propose_first()
        return self._breed()

    def _breed(self) -> Decisions:
        children = self.reproduce(self._population, self.random)
        if not children:
            raise FieldValueError(
                f"{self.reproduce!r} made no child of {len(self._population)} individuals. "
                "What reproduces returns one at least."
            )
        if len(children) > 1:
            self._children.extend([child.decisions for child in children[1:]])
        return children[0].decisions

    def _propose_first(self) -> Decisions:
        if self.init is not None:
            try:
                return self.init.propose()
            except Exhausted:  # a small space: its rewards may be late, or were all infeasible
                if self._population:
                    return self._breed()
        return self.space.sample(self.random)

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        if self.init is not None and self._told < self.population_size:
            self.init.feedback(decisions, reward)
        if reward is not None:
            newcomer = Individual(decisions, reward)
            self._population = list(self.survive([*self._population, newcomer], self.random))
        self._told += 1

    def _state(self) -> dict[str, Any]:
        return {
            "told": self._told,
            "population": [[d.to_json(), _plain(reward)] for d, reward in self._population],
            "children": [child.to_json() for child in self._children],
            "init": None if self.init is None else self.init.state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._told = int(state["told"])
        self._population = [
            Individual(self._load(values), check_reward(reward, several=self.several_rewards))
            for values, reward in state["population"]
        ]
        self._children = deque(map(self._load, state["children"]))
        if self.init is not None:
            self.init.restore(state["init"])


def _plain(reward: Reward) -> Any:
    return list(reward) if isinstance(reward, tuple) else reward
