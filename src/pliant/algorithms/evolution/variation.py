"""Variation operators, which make children: mutation and crossover."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from pliant.space import mutate, recombine
from pliant.values.errors import FieldValueError

from ..options import check_number, keep_checked
from .operators import Counted, Individual, Operator


@final
@dataclass(frozen=True, slots=True)
class Mutate(Counted):
    """Mutation: makes one child of each individual by changing ``times`` decisions.

    One active decision, drawn at random, gets another value; decisions that become active are drawn at random, the
    rest stays.  Children are valid, and differ from their parents if the space has more than one decision vector.

    Args:
      times: how many changes, one after the other.
    """

    times: int = 1
    several_rewards = True

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        children = []
        for one in individuals:
            parent = one.decisions
            if parent.space.size == 1:
                children.append(Individual(parent))
                continue
            child = mutate(parent, random)
            if self.times > 1:
                for _ in range(self.times - 1):
                    child = mutate(child, random)
                while child == parent:  # changes that cancelled each other
                    child = mutate(child, random)
            children.append(Individual(child))
        return children


@final
@dataclass(frozen=True, slots=True)
class UniformCrossover(Operator):
    """Uniform crossover: makes one child of each pair of individuals (first and second, third and fourth, ...).

    A decision that both parents have is taken from either at random; a branch that only one of them has comes from
    that one.  A single individual stays as it is; of an odd number the last is left out.  Equal parents have a child
    equal to them, so mutate it: ``>> Mutate()``.

    Args:
      probability: of recombination; otherwise the child has the decisions of the first parent.
    """

    probability: float = 1.0
    several_rewards = True

    def __post_init__(self) -> None:
        keep_checked(self, "probability", check_number, most=1)

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        if not individuals:
            raise FieldValueError(
                "UniformCrossover received no individuals; select two, such as by `Tournament(5, count=2)`."
            )
        if len(individuals) == 1:
            return [Individual(individuals[0].decisions)]
        always = self.probability == 1
        return [
            Individual(
                recombine(a.decisions, b.decisions, random)
                if always or random.random() < self.probability
                else a.decisions
            )
            for a, b in zip(individuals[::2], individuals[1::2], strict=False)
        ]
