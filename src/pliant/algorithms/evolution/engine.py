"""The loop that every evolutionary algorithm shares; which one it is, its operators say."""

from __future__ import annotations

from collections import deque
from typing import Any, final

from pliant.space import Decisions
from pliant.values.errors import FieldValueError, RewardError

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

    With ``generation=n`` there are generations instead: the population stays as it is until n rewards
    were told, ``survive`` then chooses among the population and all these newcomers at once, and children
    of the former generation that still wait are dropped.

    A genetic algorithm with elitism, (20 + 10) in Schwefel's notation:

    >>> from pliant.algorithms.evolution import Mutate, RandomPick, Top
    >>> algorithm = Evolution(RandomPick(10) >> Mutate(), survive=Top(20), population_size=20)

    Args:
      reproduce: from the population to children; all are proposed, in order.
      population_size: how many rewards are told before reproduction starts.
      survive: from the population and the newcomer to the next population; the newest
        ``population_size`` by default.
      init: proposes the first ones; random decisions by default.
      generation: how many rewards are gathered before ``survive`` is asked; one by default.
      seed: where the random numbers start.
    """

    def __init__(
        self,
        reproduce: Operator,
        *,
        population_size: int,
        survive: Operator | None = None,
        init: Algorithm | None = None,
        generation: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.reproduce = check_operator(reproduce, "reproduce", "Evolution")
        self.population_size = check_count(population_size, "population_size", "Evolution")
        self.survive = check_operator(
            Newest(population_size) if survive is None else survive, "survive", "Evolution"
        )
        self.generation = check_count(generation, "generation", "Evolution")
        self.init = init if init is None else check_algorithm(init, "Evolution(init=...)")
        first = init is None or init.several_rewards
        self.several_rewards = first and takes_several(self.reproduce) and takes_several(self.survive)

    def __repr__(self) -> str:
        generation = f"generation={self.generation}, " if self.generation > 1 else ""
        return (
            f"Evolution({self.reproduce!r}, population_size={self.population_size}, "
            f"survive={self.survive!r}, {generation}seed={self.seed})"
        )

    @property
    def population(self) -> tuple[Individual, ...]:
        """Those who survived so far, in the order of arrival."""
        return tuple(self._population)

    def _setup(self) -> None:
        self._told = 0
        self._newcomers: list[Individual] = []  # told in this generation
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
        if self.several_rewards and reward is not None:
            self._check_arity(reward)
        if self.init is not None and self._told < self.population_size:
            self.init.feedback(decisions, reward)
        if reward is not None:
            self._newcomers.append(Individual(decisions, reward))
        self._told += 1
        if self._told % self.generation == 0:
            self._renew()

    def _renew(self) -> None:
        """Ends a generation: says who survives."""
        if self._newcomers:
            self._population = list(self.survive([*self._population, *self._newcomers], self.random))
            self._newcomers = []
        if self.generation > 1:
            self._children.clear()

    def _check_arity(self, reward: Reward) -> None:
        """Checks that a reward has as many objectives as those before it."""
        known = self._newcomers or self._population
        if not known:
            return
        other = known[0].reward
        if reward.__class__ is not other.__class__ or (
            isinstance(reward, tuple) and isinstance(other, tuple) and len(reward) != len(other)
        ):
            raise RewardError(
                f"all rewards of a search have one number of objectives; this one is {reward!r:.80}, "
                f"an earlier one was {other!r:.80}."
            )

    def _state(self) -> dict[str, Any]:
        return {
            "told": self._told,
            "population": _to_json(self._population),
            "newcomers": _to_json(self._newcomers),
            "children": [child.to_json() for child in self._children],
            "init": None if self.init is None else self.init.state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._told = int(state["told"])
        self._population, self._newcomers = self._read(state["population"]), self._read(state["newcomers"])
        self._children = deque(map(self._load, state["children"]))
        if self.init is not None:
            self.init.restore(state["init"])

    def _read(self, individuals: Any) -> list[Individual]:
        several = self.several_rewards
        return [Individual(self._load(values), check_reward(r, several=several)) for values, r in individuals]


def _to_json(individuals: list[Individual]) -> list[Any]:
    return [[d.to_json(), list(r) if isinstance(r, tuple) else r] for d, r in individuals]
