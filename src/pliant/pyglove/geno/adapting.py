"""Algorithms of pliant as algorithms of PyGlove's kind, and back: ``to_generator`` and ``GeneratorAlgorithm``."""

from __future__ import annotations

from typing import Any, final

from pliant.algorithms.base import Algorithm, Exhausted, take_first
from pliant.algorithms.naming import to_algorithm
from pliant.algorithms.rewards import Reward
from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, quote_typed

from .. import typing as pg_typing
from ..symbolic import members
from .dna import DNA
from .dna_generator import DNAGenerator
from .mapping import to_decisions, to_dna, to_space, to_spec


@members([("algorithm", pg_typing.Any(), "An algorithm of pliant.")])
class CoreGenerator(DNAGenerator):
    """An algorithm of pliant as an algorithm of PyGlove's kind; ``to_generator`` makes it.

    >>> from pliant.algorithms import Sweep
    >>> from pliant.pyglove.geno.categorical import oneof
    >>> from pliant.pyglove.geno.space import constant
    >>> generator = to_generator(Sweep())
    >>> generator.setup(oneof([constant(), constant()]))
    >>> [dna for dna, feedback in generator]
    [DNA(0), DNA(1)]
    """

    @property
    def multi_objective(self) -> bool:
        return bool(self.algorithm.several_rewards)

    def _setup(self) -> None:
        self._space = to_space(self.dna_spec)
        self.algorithm.setup(self._space)

    def _propose(self) -> DNA:
        try:
            return to_dna(self.algorithm.propose(), self.dna_spec)
        except Exhausted:
            raise StopIteration from None

    def _feedback(self, dna: DNA, reward: Any) -> None:
        self.algorithm.feedback(to_decisions(dna, self._space), reward)

    def skip(self, dna: DNA) -> None:
        """Records that a trial failed or was stopped."""
        self.algorithm.feedback(to_decisions(dna, self._space), None)


@final
class GeneratorAlgorithm(Algorithm):
    """An algorithm of PyGlove's kind as an algorithm of pliant; ``DNAGenerator.as_algorithm`` makes it.

    An integer of the space is a choice among its values there.

    >>> from pliant.pyglove.geno.sweeping import Sweeping
    >>> from pliant.space import choice, flatten
    >>> algorithm = GeneratorAlgorithm(Sweeping())
    >>> algorithm.setup(flatten([choice("op", 2)]))
    >>> algorithm.propose()["op"]
    0

    Args:
      generator: the algorithm of PyGlove's kind.
      seed: not used; the generator has its own.
    """

    def __init__(self, generator: DNAGenerator, *, seed: int = 0) -> None:
        super().__init__(seed)
        self.generator = generator
        self.several_rewards = self.for_several = bool(generator.multi_objective)

    def _setup(self) -> None:
        self._spec = to_spec(self.space)
        self._waiting: dict[Any, list[tuple[DNA, int]]] = {}
        self._history: list[list[Any]] = []
        self.generator.setup(self._spec)

    def _propose(self) -> Decisions:
        try:
            dna = self.generator.propose()
        except StopIteration:
            raise Exhausted("the generator has no further DNA") from None
        decisions = to_decisions(dna, self.space)
        self._waiting.setdefault(decisions, []).append((dna, len(self._history)))
        self._history.append([decisions.to_json(), False, None])
        return decisions

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        found = take_first(self._waiting, decisions)
        if found is None:  # decisions that were not proposed here
            found = (to_dna(decisions, self._spec), len(self._history))
            self._history.append([decisions.to_json(), False, None])
        dna, place = found
        self._history[place][1:] = [True, reward]
        if reward is not None:
            self.generator.feedback(dna, reward)

    def _state(self) -> dict[str, Any]:
        return {"history": [list(entry) for entry in self._history]}

    def _restore(self, state: dict[str, Any]) -> None:
        found = []
        for values, answered, reward in state["history"]:
            decisions = self._load(values)
            dna = to_dna(decisions, self._spec)
            fitting = tuple(reward) if isinstance(reward, list) else reward
            found.append((dna, fitting))
            if not answered:
                self._waiting.setdefault(decisions, []).append((dna, len(self._history)))
            self._history.append([values, answered, fitting])
        self.generator.recover(found)


def to_generator(algorithm: Any) -> DNAGenerator:
    """Returns an algorithm as one of PyGlove's kind.

    Args:
      algorithm: a ``DNAGenerator``, an algorithm of pliant, or the name of one, such as ``"tpe"``.

    Raises:
      FieldTypeError: it is neither.
    """
    found: Any = algorithm
    if isinstance(found, (Algorithm, str)):
        found = CoreGenerator(to_algorithm(found))
    if isinstance(found, DNAGenerator):
        generator: DNAGenerator = found
        return generator
    raise FieldTypeError(
        "an algorithm is a pg.DNAGenerator, such as pg.geno.Random(), or one of pliant, such as pliant.algorithms.TPE(); "
        f"got {quote_typed(algorithm)}."
    )
