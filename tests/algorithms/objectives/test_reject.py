from __future__ import annotations

import json

import pytest

from pliant.algorithms import Algorithm, Evolution, Exhausted, Random, RegularizedEvolution, Sweep
from pliant.algorithms.evolution import RandomPick
from pliant.algorithms.objectives import Reject
from pliant.space import choice, flatten
from pliant.testing.algorithms import SPACES, AlgorithmSuite, score
from pliant.values.errors import FieldTypeError, FieldValueError

FLAT = SPACES["flat"]()


class TestReject(AlgorithmSuite):
    trials = 60

    def make(self, seed: int) -> Algorithm:
        return Reject(RegularizedEvolution(20, 5, seed=seed), sum, low=-(10**9), attempts=50)


class TestRejectHalf(AlgorithmSuite):
    trials = 40

    def make(self, seed: int) -> Algorithm:
        return Reject(Random(seed), lambda d: score(d) * (d.space.size > 100), high=0.5)


class TestRejectAndTell(AlgorithmSuite):
    exhausts = True
    continuous = False
    trials = 40

    def make(self, seed: int) -> Algorithm:
        return Reject(Random(seed, replace=False), lambda d: 0, high=0, tell=True)


def total(decisions):
    return sum(decisions.values)


def test_everything_proposed_keeps_to_the_limits():
    algorithm = Reject(RegularizedEvolution(20, 5), total, low=20, high=22)
    algorithm.setup(FLAT)
    for _ in range(200):
        found = algorithm.propose()
        assert 20 <= total(found) <= 22
        assert algorithm.passes(found)
        algorithm.feedback(found, score(found))
    assert len(algorithm.algorithm.population) == 20  # all of them kept to the limits


def test_none_is_always_rejected():
    algorithm = Reject(Sweep(), lambda d: None if d.values[0] == 1 else 0, high=1)
    algorithm.setup(flatten([choice("x", 3)]))
    assert [algorithm.propose().values for _ in range(2)] == [(0,), (2,)]
    assert not algorithm.passes(algorithm.space.validate([1]))


class Spy(Algorithm):
    """Proposes at random, and notes what it is told."""

    def _setup(self):
        self.told = []

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append((decisions, reward))


@pytest.mark.parametrize("tell", [True, False])
def test_what_the_algorithm_hears_of_rejection(tell):
    spy = Spy()
    algorithm = Reject(spy, total, high=25, tell=tell)
    algorithm.setup(FLAT)
    for _ in range(20):
        algorithm.feedback(algorithm.propose(), 1.0)
    rejected = [total(d) for d, reward in spy.told if reward is None]
    assert [total(d) <= 25 for d, reward in spy.told if reward is not None] == [True] * 20
    assert all(cost > 25 for cost in rejected)
    assert bool(rejected) is tell


def test_limits_that_nothing_keeps_to():
    algorithm = Reject(Random(), total, low=53, attempts=20)
    algorithm.setup(FLAT)
    with pytest.raises(
        Exhausted, match=r"40 proposals .* costs from \d+ to \d+, the limits are 53 and inf. Widen"
    ):
        algorithm.propose()
    algorithm = Reject(Random(), lambda d: None, low=0, attempts=2)
    algorithm.setup(FLAT)
    with pytest.raises(Exhausted, match="no costs but None"):
        algorithm.propose()


def test_random_ones_are_tried_before_it_gives_up():
    stuck = Evolution(RandomPick(), population_size=1)  # proposes what it was told
    algorithm = Reject(stuck, total, high=30, attempts=30)
    algorithm.setup(FLAT)
    algorithm.feedback(FLAT.validate([2] * 26), 1.0)
    assert total(algorithm.propose()) <= 30


def test_reports_and_parents_are_passed_on():
    class Halfway(Spy):
        def _report(self, decisions, reward, step):
            return step > 1

        def _parent(self, decisions):
            return decisions

    algorithm = Reject(Halfway(), total, high=100)
    algorithm.setup(FLAT)
    found = algorithm.propose()
    assert [algorithm.report(found, 0.5, step=step) for step in (1, 2)] == [False, True]
    assert algorithm.parent(found) == found


def test_the_state_is_that_of_the_algorithm():
    one = Reject(RegularizedEvolution(5, 2, seed=3), total, high=30)
    two = Reject(RegularizedEvolution(5, 2), total, high=30)
    one.setup(FLAT)
    two.setup(FLAT)
    for _ in range(30):
        found = one.propose()
        one.feedback(found, score(found))
    two.restore(json.loads(json.dumps(one.state())))
    assert [one.propose() for _ in range(20)] == [two.propose() for _ in range(20)]


def test_bad_arguments():
    with pytest.raises(
        FieldTypeError, match=r"Reject\(\.\.\.\) takes an algorithm.*Write `Random\(\.\.\.\)`"
    ):
        Reject(Random, total, high=1)
    with pytest.raises(
        FieldTypeError, match=r"Reject\(cost=\.\.\.\) is a function from Decisions to a number"
    ):
        Reject(Random(), 300e6, high=1)
    with pytest.raises(FieldValueError, match=r"Reject needs a limit: .* such as high=306e6"):
        Reject(Random(), total)
    with pytest.raises(FieldValueError, match=r"got low=3 and high=2. Give low <= high"):
        Reject(Random(), total, low=3, high=2)
    with pytest.raises(FieldTypeError, match=r"Reject\(low=\.\.\.\) is a number, or None.*got '3'"):
        Reject(Random(), total, low="3")
    with pytest.raises(FieldValueError, match=r"Give low <= high"):
        Reject(Random(), total, low=float("nan"))
    for bad in ("big", float("nan"), [1]):
        algorithm = Reject(Random(), lambda d, bad=bad: bad, high=1)
        algorithm.setup(FLAT)
        with pytest.raises(
            FieldTypeError, match=r"the cost of decisions is a number, or None to reject them"
        ):
            algorithm.propose()
