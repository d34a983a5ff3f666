"""``Evolution``: the algorithm that operations make."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..geno import AttributeDict, DNAGenerator, Random
from ..symbolic import members
from . import individuals
from .operation import make_operation_compatible, operation_spec

_GENERATOR = pg_typing.Object(DNAGenerator)


@members(
    [
        ("reproduction", operation_spec(), "From the population to children."),
        (
            "population_init",
            pg_typing.Union(
                [_GENERATOR, pg_typing.Tuple([pg_typing.Object(DNAGenerator), pg_typing.Int()])],
                default=(Random(), 50),
            ),
            "What proposes the initial population, or a pair of it and the size of that population.",
        ),
        (
            "population_update",
            operation_spec().noneable(),
            "From the population with a new individual to the next population.",
        ),
        ("multi_objective", pg_typing.Bool(default=False), "Whether rewards are tuples."),
    ],
    init_arg_list=["reproduction", "population_init", "population_update"],
)
class Evolution(DNAGenerator):
    """An evolutionary algorithm made of operations.

    >>> from pliant import pyglove as pg
    >>> algorithm = pg.evolution.Evolution(
    ...     pg.evolution.selectors.Random(5, seed=1) >> pg.evolution.selectors.Top(1) >> pg.evolution.mutators.Uniform(seed=1),
    ...     population_init=(pg.geno.Random(seed=1), 10),
    ...     population_update=pg.evolution.selectors.Last(10),
    ... )
    >>> for x, feedback in pg.sample(pg.oneof(range(100)), algorithm, num_examples=30):
    ...     feedback(x)
    >>> algorithm.num_proposals, len(algorithm.population)
    (30, 10)

    Args:
      reproduction: an operation from the population to children, which are proposed one after the other.
      population_init: what proposes the initial population; or a pair of it and a number, how many rewards end it.  Without the
        number it ends when the generator raises ``StopIteration``.
      population_update: an operation that runs at each reward, from the population and the new individual after it to the next
        population; None to keep all.
      multi_objective: whether rewards are tuples of numbers.
    """

    if TYPE_CHECKING:  # the declared fields

        def __getattr__(self, name: str) -> Any: ...

    def _setup(self) -> None:
        first = self.population_init
        self._first, self._first_size = first if isinstance(first, tuple) else (first, None)
        self._first.setup(self.dna_spec)
        self._reproduce = make_operation_compatible(self.reproduction)
        self._update = make_operation_compatible(self.population_update)
        self._state: Any = AttributeDict(num_generations=0)
        self._population: list[Any] = []
        self._population_initialized = False
        self._waiting: collections.deque[Any] = collections.deque()
        self._lock = threading.RLock()

    @property
    def multi_objective(self) -> bool:
        """Whether rewards are tuples of numbers."""
        return bool(self.sym_getattr("multi_objective"))

    @property
    def population(self) -> list[Any]:
        """The population: DNA with their fitness in ``metadata``."""
        return self._population

    @property
    def global_state(self) -> Any:
        """The dict that all operations share; its ``num_generations`` counts the generations."""
        return self._state

    @property
    def num_generations(self) -> int:
        """How many generations there were; the initial population is the first."""
        return int(self._state.num_generations)

    def _propose(self) -> Any:
        with self._lock:
            if not self._waiting and not self._population_initialized:
                self._propose_first()
            if not self._waiting:
                self._waiting.extend(self._evolve())
            return self._waiting.popleft()

    def _propose_first(self) -> None:
        """Adds a member of the initial population to the waiting proposals, or ends that population."""
        try:
            dna = self._first.propose()
        except StopIteration:
            self._end_first()
            return
        self._note(dna, self.num_proposals + 1, initial=True)
        self._waiting.append(dna)

    def _end_first(self) -> None:
        self._population_initialized = True
        self._state.num_generations = 1

    def _note(self, dna: Any, proposal_id: int, *, initial: bool) -> None:
        """Notes on a DNA which proposal it is."""
        individuals.set_proposal_id(dna, proposal_id)
        individuals.set_generation_id(dna, self.num_generations + 1)
        individuals.set_initial_population(dna, initial)

    def _evolve(self) -> list[Any]:
        """Returns the next children.

        Raises:
          ValueError: reproduction returns none of them.
        """
        step = self.num_proposals
        children = list(self._reproduce(self._population, global_state=self._state, step=step))
        if not children:
            raise ValueError(
                "Evolution: There is no child reproduced from a population of "  # wording: PyGlove's message
                f"{len(self._population)}. A population is empty as long as no reward arrived: give the size of the initial "
                "population, as in population_init=(pg.geno.Random(), 50), or evaluate fewer programs at a time."
            )
        for place, child in enumerate(children):
            if (
                individuals.get_feedback_sequence_number(child) is not None
            ):  # a parent itself: it is proposed once more
                children[place] = child = child.clone(deep=True)
            self._note(child, step + 1 + place, initial=False)
        self._state.num_generations += 1
        return children

    def _feedback(self, dna: Any, reward: Any) -> None:
        individuals.set_feedback_sequence_number(dna, self.num_feedbacks + 1)
        individuals.set_fitness(dna, reward)
        with self._lock:
            if dna.metadata.get(individuals.INITIAL_POPULATION):
                self._first.feedback(dna, reward)
            if (
                not self._population_initialized
                and self._first_size is not None
                and self.num_feedbacks + 1 >= self._first_size
            ):
                self._end_first()
            self._add(dna)

    def _add(self, dna: Any) -> None:
        """Adds an individual to the population, and updates it."""
        self._population.append(dna)
        if self._update is not None:
            self._population = self._update(
                self._population, global_state=self._state, step=self.num_feedbacks
            )

    def recover(self, history: Iterable[tuple[Any, Any]]) -> None:
        """Repeats what is known of an interrupted search, so that it goes on.

        Args:
          history: pairs of each proposed DNA and its reward; None for a reward that has not arrived.

        Raises:
          ValueError: a reward differs from the fitness that is noted on its DNA.
        """
        first: list[tuple[Any, Any]] = []
        for dna, reward in history:
            self._num_proposals += 1
            dna.use_spec(self.dna_spec)
            if reward is not None:
                self._recover_reward(dna, reward)
                if dna.metadata.get(individuals.INITIAL_POPULATION):
                    first.append((dna, reward))
            generation = dna.metadata.get(individuals.GENERATION_ID, 0)
            self._state.num_generations = max(self.num_generations, generation)
        if self._first_size is not None and len(first) >= self._first_size:
            self._population_initialized = True
        self._first.recover(first)

    def _recover_reward(self, dna: Any, reward: Any) -> None:
        if individuals.get_feedback_sequence_number(dna) is None:
            self.feedback(dna, reward)
            return
        if individuals.get_fitness(dna) != reward:
            raise ValueError(
                f"Evolution.recover: {quote(dna)} has the fitness {quote(individuals.get_fitness(dna))} in its metadata, and the reward "
                f"{quote(reward)} in the history. They must be equal; pass the history of one search."
            )
        self._add(dna)
        self._num_feedbacks += 1
