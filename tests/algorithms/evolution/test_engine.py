from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from pliant.algorithms import NSGA2, Evolution, HillClimb, LocalSearch, Random, RegularizedEvolution, Sweep
from pliant.algorithms.evolution import (
    Either,
    Mutate,
    Newest,
    Operator,
    ParetoTop,
    ParetoTournament,
    RandomPick,
    Top,
    Tournament,
    UniformCrossover,
)
from pliant.space import choice, flatten
from pliant.testing.algorithms import SPACES, score
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, RewardError

FLAT = SPACES["flat"]()


@dataclass(frozen=True)
class Spy(Operator):
    """Passes on what it sees, and notes it."""

    seen: list = field(default_factory=list)

    def __call__(self, individuals, random):
        self.seen.append(list(individuals))
        return individuals


def search(algorithm, space, reward, trials):
    algorithm.setup(space)
    told = []
    for _ in range(trials):
        proposal = algorithm.propose()
        told.append((proposal, reward(proposal)))
        algorithm.feedback(*told[-1])
    return told


def distance(a, b):
    return sum(x != y for x, y in zip(a.values, b.values, strict=True))


def total(decisions):
    return float(sum(decisions.values))


def test_regularized_evolution_is_the_published_one():
    spy = Spy()
    algorithm = Evolution(
        spy >> Tournament(3) >> (winner := Spy()) >> Mutate(), survive=Newest(10), population_size=10, seed=4
    )
    told = search(algorithm, FLAT, score, 60)
    assert len(spy.seen) == 50  # the first 10 were random
    for step, (crowd, (parent,)) in enumerate(zip(spy.seen, winner.seen, strict=True)):
        assert [(one.decisions, one.reward) for one in crowd] == told[step : step + 10]  # the oldest died
        assert distance(parent.decisions, told[step + 10][0]) == 1
    plain = RegularizedEvolution(10, 3, seed=4)
    assert [d for d, _ in search(plain, FLAT, score, 60)] == [d for d, _ in told]


def test_the_published_numbers_are_the_defaults():
    algorithm = RegularizedEvolution()
    assert (algorithm.population_size, algorithm.seed) == (100, 0)
    assert algorithm.reproduce == Tournament(25) >> Mutate()
    assert algorithm.survive == Newest(100)
    assert repr(algorithm).startswith(
        "Evolution(Tournament(size=25, count=1) >> Mutate(times=1), population_size=100"
    )


def test_the_first_ones_are_counted_by_feedback():
    spy = Spy()
    algorithm = Evolution(spy >> Top(1) >> Mutate(), population_size=5)
    algorithm.setup(FLAT)
    batch = [algorithm.propose() for _ in range(20)]
    assert not spy.seen
    for one in batch[:4]:
        algorithm.feedback(one, score(one))
    algorithm.propose()
    assert not spy.seen
    algorithm.feedback(batch[4], None)  # a failure counts as told
    algorithm.propose()
    assert len(spy.seen[0]) == 4  # but is no parent


def test_where_all_fail_it_stays_random_until_one_does_not():
    algorithm = HillClimb()
    told = search(algorithm, FLAT, lambda d: None, 20)
    assert min(distance(a, b) for (a, _), (b, _) in pairwise(told)) > 5
    assert algorithm.population == ()
    good = algorithm.propose()
    algorithm.feedback(good, 1.0)
    assert distance(algorithm.propose(), good) == 1


def test_hill_climbing_keeps_what_is_not_worse():
    algorithm = HillClimb(seed=1)
    best = None
    for proposal, reward in search(algorithm, FLAT, total, 400):
        if best is not None:
            assert distance(proposal, best[0]) == 1
        if best is None or reward >= best[1]:
            best = proposal, reward
    assert best[1] == 52
    assert [one.decisions for one in algorithm.population] == [best[0]]


def test_all_children_are_proposed_in_order():
    spy = Spy()
    algorithm = Evolution(RandomPick(4) >> Mutate() >> spy, survive=Top(6), population_size=6)
    told = search(algorithm, FLAT, score, 18)
    children = [child.decisions for brood in spy.seen for child in brood]
    assert [d for d, _ in told[6:]] == children
    assert len(spy.seen) == 3


def test_elitism_keeps_the_best_of_all():
    algorithm = Evolution(RandomPick(5) >> Mutate(), survive=Top(7), population_size=7)
    told = search(algorithm, FLAT, score, 80)
    best = sorted((r for _, r in told), reverse=True)[:7]
    assert [one.reward for one in algorithm.population] == [r for _, r in told if r in best]


def test_another_algorithm_can_propose_the_first_ones():
    told = search(Evolution(Top(1) >> Mutate(), population_size=6, init=Sweep()), FLAT, score, 6)
    assert [d for d, _ in told] == [FLAT.unrank(i) for i in range(6)]
    # It is told their rewards: a local search climbs.
    told = search(Evolution(Top(1) >> Mutate(), population_size=200, init=LocalSearch()), FLAT, total, 200)
    assert [d for d, _ in told] == [d for d, _ in search(LocalSearch(), FLAT, total, 200)]


def test_where_the_first_algorithm_ends_early_evolution_takes_over():
    space = SPACES["small"]()
    told = search(Evolution(Top(1) >> Mutate(), population_size=100, init=Sweep()), space, score, 40)
    assert [d for d, _ in told[:8]] == list(space.iterate())
    failing = search(
        Evolution(Top(1) >> Mutate(), population_size=100, init=Sweep()), space, lambda d: None, 40
    )
    assert len(failing) == 40


def test_learning_is_better_than_chance():
    space = flatten([choice(f"x{i}", 4) for i in range(20)])
    for make in (lambda seed: RegularizedEvolution(20, 5, seed=seed), HillClimb, LocalSearch):
        found = [max(r for _, r in search(make(seed), space, total, 400)) for seed in range(5)]
        drawn = [max(r for _, r in search(Random(seed), space, total, 400)) for seed in range(5)]
        assert sum(found) > sum(drawn) + 20


def test_only_the_population_is_kept():
    algorithm = RegularizedEvolution(10, 3)
    search(algorithm, FLAT, score, 500)
    assert len(algorithm.population) == 10
    assert set(algorithm.state()["own"]) == {"told", "population", "newcomers", "children", "init"}


class TestFaults:
    def test_operators_are_needed(self):
        with pytest.raises(
            FieldTypeError, match=r"Evolution\(reproduce=...\) takes an operator.*Write `Mutate\(...\)`"
        ):
            Evolution(Mutate, population_size=3)
        with pytest.raises(
            FieldTypeError, match=r"Evolution\(survive=...\) takes an operator.*got 5 of type int"
        ):
            Evolution(Mutate(), population_size=3, survive=5)
        with pytest.raises(
            FieldTypeError, match=r"Evolution\(init=...\) takes an algorithm, such as `Random\(\)`"
        ):
            Evolution(Mutate(), population_size=3, init=Random)

    def test_reproduction_without_children_is_a_lesson(self):
        algorithm = Evolution(Barren(), population_size=1)
        algorithm.setup(FLAT)
        algorithm.feedback(algorithm.propose(), 1.0)
        with pytest.raises(FieldValueError, match=r"Barren\(\) made no child of 1 individuals"):
            algorithm.propose()

    def test_selecting_after_mutating_is_a_lesson(self):
        algorithm = Evolution(Mutate() >> Top(1), population_size=2)
        algorithm.setup(FLAT)
        for _ in range(2):
            algorithm.feedback(algorithm.propose(), 1.0)
        with pytest.raises(RewardError, match="Select before you mutate"):
            algorithm.propose()

    def test_an_init_of_one_reward_makes_it_one_of_one_reward(self):
        assert Evolution(RandomPick() >> Mutate(), population_size=3).several_rewards
        assert not Evolution(RandomPick() >> Mutate(), population_size=3, init=LocalSearch()).several_rewards

    @pytest.mark.parametrize(
        "damage",
        [
            {"told": "x"},
            {"told": float("inf")},
            {"population": [[[0] * 25, 0.5]]},
            {"population": [[[9] * 26, 0.5]]},
            {"population": [[[0] * 26, "good"]]},
            {"population": [[[0] * 26, float("nan")]]},
            {"children": [[True]]},
            {"children": 3},
            {"init": None, "told": None},
        ],
    )
    def test_a_tampered_population_is_refused(self, damage):
        algorithm = RegularizedEvolution(3, 2)
        search(algorithm, FLAT, score, 5)
        before = algorithm.state()
        with pytest.raises(LoadError, match="this Evolution cannot be restored"):
            algorithm.restore({**before, "own": {**before["own"], **damage}})
        assert algorithm.state() == before


@dataclass(frozen=True)
class Barren(Operator):
    def __call__(self, individuals, random):
        return []


@pytest.mark.parametrize(
    ("planned", "size", "tournament"),
    [(None, 100, 25), (10_000, 100, 25), (500, 100, 25), (100, 20, 5), (50, 10, 3), (5, 8, 2)],
)
def test_the_population_follows_the_number_of_trials(planned, size, tournament):
    algorithm = RegularizedEvolution()
    algorithm.setup(SPACES["flat"](), trials=planned)
    seen = []
    for _ in range(size):
        seen.append(algorithm.propose())
        algorithm.feedback(seen[-1], score(seen[-1]))
    assert len(algorithm.population) == size
    child, others = algorithm.propose(), {one.values for one in seen}
    assert any(sum(a != b for a, b in zip(child.values, one)) <= 1 for one in others)
    assert algorithm._parents == Tournament(tournament) >> Mutate()
    assert algorithm.population_size == 100  # as it was made, for its description


def test_generations_follow_the_number_of_trials_and_given_sizes_do_not():
    several, given = NSGA2(), NSGA2(50)
    for algorithm in (several, given):
        algorithm.setup(SPACES["flat"](), trials=200)
    assert several._parents == ParetoTournament(count=40) >> UniformCrossover(0.9) >> Mutate()
    assert (several._size, several._every, several._survivors) == (20, 20, ParetoTop(20))
    assert (given._size, given._every, given._survivors) == (50, 50, ParetoTop(50))


def test_operators_of_ones_own_keep_their_counts():
    operators = Either(RandomPick(3) >> Mutate(2), Top(50) >> Tournament(4, count=8)).scale(0.1)
    assert operators == Either(RandomPick(3) >> Mutate(2), Top(5) >> Tournament(2, count=8))
