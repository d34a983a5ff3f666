from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import NSGA2, HillClimb, RegularizedEvolution
from pliant.algorithms.evolution import (
    Best,
    Chain,
    Either,
    Individual,
    Last,
    Mutate,
    Newest,
    Operator,
    RandomPick,
    Top,
    Tournament,
    UniformCrossover,
)
from pliant.algorithms.evolution.operators import takes_several
from pliant.testing.algorithms import SPACES
from pliant.values.errors import FieldTypeError, FieldValueError, RewardError

FLAT = SPACES["flat"]()


def people(rewards):
    return [Individual(FLAT.sample(i), float(r)) for i, r in enumerate(rewards)]


@dataclass
class Scripted(random.Random):
    """A generator that draws what it was told to."""

    draws: list

    def random(self):
        return self.draws.pop(0)


class TestSelectors:
    def test_a_tournament_returns_the_best_of_its_sample(self):
        crowd = people([5, 9, 7, 1])
        found = Tournament(2, count=2)(crowd, Scripted([0.0, 0.99, 0.5, 0.3]))
        assert found == [crowd[0], crowd[1]]  # of 0 and 3; of 2 and 1

    def test_a_tournament_draws_with_replacement(self):
        crowd, draw = people([1, 2, 3]), random.Random(0)
        wins = sum(Tournament(2)(crowd, draw) == [crowd[2]] for _ in range(9000))
        assert abs(wins - 5000) < 5 * 47  # 1 - (2/3)^2 = 5/9

    def test_top_returns_the_best_and_the_newer_of_equals(self):
        crowd = people([2, 1, 2, 0, 1])
        assert Top(3)(crowd, random.Random(0)) == [crowd[0], crowd[2], crowd[4]]
        assert Top(1)(crowd, random.Random(0)) == [crowd[2]]
        assert Top(9)(crowd, random.Random(0)) == crowd

    def test_newest_returns_the_last(self):
        crowd = people([2, 1, 5, 0])
        assert Newest(2)(crowd, random.Random(0)) == crowd[2:]
        assert Newest(9)(crowd, random.Random(0)) == crowd

    def test_random_pick_ignores_rewards(self):
        crowd = people([9, 1, 1, 1])
        counts = Counter(RandomPick(8000)(crowd, random.Random(0)))
        assert all(abs(counts[one] - 2000) < 5 * 39 for one in crowd)

    def test_second_names(self):
        assert (Best, Last) == (Top, Newest)

    @given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 15), st.integers())
    def test_selectors_select(self, rewards, count, seed):
        crowd, draw = people(rewards), random.Random(seed)
        for operator in (Tournament(2, count), Top(count), Newest(count), RandomPick(count)):
            before = list(crowd)
            found = operator(crowd, draw)
            assert crowd == before
            assert set(found) <= set(crowd)
            assert len(found) == (
                count if isinstance(operator, (Tournament, RandomPick)) else min(count, len(crowd))
            )

    @pytest.mark.parametrize("operator", [Tournament(3), Top(2)])
    def test_selecting_among_children_is_a_lesson(self, operator):
        children = Mutate()(people([1, 2, 3]), random.Random(0))
        with pytest.raises(
            RewardError, match=r"compares rewards, and 3 of 3 individuals have none yet.*>> Mutate"
        ):
            operator(children, random.Random(0))

    @pytest.mark.parametrize("operator", [Tournament, Top, Newest, RandomPick, Mutate])
    @pytest.mark.parametrize("bad", [0, -1, 1.5, "3", True])
    def test_bad_counts_are_lessons(self, operator, bad):
        with pytest.raises(
            (FieldTypeError, FieldValueError), match=rf"{operator.__name__}\(\w+=...\) takes an integer"
        ):
            operator(bad)


class TestVariation:
    @pytest.mark.parametrize("name", [n for n in SPACES if n not in ("one", "empty")])
    @pytest.mark.parametrize("times", [1, 2, 5])
    def test_a_mutant_is_valid_and_not_its_parent(self, name, times):
        space, draw = SPACES[name](), random.Random(0)
        for seed in range(60):
            parent = space.sample(seed)
            (child,) = Mutate(times)([Individual(parent, 1.0)], draw)
            assert child.decisions != parent
            assert space.validate(child.decisions) == child.decisions
            assert child.reward is None

    @pytest.mark.parametrize("name", ["one", "empty"])
    def test_where_there_is_one_vector_it_is_proposed_again(self, name):
        parent = SPACES[name]().sample(0)
        for algorithm in (RegularizedEvolution(3, 2), HillClimb(), NSGA2(3)):
            algorithm.setup(parent.space)
            for _ in range(20):
                algorithm.feedback(algorithm.propose(), (1.0, 2.0) if algorithm.several_rewards else 1.0)
        assert Mutate()([Individual(parent, 1.0)], random.Random(0)) == [Individual(parent)]

    @pytest.mark.parametrize("name", SPACES)
    def test_a_crossing_is_valid(self, name):
        space, draw = SPACES[name](), random.Random(0)
        for seed in range(60):
            a, b = (Individual(space.sample(2 * seed + i), 1.0) for i in (0, 1))
            (child,) = UniformCrossover()([a, b], draw)
            assert space.validate(child.decisions) == child.decisions
            assert child.reward is None

    def test_a_crossing_takes_each_decision_from_a_parent(self):
        a, b = people([1, 2])
        (child,) = UniformCrossover()([a, b], random.Random(0))
        trios = list(zip(a.decisions.values, child.decisions.values, b.decisions.values, strict=True))
        assert all(c in (x, y) for x, c, y in trios)
        assert {c == x for x, c, y in trios if x != y} == {True, False}

    def test_parents_are_crossed_in_pairs(self):
        assert len(UniformCrossover()(people([1, 2, 3, 4, 5]), random.Random(0))) == 2
        alone = people([1])
        assert UniformCrossover()(alone, random.Random(0)) == [Individual(alone[0].decisions)]
        with pytest.raises(FieldValueError, match=r"received no individuals; select two"):
            UniformCrossover()([], random.Random(0))


class TestComposition:
    def test_steps_are_joined_flat_and_print_as_written(self):
        operator = (Newest(5) >> Tournament(2)) >> (UniformCrossover() >> Mutate())
        assert isinstance(operator, Chain)
        assert len(operator.steps) == 4
        assert repr(Top(2) >> Mutate()) == "Top(count=2) >> Mutate(times=1)"
        assert operator == Newest(5) >> Tournament(2) >> UniformCrossover() >> Mutate()

    def test_a_chain_hands_on(self):
        crowd = people([9, 1, 3, 2])
        assert (Newest(3) >> Top(1))(crowd, random.Random(0)) == [crowd[2]]

    def test_operators_are_frozen_and_hashable(self):
        assert len({Top(1) >> Mutate(), Top(1) >> Mutate(), Top(2) >> Mutate()}) == 2
        with pytest.raises(AttributeError, match="cannot assign to field"):
            Top(1).count = 2

    def test_either_is_one_or_the_other(self):
        crowd, draw = people([1, 2, 3, 4]), random.Random(0)
        counts = Counter(len(Either(Top(1), Top(2), probability=0.25)(crowd, draw)) for _ in range(4000))
        assert abs(counts[1] - 1000) < 5 * 28
        assert len(Either(Top(1), Top(2), probability=1)(crowd, draw)) == 1
        assert len(Either(Top(1), Top(2), probability=0)(crowd, draw)) == 2
        with pytest.raises(
            FieldValueError, match=r"Either\(probability=...\) takes a number from 0 to 1; got 1.5"
        ):
            Either(Top(1), Top(2), probability=1.5)

    def test_joining_something_else_is_a_lesson(self):
        with pytest.raises(
            FieldTypeError, match=r"`>>` joins operators; got .* of type function.*derives from Operator"
        ):
            Top(1) >> (lambda individuals, draw: individuals)

    def test_one_reward_is_enough_to_ask_for(self):
        assert takes_several(RandomPick() >> Mutate())
        assert not takes_several(Tournament(2) >> Mutate())
        assert not takes_several(Either(Top(1), RandomPick()))
        assert takes_several(Either(Newest(1), RandomPick()) >> UniformCrossover())

    def test_an_operator_cannot_be_built_without_its_call(self):
        with pytest.raises(TypeError, match="abstract"):
            Operator()
