"""Bayesian optimization with a Gaussian process: the contract, what it promises, and that it finds what is good."""

from __future__ import annotations

import json
import math
import random
from itertools import combinations, pairwise

import pytest

from pliant.algorithms import Algorithm, Exhausted, Random, RegularizedEvolution, generators
from pliant.algorithms.bayes import Bayesian
from pliant.space import choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES, AlgorithmSuite, score
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError


class TestBayesian(AlgorithmSuite):
    exhausts = True
    trials = 10

    def make(self, seed: int) -> Algorithm:
        return Bayesian(initial=6, samples=20, climbs=1, seed=seed)


class TestBayesianBeyondItsLimit(AlgorithmSuite):
    exhausts = True
    trials = 8

    def make(self, seed: int) -> Algorithm:
        return Bayesian(initial=3, samples=10, climbs=1, limit=5, seed=seed)


def search(algorithm, reward, trials):
    """Runs a search, and returns the rewards."""
    rewards = []
    for _ in range(trials):
        decisions = algorithm.propose()
        rewards.append(reward(decisions))
        algorithm.feedback(decisions, rewards[-1])
    return rewards


def make_landscape(seed, holes=10, candidates=4):
    """Returns a space, and a function on it in which neighbouring decisions interact, with a few disasters."""
    luck = random.Random(seed)
    gains = [[luck.random() for _ in range(candidates)] for _ in range(holes)]
    pairs = [[[luck.random() for _ in range(candidates)] for _ in range(candidates)] for _ in range(holes)]

    def reward(decisions):
        values = decisions.values
        total = sum(gains[i][v] for i, v in enumerate(values))
        total += sum(pairs[i][a][b] for i, (a, b) in enumerate(pairwise(values)))
        return total if total > 7 else -1000.0

    return flatten([choice(f"x{i}", candidates) for i in range(holes)]), reward


def find_best(make, trials):
    """Returns the mean of the best rewards that searches of several landscapes find."""
    found = 0.0
    for seed in range(3):
        space, reward = make_landscape(seed)
        algorithm = make(seed)
        algorithm.setup(space)
        found += max(search(algorithm, reward, trials)) / 3
    return found


def test_better_than_evolution_with_a_third_of_the_trials():
    ours = find_best(lambda seed: Bayesian(seed=seed), 60)
    assert ours > find_best(lambda seed: RegularizedEvolution(20, 5, seed=seed), 180)
    assert ours > find_best(Random, 300) + 0.5


def test_the_optimum_of_floats():
    space = flatten([floating("x", 0, 1), floating("y", 1e-4, 1, scale="log")])
    algorithm = Bayesian(seed=1)
    algorithm.setup(space)

    def reward(decisions):
        x, y = decisions["x"], decisions["y"]
        return -((x - 0.7) ** 2) - (space.size and (y - 0.01) ** 2)

    assert max(search(algorithm, reward, 40)) > -1e-3


def test_conditional_decisions():
    """The better branch is worse at first sight: most of it is bad."""
    space = flatten([choice("op", [integer("k", 1, 30), choice("y", 30)])])
    algorithm = Bayesian(seed=3)
    algorithm.setup(space)

    def reward(decisions):
        k = decisions["op[=0/2].k"]
        return 0.5 if k is None else 1.0 - abs(k - 23) / 10

    assert max(search(algorithm, reward, 30)) == 1.0


def test_parallel_trials_spread():
    """With pending decisions counted, a batch does not crowd about one place."""

    def spread(algorithm, batch):
        algorithm.setup(flatten([floating("x", 0, 1), floating("y", 0, 1)]))
        search(algorithm, lambda d: math.sin(7 * d["x"]) + math.cos(5 * d["y"]), 12)
        found = [algorithm.propose() for _ in range(batch)]
        return min(abs(a["x"] - b["x"]) + abs(a["y"] - b["y"]) for a, b in combinations(found, 2))

    assert spread(Bayesian(seed=2), 5) > 0.01


def test_a_pending_proposal_lowers_the_deviation_there_and_leaves_the_mean():
    space = flatten([choice(f"x{i}", 4) for i in range(6)])
    algorithm = Bayesian(seed=2)
    algorithm.setup(space)
    search(algorithm, score, 20)
    proposal = algorithm.propose()
    after = algorithm.predict(proposal)
    algorithm._pending.clear()
    before = algorithm.predict(proposal)
    assert after[0] == pytest.approx(before[0], abs=1e-6)
    assert after[1] < 0.5 * before[1]


@pytest.mark.parametrize(
    ("hole", "expected"),
    [(choice("x5", 4), [1.0, 1.1, 1.2, 1.3]), (floating("x5", 0, 1), [1.0, 1.1, 1.0, 1.3])],
)
def test_doubt_grows_with_each_failure_and_goes_with_success(hole, expected):
    """With floats, for every second proposal."""
    space = flatten([*(choice(f"x{i}", 4) for i in range(5)), hole])
    algorithm = Bayesian(initial=3, seed=2)
    algorithm.setup(space)
    doubts = []
    for seed, reward in enumerate([9.0, 1.0, 2.0, 3.0, None, 9.0, *[0.0] * 60, 10.0]):
        algorithm.feedback(space.sample(seed), reward)
        doubts.append(algorithm._doubt())
    assert doubts[2:6] == expected
    assert max(doubts[-4:-1]) == 5.0
    assert doubts[-1] == 1.0


def test_infeasible_decisions_are_avoided():
    space = flatten([choice(f"x{i}", 4) for i in range(8)])
    algorithm = Bayesian(seed=2)
    algorithm.setup(space)
    told = search(algorithm, lambda d: None if d.values[0] == 1 else score(d), 60)
    late = told[30:]
    assert sum(reward is None for reward in late) <= 3


def test_noisy_rewards_do_not_halt_it():
    """One reward was lucky; what the process expects there is what counts."""
    space = flatten([choice(f"x{i}", 4) for i in range(8)])
    algorithm = Bayesian(seed=2)
    algorithm.setup(space)
    luck = random.Random(1)
    search(algorithm, lambda d: sum(d.values) / 24 + luck.gauss(0, 0.1), 60)
    assert max(sum(d.values) for d in algorithm.told) >= 22


def test_what_was_told_is_not_proposed():
    space = flatten([choice("x", 3), choice("y", 3)])
    algorithm = Bayesian(initial=2)
    algorithm.setup(space)
    for values in ([0, 0], [1, 1], [2, 2]):
        algorithm.feedback(space.parse(values), 1.0)
    assert {algorithm.propose().values for _ in range(6)} == {
        d.values for d in space.iterate() if d.values[0] != d.values[1]
    }
    with pytest.raises(Exhausted, match="all 9 decision vectors"):
        algorithm.propose()


def test_what_is_predicted_is_near_what_was_told():
    space, reward = make_landscape(5)
    algorithm = Bayesian(seed=5)
    algorithm.setup(space)
    assert algorithm.predict(space.sample(1)) == (0.0, 1.0)
    rewards = search(algorithm, reward, 80)
    known = [algorithm.predict(one)[0] for one in algorithm.told]
    best = max(range(80), key=rewards.__getitem__)
    assert known[best] == max(known)
    assert algorithm.predict(space.sample(1))[1] > algorithm.predict(algorithm.told[best])[1]


def test_the_process_sees_a_bounded_number():
    space, reward = make_landscape(5)
    algorithm = Bayesian(limit=20, seed=5)
    algorithm.setup(space)
    rewards = search(algorithm, reward, 60)
    chosen = list(algorithm._choose())
    assert len(set(chosen)) == 20
    assert chosen == sorted(chosen)
    assert set(sorted(range(60), key=lambda i: -rewards[i])[:10]) <= set(chosen)
    assert max(rewards[40:]) > max(rewards[:10])


def test_by_name():
    assert generators.make("bayesian", initial=5, seed=3).initial == 5
    assert isinstance(generators.make("gp"), Bayesian)


def test_asking_the_model_leaves_no_trace():
    first, second = (Bayesian(initial=5, samples=20, climbs=1, seed=3) for _ in range(2))
    for algorithm in (first, second):
        algorithm.setup(SPACES["flat"]())
    for _ in range(9):
        decisions = second.propose()
        assert first.propose() == decisions
        for algorithm in (first, second):
            algorithm.feedback(decisions, score(decisions))
        before = json.dumps(first.state())
        first.predict(decisions)
        assert json.dumps(first.state()) == before


@pytest.mark.parametrize("option", ["initial", "samples", "climbs", "limit"])
def test_options_are_checked(option):
    with pytest.raises(
        FieldValueError, match=rf"Bayesian\({option}=...\) takes an integer of at least 1; got 0"
    ):
        Bayesian(**{option: 0})
    with pytest.raises(FieldTypeError, match=rf"Bayesian\({option}=...\) takes an integer .* type str"):
        Bayesian(**{option: "ten"})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"rewards": [0.5]}, "1 rewards of 12 decisions"),
        ({"rewards": [float("nan")] * 12}, "finite number"),
        ({"parameters": [0.0]}, "the process has .* finite parameters"),
        ({"told": [[9]] * 12}, "x0"),
    ],
)
def test_damaged_states_are_refused(damage, said):
    algorithm = Bayesian(initial=6)
    algorithm.setup(SPACES["flat"]())
    search(algorithm, score, 12)
    state = json.loads(json.dumps(algorithm.state()))
    state["own"].update(damage)
    with pytest.raises(LoadError, match=said):
        algorithm.restore(state)
