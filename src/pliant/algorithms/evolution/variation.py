"""Operators that make children: mutation and recombination.  Who the parents are is the selectors' business."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from pliant.space import mutate, recombine
from pliant.values.errors import FieldValueError

from ..options import check_count, check_number
from .operators import Individual, Operator


@final
@dataclass(frozen=True, slots=True)
class Mutate(Operator):
    """Makes one child of each individual by changing ``times`` decisions; never equal to its parent, where a space has two.

    One decision is drawn among the active ones and gets another value; what becomes active by that
    is drawn anew, the rest stays.  Decisions that were valid stay so.

    Args:
      times: how many changes, one after the other.
    """

    times: int = 1
    several_rewards = True

    def __post_init__(self) -> None:
        check_count(self.times, "times", "Mutate")

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
                while child == parent:  # changes that undid each other
                    child = mutate(child, random)
            children.append(Individual(child))
        return children


@final
@dataclass(frozen=True, slots=True)
class UniformCrossover(Operator):
    """Makes one child of each two individuals, the first with the second, the third with the fourth.

    Each decision is taken from either parent at random, where both have it; a branch that only one of
    them has comes from that one.  One individual alone stays as it is; of an odd number the last is
    left out.  Equal parents have a child equal to them: mutate it (``>> Mutate()``).

    Args:
      probability: how likely two are recombined; else the first one's decisions are the child's.
    """

    probability: float = 1.0
    several_rewards = True

    def __post_init__(self) -> None:
        check_number(self.probability, "probability", "UniformCrossover", most=1)

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        if not individuals:
            raise FieldValueError(
                "UniformCrossover was handed no individuals; select two, as `Tournament(5, count=2)`."
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
