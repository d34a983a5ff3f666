"""``Evolution``, the engine of all evolutionary algorithms, and the well-known ones as combinations of operators."""

from __future__ import annotations

from collections import deque
from typing import Any, final

from pliant.space import Decisions
from pliant.values.errors import FieldValueError, RewardError, quote

from ..base import Algorithm, Exhausted, check_algorithm, check_one_objective
from ..options import check_count, check_number
from ..rewards import Reward, check_reward
from .operators import Individual, Operator, check_operator, is_for_several, scale_count, takes_several
from .pareto import ParetoTop, ParetoTournament
from .selectors import Newest, Top, Tournament
from .variation import Mutate, UniformCrossover

_SMALLEST = 8  # the smallest population that follows the number of trials


@final
class Evolution(Algorithm):
    """Evolutionary algorithm composed of operators: reproduction and survival of a population.

    The first ``population_size`` trials are random decisions (or those of ``init``).  After that it proposes the
    children that ``reproduce`` makes of the population.  After each reward, ``survive`` selects the next population.
    Only the population is kept, so the cost of a proposal does not grow with history.  Infeasible decisions count as
    trials and do not become parents.  With parallel trials the population is what was recorded so far.

    With ``generation=n`` the population changes in generations: after n rewards, ``survive`` selects from the
    population and these n newcomers at once, and children of the last generation that were not proposed are dropped.

    A genetic algorithm with elitism, (20 + 10) in Schwefel's notation:

    >>> from pliant.algorithms.evolution import Mutate, RandomPick, Top
    >>> algorithm = Evolution(RandomPick(10) >> Mutate(), survive=Top(20), population_size=20)

    Args:
      reproduce: makes children of the population; all are proposed, in order.
      population_size: how many trials come before reproduction starts.
      survive: selects the next population from the population and the newcomers; the newest ``population_size``
        by default.
      init: proposes the first ones; random decisions by default.
      generation: how many rewards are collected before ``survive`` selects.
      follow_trials: n for a population of at most a part 1 / n of the trials that the search is planned for, at least 8;
        ``generation`` and the counts of selection operators become smaller in proportion.  None for a fixed size.
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
        follow_trials: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.reproduce = check_operator(reproduce, "reproduce", "Evolution")
        self.population_size = check_count(population_size, "population_size", "Evolution")
        self.survive = check_operator(
            Newest(population_size) if survive is None else survive, "survive", "Evolution"
        )
        self.generation = check_count(generation, "generation", "Evolution")
        self.follow_trials = (
            None if follow_trials is None else check_count(follow_trials, "follow_trials", "Evolution")
        )
        self.init = init if init is None else check_algorithm(init, "Evolution(init=...)")
        steps = (self.reproduce, self.survive)
        self.for_several = any(map(is_for_several, steps))
        self.several_rewards = all(map(takes_several, steps)) and (init is None or init.several_rewards)
        if self.for_several and not self.several_rewards:
            one = init if all(map(takes_several, steps)) else next(s for s in steps if not takes_several(s))
            raise FieldValueError(
                f"this Evolution selects by several objectives, and {quote(one)} takes one reward. Give parts for several "
                "objectives (ParetoTournament, ParetoTop; init=Random()), or for one (Tournament, Top)."
            )
        if init is not None and not self.for_several:
            check_one_objective(init, "Evolution")

    def __repr__(self) -> str:
        generation = f"generation={self.generation}, " if self.generation > 1 else ""
        generation += "" if self.follow_trials is None else f"follow_trials={self.follow_trials}, "
        return (
            f"Evolution({self.reproduce!r}, population_size={self.population_size}, "
            f"survive={self.survive!r}, {generation}seed={self.seed})"
        )

    @property
    def population(self) -> tuple[Individual, ...]:
        """The current population, in the order of arrival."""
        return tuple(self._population)

    def _setup(self) -> None:
        self._told = 0
        self._size, self._every = self.population_size, self.generation
        self._parents, self._survivors = self.reproduce, self.survive
        if self.follow_trials is not None and self.planned is not None:
            size = min(self.population_size, max(_SMALLEST, self.planned // self.follow_trials))
            factor = size / self.population_size
            self._size, self._every = size, scale_count(self.generation, factor, 1)
            self._parents, self._survivors = self.reproduce.scale(factor), self.survive.scale(factor)
        self._newcomers: list[Individual] = []  # recorded in this generation
        self._population: list[Individual] = []
        self._children: deque[Decisions] = deque()
        if self.init is not None:
            self.init.setup(self.space, seed=self.seed, trials=self.planned)

    def _propose(self) -> Decisions:
        if self._children:
            return self._children.popleft()
        if self._told < self._size or not self._population:
            return self._propose_first()
        return self._breed()

    def _breed(self) -> Decisions:
        children = self._parents(self._population, self.random)
        if not children:
            raise FieldValueError(
                f"{self._parents!r} made no child of {len(self._population)} individuals. "
                "Return at least one child."
            )
        if len(children) > 1:
            self._children.extend([child.decisions for child in children[1:]])
        return children[0].decisions

    def _propose_first(self) -> Decisions:
        if self.init is not None:
            try:
                return self.init.propose()
            except Exhausted:  # a small space, with late rewards or only failures
                if self._population:
                    return self._breed()
        return self.space.sample(self.random)

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        if self.several_rewards and reward is not None:
            self._check_arity(reward)
        if self.init is not None and self._told < self._size:
            self.init.feedback(decisions, reward)
        if reward is not None:
            self._newcomers.append(Individual(decisions, reward))
        self._told += 1
        if self._told % self._every:
            return
        if self._newcomers:
            self._population = list(self._survivors([*self._population, *self._newcomers], self.random))
            self._newcomers = []
        if self._every > 1:
            self._children.clear()

    def _check_arity(self, reward: Reward) -> None:
        """Checks that a reward has as many objectives as earlier ones."""
        known = self._newcomers or self._population
        if not known:
            return
        other = known[0].reward
        if reward.__class__ is not other.__class__ or (
            isinstance(reward, tuple) and isinstance(other, tuple) and len(reward) != len(other)
        ):
            raise RewardError(
                f"all rewards of a search have the same number of objectives; this one is {quote(reward)}, "
                f"an earlier one was {quote(other)}."
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


def RegularizedEvolution(  # noqa: N802 - one algorithm among the others, which are classes
    population_size: int | None = None, tournament_size: int | None = None, *, seed: int = 0
) -> Evolution:
    """Returns regularized (aging) evolution: mutates the best of a random sample, and the oldest individual dies.

    Real, Aggarwal, Huang and Le, "Regularized evolution for image classifier architecture search",
    AAAI 2019, Algorithm 1, with their P = 100 and S = 25.  With a smaller number of trials that is known before, P is a
    fifth of it and S is in proportion, as the first P trials are random; ``RegularizedEvolution(100, 25)`` is as published.

    >>> RegularizedEvolution(100, 25, seed=1)
    Evolution(Tournament(size=25, count=1) >> Mutate(times=1), population_size=100, survive=Newest(count=100), seed=1)

    Args:
      population_size: P; the first P trials are random.  None for 100, or less as described.
      tournament_size: S, drawn from the population with replacement.  None for a quarter of P.
      seed: where the random numbers start.
    """
    follow = 5 if population_size is None and tournament_size is None else None
    population_size = check_count(
        100 if population_size is None else population_size, "population_size", "RegularizedEvolution"
    )
    if tournament_size is None:
        tournament_size = max(1, population_size // 4)
    tournament_size = check_count(tournament_size, "tournament_size", "RegularizedEvolution")
    return Evolution(
        Tournament(tournament_size) >> Mutate(),
        survive=Newest(population_size),
        population_size=population_size,
        follow_trials=follow,
        seed=seed,
    )


def HillClimb(seed: int = 0) -> Evolution:  # noqa: N802 - as above
    """Returns a stochastic hill climber, the (1 + 1) evolution strategy: a mutant that is not worse replaces its parent.

    >>> HillClimb()
    Evolution(Top(count=1) >> Mutate(times=1), population_size=1, survive=Top(count=1), seed=0)
    """
    return Evolution(Top(1) >> Mutate(), survive=Top(1), population_size=1, seed=seed)


def NSGA2(  # noqa: N802 - as above
    population_size: int | None = None, *, crossover: float = 0.9, seed: int = 0
) -> Evolution:
    """Returns NSGA-II, multi-objective evolution: finds a Pareto front of trade-offs.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
    IEEE Transactions on Evolutionary Computation 6 (2002), section III: N children by binary crowded tournaments,
    recombination and mutation; parents and children together are sorted into fronts; the N best survive.

    Two things differ.  Children are made by the operators of this package, which work on any space: uniform
    crossover, then one decision changed (the paper: single-point crossover and flips of 1/length of the bits
    for bit strings, simulated binary crossover and polynomial mutation for real numbers).  The crowding distance in
    the last surviving front is computed among the survivors, not before the cut.
    As published, it may propose decisions again; ``Deduplicate(NSGA2())`` does not.

    >>> from pliant.space import choice, flatten
    >>> algorithm = NSGA2(20)
    >>> algorithm.setup(flatten([choice("x", 50), choice("y", 50)]))
    >>> for _ in range(600):
    ...     found = algorithm.propose()
    ...     x, y = found.values
    ...     algorithm.feedback(found, (-(x**2) - y, -((x - 10) ** 2) - y))  # the best have y = 0, x <= 10
    >>> sorted({one.decisions.values for one in algorithm.population})
    [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0)]

    Args:
      population_size: N; the first N trials are random, and N rewards make a generation.  None for 100, or, with a
        smaller number of trials that is known before, a tenth of it.
      crossover: the probability that two parents are recombined.
      seed: where the random numbers start.
    """
    follow = 10 if population_size is None else None
    population_size = check_count(
        100 if population_size is None else population_size, "population_size", "NSGA2"
    )
    crossover = check_number(crossover, "crossover", "NSGA2", most=1)
    return Evolution(
        ParetoTournament(count=2 * population_size) >> UniformCrossover(crossover) >> Mutate(),
        survive=ParetoTop(population_size),
        population_size=population_size,
        generation=population_size,
        follow_trials=follow,
        seed=seed,
    )
