from __future__ import annotations

import math
from typing import final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import (
    Algorithm,
    Deduplicate,
    Exhausted,
    HillClimb,
    Random,
    RegularizedEvolution,
    Sweep,
)
from pliant.algorithms.unseen import digest, from_text, to_text
from pliant.space import choice, flatten, floating
from pliant.testing.algorithms import SPACES, score
from pliant.values.errors import FieldTypeError, LoadError


@final
class Stubborn(Algorithm):
    """Always proposes the same, and keeps what it is told."""

    def _setup(self):
        self.told = []

    def _propose(self):
        return self.space.sample(0)

    def _feedback(self, decisions, reward):
        self.told.append((decisions, reward))


def test_a_repetition_is_answered_from_the_record():
    algorithm = Deduplicate(Stubborn(), attempts=4)
    space = SPACES["flat"]()
    algorithm.setup(space)
    first = algorithm.propose()
    algorithm.feedback(first, 0.5)
    second = algorithm.propose()
    assert second != first
    assert algorithm.algorithm.told == [(first, 0.5)] * 5  # told once, and answered 4 times


def test_a_repetition_whose_reward_is_out_is_only_asked_anew():
    algorithm = Deduplicate(Stubborn(), attempts=4)
    algorithm.setup(SPACES["flat"]())
    assert algorithm.propose() != algorithm.propose()
    assert algorithm.algorithm.told == []


def test_a_failure_is_answered_as_a_failure():
    algorithm = Deduplicate(Stubborn(), attempts=2)
    algorithm.setup(SPACES["flat"]())
    algorithm.feedback(algorithm.propose(), None)
    algorithm.propose()
    assert [reward for _, reward in algorithm.algorithm.told] == [None] * 3


@pytest.mark.parametrize("inner", [Stubborn, Random, Sweep, HillClimb, lambda: RegularizedEvolution(5, 2)])
@pytest.mark.parametrize("name", ["one", "empty", "two", "small", "permutation", "repeated"])
def test_proposes_the_whole_space_once(inner, name):
    space = SPACES[name]()
    algorithm = Deduplicate(inner(), attempts=5)
    algorithm.setup(space)
    found = set()
    for _ in range(int(space.size)):
        proposal = algorithm.propose()
        assert proposal not in found
        found.add(proposal)
        algorithm.feedback(proposal, score(proposal))
    with pytest.raises(Exhausted, match=rf"all {space.size} decision vectors"):
        algorithm.propose()


def test_finds_new_ones_in_a_space_that_is_infinite_only_in_part():
    space = flatten([choice("x", [None, None, floating("y", 0, 1)])])
    algorithm = Deduplicate(Stubborn(), attempts=2)
    algorithm.setup(space)
    assert len({algorithm.propose() for _ in range(200)}) == 200


def test_a_float_with_two_values_ends_too():
    algorithm = Deduplicate(Random())
    algorithm.setup(flatten([floating("x", 1.0, math.nextafter(1.0, 2.0))]))
    assert algorithm.propose() != algorithm.propose()
    with pytest.raises(
        Exhausted, match=r"mutations in a row were all proposed before: .* floats are very narrow"
    ):
        algorithm.propose()


def test_decisions_that_were_told_are_not_proposed():
    space = SPACES["two"]()
    algorithm = Deduplicate(Random())
    algorithm.setup(space)
    algorithm.feedback(space.unrank(0), 1.0)
    assert algorithm.propose() == space.unrank(1)


def test_it_ends_when_the_algorithm_does():
    algorithm = Deduplicate(Sweep())
    algorithm.setup(SPACES["small"]())
    found = [algorithm.propose() for _ in range(8)]
    assert found == list(SPACES["small"]().iterate())


def test_only_algorithms_are_wrapped():
    with pytest.raises(FieldTypeError, match=r"takes an algorithm, such as .*Write `Random\(\.\.\.\)`"):
        Deduplicate(Random)
    with pytest.raises(FieldTypeError, match=r"takes an algorithm, such as .* got 3 of type int"):
        Deduplicate(3)


@given(st.lists(st.binary(min_size=8, max_size=8)))
def test_digests_survive_as_text(digests):
    assert from_text(to_text(digests)) == digests


@pytest.mark.parametrize(
    ("text", "lesson"), [("xyz", "is damaged"), (7, "is damaged"), ("00ff", "is cut short: 2 bytes")]
)
def test_damaged_records_are_lessons(text, lesson):
    with pytest.raises(LoadError, match=f"the record of what was proposed {lesson}"):
        from_text(text)


def test_equal_decisions_have_equal_digests():
    space = SPACES["conditional"]()
    assert digest(space.sample(1)) == digest(space.validate(list(space.sample(1).values)))
    assert digest(space.sample(1)) != digest(space.sample(2))


def test_reports_and_parents_are_passed_on():
    @final
    class Halfway(Algorithm):
        def _propose(self):
            return self.space.sample(self.random)

        def _report(self, decisions, reward, step):
            return step > 1

        def _parent(self, decisions):
            return decisions

    algorithm = Deduplicate(Halfway())
    algorithm.setup(SPACES["flat"]())
    found = algorithm.propose()
    assert [algorithm.report(found, 0.5, step=step) for step in (1, 2)] == [False, True]
    assert algorithm.parent(found) == found
