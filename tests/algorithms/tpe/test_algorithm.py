from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from pliant.algorithms import Algorithm, Random, make
from pliant.algorithms.objectives import hypervolume
from pliant.algorithms.tpe import TPE
from pliant.space import choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES, AlgorithmSuite, score
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError


class TestTPE(AlgorithmSuite):
    trials = 40

    def make(self, seed: int) -> Algorithm:
        return TPE(seed=seed)


class TestTpeOfTwo(AlgorithmSuite):
    trials = 40
    objectives = 2

    def make(self, seed: int) -> Algorithm:
        return TPE(seed=seed, max_good=2)


class TestTpeThatForgetsAndRepeats(AlgorithmSuite):
    trials = 40

    def make(self, seed: int) -> Algorithm:
        return TPE(seed=seed, startup=3, candidates=4, recent=8, repeat=True)


def ready(space, **options):
    algorithm = TPE(**options)
    algorithm.setup(space)
    return algorithm


def search(algorithm, reward, trials):
    found = []
    for _ in range(trials):
        decisions = algorithm.propose()
        found.append(reward(decisions))
        algorithm.feedback(decisions, found[-1])
    return found


FLAT = flatten([choice(f"x{i}", 4) for i in range(10)])
TREE = flatten(
    [choice("op", [None, floating("x", 0, 1), [floating("y", 0, 1), choice("z", 3)]]), choice("w", 3)]
)


def match(decisions):
    """Rewards pairs of neighbours that agree, and some candidates by themselves."""
    values = decisions.values
    return sum((a == b) + 0.3 * (a == 2) for a, b in pairwise(values))


def near(decisions):
    y = decisions["op[=2/3].y"]
    return -1.0 if y is None else -abs(y - 0.2) + (decisions["op[=2/3].z"] == 1) + (decisions["w"] == 0)


@pytest.mark.parametrize(("space", "reward"), [(FLAT, match), (TREE, near)])
def test_it_learns(space, reward):
    ours, theirs = [], []
    for seed in range(8):
        ours.append(max(search(ready(space, seed=seed), reward, 80)))
        random = Random(seed)
        random.setup(space)
        theirs.append(max(search(random, reward, 80)))
    assert sum(a > b for a, b in zip(ours, theirs, strict=True)) >= 7


def test_later_proposals_are_better_than_earlier_ones():
    found = search(ready(FLAT), match, 200)
    assert np.mean(found[150:]) > np.mean(found[:10]) + 2


@pytest.mark.parametrize(
    "hole",
    [
        floating("x", 1e-5, 1.0, scale="log"),
        integer("x", 1, 10**6, scale="log"),
        integer("x", 1, 20),
        choice("x", [None] * 9, values=list(range(9))),
    ],
)
def test_numbers_close_in_on_the_best(hole):
    space = flatten([hole, choice("other", 3)])
    algorithm = ready(space)
    target = space.sample(3).values[0]

    def reward(decisions):
        return -abs(np.log(1 + decisions.values[0]) - np.log(1 + target))

    late = search(algorithm, reward, 100)[60:]
    random = [reward(space.sample(seed)) for seed in range(100)]
    assert np.median(late) > np.quantile(random, 0.7)


def test_l_is_wide_where_nothing_forces_a_choice_to_change():
    assert ready(FLAT)._bandwidth == ready(SPACES["permutation"]())._bandwidth == (0.1, 0.2)
    assert ready(FLAT, repeat=True)._bandwidth == ready(SPACES["continuous"]())._bandwidth == (0.2, 0.1)
    assert ready(SPACES["small"]())._bandwidth == (0.2, 0.1)  # something is below something
    assert ready(FLAT, bandwidth=(0.3, 0.4))._bandwidth == (0.3, 0.4)


def test_failures_keep_others_away():
    algorithm = ready(FLAT)
    for seed in range(60):
        decisions = FLAT.sample(seed)
        algorithm.feedback(decisions, None if decisions["x0"] == 1 else score(decisions))
    picked = Counter(algorithm.propose()["x0"] for _ in range(60))
    assert picked[1] < 6


def test_pending_trials_keep_others_away():
    space = flatten([floating("x", 0, 1)])
    spreads = []
    for tell in (False, True):
        algorithm = ready(space, seed=1)
        for seed in range(30):
            decisions = space.sample(seed)
            algorithm.feedback(decisions, -abs(decisions["x"] - 0.5))
        found = []
        for _ in range(30):
            decisions = algorithm.propose()
            found.append(decisions["x"])
            if tell:  # takes it off the pending ones, and leaves the densities about as they were
                algorithm._forget(decisions.values)
        spreads.append(np.std(found))
    assert spreads[0] > 1.3 * spreads[1]


def test_nothing_is_proposed_twice_while_there_is_something_new():
    for name in ("small", "two", "permutation", "repeated"):
        space = SPACES[name]()
        algorithm = ready(space)
        found = []
        for step in range(space.size):
            found.append(algorithm.propose())
            if step % 3:
                algorithm.feedback(found[-1], score(found[-1]))
        assert len(set(found)) == space.size
        algorithm.propose()  # then again, for rewards may be noisy


def test_repeat_may_propose_the_same_again():
    space = flatten([choice("x", 3), choice("y", 3)])
    algorithm = ready(space, repeat=True, startup=5)
    search(algorithm, lambda d: float(sum(d.values)), 60)
    counts = Counter(values for values, _ in algorithm._told)
    assert counts[2, 2] > 10


def test_history_beyond_the_newest_is_let_go_but_the_best_are_kept():
    algorithm = ready(FLAT, recent=40)
    best = FLAT.validate([2] * 10)
    algorithm.feedback(best, 100.0)
    search(algorithm, match, 150)
    assert len(algorithm._rest) == 40
    assert 0 in algorithm._split()[0]
    twin = ready(FLAT, recent=40)
    twin.restore(json.loads(json.dumps(algorithm.state())))
    assert search(twin, match, 20) == search(algorithm, match, 20)


def test_trials_that_never_end_are_given_up():
    algorithm = ready(FLAT)
    first = algorithm.propose()
    for _ in range(600):
        algorithm.propose()
    assert len(algorithm._pending) == 500
    assert first.values not in algorithm._pending


def test_numbers_restore_exactly_between_changes_of_widths():
    space = SPACES["continuous"]()
    algorithm = ready(space)
    for step in range(70):
        decisions = algorithm.propose()
        if step % 4:
            algorithm.feedback(decisions, score(decisions))
        twin = ready(space, seed=5)
        twin.restore(json.loads(json.dumps(algorithm.state())))
        assert twin._rank().__next__() == algorithm._rank().__next__() if step > 20 else True
        assert (twin._lies() == algorithm._lies()).all()


def test_a_tampered_state_is_refused():
    algorithm = ready(FLAT)
    search(algorithm, match, 3)
    for own in ({"told": [[[9] * 10, 1.0]], "pending": []}, {"told": [], "pending": [[[0] * 10, 0]]}):
        with pytest.raises(LoadError, match=r"state of this TPE cannot be restored"):
            algorithm.restore({**algorithm.state(), "own": own})


def test_by_name():
    assert type(make("tpe", gamma=0.2, seed=3)) is TPE


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"startup": 0}, FieldValueError, r"TPE\(startup=...\) takes an integer of at least 1; got 0"),
        ({"gamma": 0.0}, FieldValueError, r"TPE\(gamma=...\) takes a number above 0 and up to 1; got 0.0"),
        ({"gamma": float("nan")}, FieldValueError, r"TPE\(gamma=...\) takes a number above 0"),
        ({"gamma": "x"}, FieldTypeError, r"TPE\(gamma=...\) takes a number above 0 .* got 'x' of type str"),
        (
            {"bandwidth": (0.1, 2)},
            FieldValueError,
            r"TPE\(bandwidth=...\) takes a number above 0 and up to 1; got 2",
        ),
        (
            {"bandwidth": 0.1},
            FieldTypeError,
            r"takes two numbers, for good trials and for the rest.* got 0.1",
        ),
        (
            {"candidates": 2.5},
            FieldTypeError,
            r"TPE\(candidates=...\) takes an integer of at least 1; got 2.5",
        ),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        TPE(**options)


def test_of_several_objectives_the_best_fronts_count_as_good():
    algorithm = ready(FLAT, gamma=0.5, max_good=3)
    points = [(0.0, 3.0), (1.0, 2.0), (2.0, 1.9), (3.0, 0.0), (-1.0, -1.0), (0.5, 0.5)] * 20
    for seed, point in enumerate(points):
        algorithm.feedback(FLAT.sample(seed), (point[0] + seed * 1e-6, point[1]))
    good = [algorithm._told[index][1] for index in algorithm._split()[0]]
    assert [tuple(round(one) for one in reward) for reward in good][:2] in (
        [(0, 3), (3, 0)],
        [(3, 0), (0, 3)],
    )
    assert len(good) == 3


def test_a_front_is_found_with_fewer_trials_than_at_random():
    def rewards(decisions):
        x = [value / 9 for value in decisions.values]
        cost = sum((one - 0.5) ** 2 for one in x[1:])
        return -(x[0] ** 2) - cost, -((x[0] - 1) ** 2) - cost

    space = flatten([integer(f"x{i}", 0, 9) for i in range(5)])

    def volume(algorithm, seed):
        algorithm.setup(space, seed=seed)
        return hypervolume(search(algorithm, rewards, 120), (-1.2, -1.2))

    ours = [volume(TPE(), seed) for seed in range(4)]
    assert min(ours) > max(volume(Random(), seed) for seed in range(10))
