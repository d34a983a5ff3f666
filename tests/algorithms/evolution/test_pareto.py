from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import NSGA2, Algorithm, Deduplicate, Random, make
from pliant.algorithms.evolution import (
    Individual,
    Mutate,
    ParetoTop,
    ParetoTournament,
    UniformCrossover,
    nsga2,
)
from pliant.algorithms.objectives import crowding, hypervolume, sort_fronts
from pliant.space import flatten, floating, integer
from pliant.testing.algorithms import SPACES, AlgorithmSuite
from pliant.values.errors import FieldTypeError, FieldValueError, RewardError

FLAT = SPACES["flat"]()


class TestNSGA2(AlgorithmSuite):
    objectives = 2
    trials = 70

    def make(self, seed: int) -> Algorithm:
        return NSGA2(20, seed=seed)


class TestNSGA2OfThree(AlgorithmSuite):
    objectives = 3
    exhausts = True
    trials = 40

    def make(self, seed: int) -> Algorithm:
        return Deduplicate(NSGA2(10, seed=seed), attempts=10)


class TestNSGA2OfOne(AlgorithmSuite):
    """With a single number for a reward the fronts are the ranks."""

    trials = 50

    def make(self, seed: int) -> Algorithm:
        return NSGA2(15, seed=seed)

    def test_several_rewards_where_one_is_expected(self) -> None:
        algorithm = self.ready(self.space("flat"))
        algorithm.feedback(algorithm.propose(), 0.5)
        with pytest.raises(RewardError, match=r"the same number of objectives; this one is \(0.5, 0.25\)"):
            algorithm.feedback(algorithm.propose(), (0.5, 0.25))


def individuals(rewards):
    draw = random.Random(1)
    return [Individual(FLAT.sample(draw), tuple(map(float, reward))) for reward in rewards]


crowds = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=14).map(individuals)


@given(crowds, st.integers(1, 14))
def test_survival_is_by_front_then_by_room(crowd, count):
    kept = ParetoTop(count)(crowd, random.Random(0))
    assert len(kept) == min(count, len(crowd))
    places = [next(i for i, other in enumerate(crowd) if other is one) for one in kept]
    assert places == sorted(places)  # in the order of arrival
    rewards = [one.reward for one in crowd]
    for front in sort_fronts(rewards):
        inside = [i for i in front if i in places]
        if len(inside) == len(front):
            continue
        room = dict(zip(front, crowding([rewards[i] for i in front]), strict=True))
        left = [i for i in front if i not in places]
        assert all(room[i] >= room[j] for i in inside for j in left)
        later = [i for f in sort_fronts(rewards)[sort_fronts(rewards).index(front) + 1 :] for i in f]
        assert not set(later) & set(places)
        break


@given(crowds, st.integers(0, 100))
def test_a_tournament_is_won_by_the_crowded_comparison(crowd, seed):
    rewards = [one.reward for one in crowd]
    key = {}
    for rank, front in enumerate(sort_fronts(rewards)):
        for place, room in zip(front, crowding([rewards[i] for i in front]), strict=True):
            key[place] = (-rank, room)
    winners = ParetoTournament(2, count=5)(crowd, random.Random(seed))
    draw = random.Random(seed)
    for winner in winners:
        pair = [int(draw.random() * len(crowd)) for _ in range(2)]
        place = next(i for i, one in enumerate(crowd) if one is winner)
        assert place in pair
        assert key[place] == max(key[i] for i in pair)


def test_it_is_made_of_the_published_parts():
    algorithm = NSGA2()
    assert algorithm.reproduce == ParetoTournament(2, count=200) >> UniformCrossover(0.9) >> Mutate()
    assert algorithm.survive == ParetoTop(100)
    assert (algorithm.population_size, algorithm.generation) == (100, 100)
    assert "generation=100, follow_trials=10, seed=0" in repr(algorithm)
    assert nsga2 is NSGA2
    assert isinstance(make("nsga2", population_size=10), type(algorithm))


def test_generations_are_elitist_and_whole():
    algorithm = NSGA2(10, seed=2)
    algorithm.setup(FLAT)
    told = []
    for generation in range(6):
        before = algorithm.population
        newcomers = []
        for _ in range(10):
            assert algorithm.population == before  # as it was, until the generation is full
            found = algorithm.propose()
            reward = (float(sum(found.values)), -float(found.values[0] * 3 + sum(found.values[:9])))
            newcomers.append(Individual(found, reward))
            algorithm.feedback(found, reward)
        told += newcomers
        assert algorithm.population == tuple(ParetoTop(10)([*before, *newcomers], random.Random(0)))
        assert generation == 0 or algorithm.population != before
    # Nothing that lives is dominated by anything that was ever told and found no place.
    best = {told[i].reward for i in sort_fronts([one.reward for one in told])[0]}
    front = {
        algorithm.population[i].reward for i in sort_fronts([one.reward for one in algorithm.population])[0]
    }
    assert front <= best


def test_children_of_a_former_generation_are_dropped():
    algorithm = NSGA2(4)
    algorithm.setup(FLAT)
    batch = [algorithm.propose() for _ in range(10)]
    for one in batch[:4]:
        algorithm.feedback(one, (1.0, 2.0))
    algorithm.propose()
    assert len(algorithm.state()["own"]["children"]) == 3
    for one in batch[4:8]:
        algorithm.feedback(one, (1.0, 2.0))
    assert algorithm.state()["own"]["children"] == []


def cover(algorithm, space, trials=600):
    """The hypervolume that a search of ZDT1 (Zitzler, Deb and Thiele 2000) reaches, both objectives negated."""
    algorithm.setup(space)
    found = []
    for _ in range(trials):
        decisions = algorithm.propose()
        top = [p.max_value for p in space.points]
        x = [v / m for v, m in zip(decisions.values, top, strict=True)]
        g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
        reward = (-x[0], -g * (1 - (x[0] / g) ** 0.5))
        found.append(reward)
        algorithm.feedback(decisions, reward)
    return hypervolume(found, (-1.1, -6))


@pytest.mark.parametrize("space", [[floating, 8], [integer, 12]], ids=["floats", "integers"])
def test_it_covers_more_than_random_search(space):
    make_point, n = space
    top = 1 if make_point is floating else 7
    space = flatten([make_point(f"x{i}", 0, top) for i in range(n)])
    ours = [cover(NSGA2(40, seed=seed), space) for seed in range(3)]
    theirs = [cover(Random(seed), space) for seed in range(3)]
    assert min(ours) > max(theirs) + 0.5


def test_rewards_of_another_number_of_objectives():
    algorithm = NSGA2(4)
    algorithm.setup(FLAT)
    algorithm.feedback(FLAT.sample(1), (1.0, 2.0))
    for bad in ((1.0, 2.0, 3.0), 1.0):
        with pytest.raises(
            RewardError, match=r"the same number of objectives; this one is .* was \(1.0, 2.0\)"
        ):
            algorithm.feedback(FLAT.sample(2), bad)
    algorithm.feedback(FLAT.sample(2), None)
    assert algorithm.state()["own"]["told"] == 2


def test_children_have_no_rewards_to_compare():
    crowd = [Individual(FLAT.sample(1))]
    for operator in (ParetoTournament(), ParetoTop(1)):
        with pytest.raises(RewardError, match=r"1 of . individuals have none yet. Select before you mutate"):
            operator([*crowd, *individuals([(1, 1)])], random.Random(0))


def test_crossover_with_a_probability():
    crowd = individuals([(1, 1), (2, 2)])
    assert UniformCrossover(0.0)(crowd, random.Random(0)) == [Individual(crowd[0].decisions)]
    draw = random.Random(0)
    children = [UniformCrossover(0.3)(crowd, draw)[0].decisions for _ in range(300)]
    plain = sum(child == crowd[0].decisions for child in children)
    assert 180 <= plain <= 240  # 70%; a crossover of 26 decisions is no copy
    with pytest.raises(
        FieldValueError, match=r"UniformCrossover\(probability=\.\.\.\) takes a number from 0 to 1; got 2"
    ):
        UniformCrossover(2)


@pytest.mark.parametrize("make", [NSGA2, lambda n: ParetoTop(n), lambda n: ParetoTournament(n)])
def test_counts_are_checked(make):
    with pytest.raises(FieldValueError, match="takes an integer of at least 1; got 0"):
        make(0)


@pytest.mark.parametrize("value, error", [(2, FieldValueError), ("a", FieldTypeError)])
def test_nsga2_names_its_crossover(value, error):
    with pytest.raises(error, match=r"^NSGA2\(crossover=...\) takes a number from 0 to 1; got"):
        NSGA2(crossover=value)
