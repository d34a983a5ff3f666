"""Every algorithm of ours passes the suite that ships for everybody's."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pliant.algorithms import (
    Algorithm,
    Auto,
    Deduplicate,
    Evolution,
    HillClimb,
    LocalSearch,
    Random,
    RegularizedEvolution,
    Sweep,
)
from pliant.algorithms.evolution import (
    Either,
    Mutate,
    Newest,
    Operator,
    RandomPick,
    Top,
    Tournament,
    UniformCrossover,
)
from pliant.space import Space
from pliant.testing.algorithms import SPACES, AlgorithmSuite


class TestAuto(AlgorithmSuite):
    trials = 25  # a proposal of its Gaussian process takes milliseconds

    def make(self, seed: int) -> Algorithm:
        return Auto(seed)


class TestAutoOfShortTrials(AlgorithmSuite):
    """Changes from one model to another after the first trials."""

    def make(self, seed: int) -> Algorithm:
        return Auto(seed, trial_seconds=0.6)


class TestAutoOfSeveralObjectives(AlgorithmSuite):
    trials = 14
    objectives = 2

    def make(self, seed: int) -> Algorithm:
        return Auto(seed)


class TestRandom(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return Random(seed)


class TestRandomUniform(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return Random(seed, uniform=True)


class TestRandomWithoutReplacement(AlgorithmSuite):
    continuous = False
    exhausts = True

    def make(self, seed: int) -> Algorithm:
        return Random(seed, replace=False)


class TestSweep(AlgorithmSuite):
    continuous = False
    exhausts = True
    seeded = False

    def make(self, seed: int) -> Algorithm:
        return Sweep(seed)


class TestLocalSearch(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return LocalSearch(seed)


class TestBestImprovement(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return LocalSearch(seed, first_improvement=False)


class TestRegularizedEvolution(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return RegularizedEvolution(20, 5, seed=seed)


class TestRegularizedEvolutionAsPublished(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return RegularizedEvolution(100, 25, seed=seed)


class TestRegularizedEvolutionThatFollowsTheTrials(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return RegularizedEvolution(seed=seed)

    def ready(self, space: Space, seed: int = 0) -> Algorithm:
        algorithm = self.make(seed)
        algorithm.setup(space, trials=40)
        return algorithm


class TestHillClimb(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return HillClimb(seed)


class TestGeneticAlgorithm(AlgorithmSuite):
    """Several children at a time, so that some wait to be proposed."""

    def make(self, seed: int) -> Algorithm:
        reproduce = Tournament(3, count=8) >> Either(
            UniformCrossover() >> Mutate(), Mutate(2), probability=0.7
        )
        return Evolution(reproduce, survive=Top(10), population_size=10, seed=seed)


class TestEvolutionFromSweep(AlgorithmSuite):
    continuous = False

    def make(self, seed: int) -> Algorithm:
        init = Random(replace=False)
        return Evolution(Tournament(3) >> Mutate(), population_size=10, init=init, seed=seed)


@dataclass(frozen=True)
class BestSum(Operator):
    """Selects by the sum of several rewards: a stand-in for an algorithm of several objectives."""

    several_rewards = True

    def __call__(self, individuals, random):
        return [max(individuals, key=lambda one: sum(one.reward))]


class TestSeveralObjectives(AlgorithmSuite):
    objectives = 2

    def make(self, seed: int) -> Algorithm:
        return Evolution(
            Either(BestSum(), RandomPick()) >> Mutate(), survive=Newest(10), population_size=10, seed=seed
        )


class TestDeduplicatedRandom(AlgorithmSuite):
    exhausts = True

    def make(self, seed: int) -> Algorithm:
        return Deduplicate(Random(seed))


class TestDeduplicatedEvolution(AlgorithmSuite):
    exhausts = True

    def make(self, seed: int) -> Algorithm:
        return Deduplicate(RegularizedEvolution(10, 3, seed=seed), attempts=10)


class TestDeduplicatedLocalSearch(AlgorithmSuite):
    exhausts = True

    def make(self, seed: int) -> Algorithm:
        return Deduplicate(LocalSearch(seed))


def test_a_suite_without_an_algorithm_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"Write `make\(self, seed\)`, which returns a new one"):
        AlgorithmSuite().ready(SPACES["conditional"]())

    class Own(AlgorithmSuite):
        def make(self, seed):
            return Random(seed=seed)

    space = SPACES["conditional"]()
    assert Own().ready(space).propose().space is space
