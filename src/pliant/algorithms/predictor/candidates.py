"""Candidates of a predictor-based search: mutants of the best trials, random decisions, or proposals of an algorithm."""

from __future__ import annotations

import random as randomness
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, final

from pliant.space import Decisions, Space, mutate
from pliant.values.errors import FieldValueError, quote

from ..base import Algorithm, Exhausted, check_algorithm, check_one_objective
from ..options import check_count, check_part, keep_checked

Told = Sequence[tuple[Decisions, float]]


class Candidates(ABC):
    """A source of candidate decisions: a frozen object without state."""

    __slots__ = ()

    @property
    def algorithm(self) -> Algorithm | None:
        """The algorithm that proposes them, or None; the search sets it up, passes all rewards to it and stores its state."""
        return None

    @abstractmethod
    def __call__(
        self, told: Told, space: Space, random: randomness.Random, *, seen: Container[Any]
    ) -> list[Decisions]:
        """Returns different decisions of ``space`` with ``values`` not in ``seen``; few or none if few are left.

        Args:
          told: recorded decisions with their rewards, best first; at least one.
          space: the searched space.
          random: the random number generator.
          seen: the ``values`` of recorded or proposed decisions.
        """


@final
@dataclass(frozen=True, slots=True)
class MutateBest(Candidates):
    """Mutants of the best trials: equally many of each, with 1 to ``changes`` decisions changed.

    White et al., "BANANAS", AAAI 2021, Algorithm 1: mutate the best architectures found so far.  They make 100 with one
    change each; once all neighbours of the best were tried, such a search cannot leave its region.  More changes keep
    other regions reachable, and the predictor rejects poor candidates.

    Args:
      count: number of candidates.
      parents: how many of the best are mutated.
      changes: the largest number of mutations per candidate.
    """

    count: int = 600
    parents: int = 10
    changes: int = 6

    def __post_init__(self) -> None:
        for name in ("count", "parents", "changes"):
            keep_checked(self, name, check_count)

    def __call__(
        self, told: Told, space: Space, random: randomness.Random, *, seen: Container[Any]
    ) -> list[Decisions]:
        if space.size == 1:
            return []
        best = list(dict.fromkeys(one for one, _ in told))[: self.parents]

        def draw() -> Iterator[Decisions]:
            for attempt in range(5 * self.count):
                turn, parent = divmod(attempt, len(best))
                child = best[parent]
                for _ in range(1 + turn % self.changes):
                    child = mutate(child, random)
                yield child

        return _take_new(draw(), self.count, seen)


@final
@dataclass(frozen=True, slots=True)
class RandomCandidates(Candidates):
    """Random decisions.

    Args:
      count: number of candidates.
    """

    count: int = 100

    def __post_init__(self) -> None:
        keep_checked(self, "count", check_count)

    def __call__(
        self, told: Told, space: Space, random: randomness.Random, *, seen: Container[Any]
    ) -> list[Decisions]:
        return _take_new((space.sample(random) for _ in range(5 * self.count)), self.count, seen)


@final
@dataclass(frozen=True, slots=True)
class Mixture(Candidates):
    """The candidates of several sources together; at most one of them has an algorithm.

    Args:
      sources: the sources.
    """

    sources: tuple[Candidates, ...]

    def __init__(self, *sources: Candidates) -> None:
        for source in sources:
            check_candidates(source, "Mixture")
        if not sources or sum(source.algorithm is not None for source in sources) > 1:
            raise FieldValueError(
                f"Mixture takes one source of candidates or more, at most one of them with an algorithm; got {quote(sources, 120)}."
            )
        object.__setattr__(self, "sources", sources)

    @property
    def algorithm(self) -> Algorithm | None:
        return next((source.algorithm for source in self.sources if source.algorithm is not None), None)

    def __call__(
        self, told: Told, space: Space, random: randomness.Random, *, seen: Container[Any]
    ) -> list[Decisions]:
        found = [one for source in self.sources for one in source(told, space, random, seen=seen)]
        return list(dict.fromkeys(found))


@final
@dataclass(frozen=True, slots=True)
class Proposals(Candidates):
    """Proposals of an algorithm as candidates.

    For example, a controller draws more architectures than are trained.  The algorithm receives the rewards of trials
    only; its other proposals are withdrawn.

    Args:
      proposer: the algorithm, such as ``PPO()``.
      count: number of proposals per batch of trials.
    """

    proposer: Algorithm
    count: int = 40

    def __post_init__(self) -> None:
        check_one_objective(check_algorithm(self.proposer, "Proposals(...)"), "Proposals")
        keep_checked(self, "count", check_count)

    @property
    def algorithm(self) -> Algorithm:
        return self.proposer

    def __call__(
        self, told: Told, space: Space, random: randomness.Random, *, seen: Container[Any]
    ) -> list[Decisions]:
        found: dict[Any, Decisions] = {}
        with suppress(Exhausted):
            for _ in range(self.count):
                one = self.proposer.propose()
                if one.values in seen or one.values in found:
                    self.proposer.withdraw(one)
                else:
                    found[one.values] = one
        return list(found.values())


def _take_new(drawn: Iterator[Decisions], count: int, seen: Container[Any]) -> list[Decisions]:
    """Returns the first ``count`` different decisions with values not in ``seen``; fewer where ``drawn`` ends."""
    found: dict[Any, Decisions] = {}
    while len(found) < count and (one := next(drawn, None)) is not None:
        if one.values not in seen:
            found.setdefault(one.values, one)
    return list(found.values())


def check_candidates(value: object, owner: str) -> Candidates:
    """Returns ``value`` when it is a source of candidates, else raises FieldTypeError."""
    example = "candidates, such as `MutateBest()`, or an algorithm as `Proposals(algorithm)`"
    candidates: Candidates = check_part(value, Candidates, owner, example)
    return candidates
