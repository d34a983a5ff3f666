"""Bayesian optimization of several objectives: expected hypervolume improvement, and the contract."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import Algorithm, Random
from pliant.algorithms.bayes import Bayesian
from pliant.algorithms.bayes.several import (
    clip,
    draw_weights,
    expected_scalar,
    expected_volume,
    find_front,
    order_by_fronts,
    to_scores,
)
from pliant.algorithms.objectives import hypervolume
from pliant.space import flatten, integer
from pliant.testing.algorithms import SPACES, AlgorithmSuite
from pliant.values.errors import RewardError


class TestBayesianOfTwo(AlgorithmSuite):
    exhausts = True
    trials = 9
    objectives = 2

    def make(self, seed: int) -> Algorithm:
        return Bayesian(initial=6, samples=20, climbs=1, seed=seed)


class TestBayesianOfThree(TestBayesianOfTwo):
    objectives = 3


NUMBERS = st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=6)


@given(NUMBERS, st.tuples(st.floats(-4, 4), st.floats(-4, 4)))
def test_of_a_certain_candidate_it_is_the_volume_that_it_adds(points, new):
    front, reference = find_front(np.array(points, dtype=np.float64))
    got = expected_volume(np.array([new]), np.full((1, 2), 1e-9), front, reference)
    bottom = tuple(reference.tolist())
    before = hypervolume(front.tolist(), bottom)
    assert got[0] == pytest.approx(hypervolume([*front.tolist(), new], bottom) - before, abs=1e-6)


def test_it_is_the_mean_volume_that_draws_add():
    front, reference = find_front(np.array([[0.0, 1.0], [0.5, 0.4], [1.0, -0.5], [-1.0, -1.0]]))
    mean, deviation = np.array([[0.6, 0.5]]), np.array([[0.7, 0.4]])
    luck, bottom = random.Random(1), tuple(reference.tolist())
    before, total, count = hypervolume(front.tolist(), bottom), 0.0, 4000
    for _ in range(count):
        drawn = (luck.gauss(0.6, 0.7), luck.gauss(0.5, 0.4))
        total += hypervolume([*front.tolist(), drawn], bottom) - before
    assert expected_volume(mean, deviation, front, reference)[0] == pytest.approx(total / count, rel=0.06)


def test_far_candidates_are_still_ranked():
    front, reference = find_front(np.array([[0.0, 1.0], [1.0, 0.0]]))
    means = np.array([[-90.0, -90.0], [-80.0, -80.0]])
    scores = to_scores(expected_volume(means, np.full((2, 2), 0.1), front, reference), means)
    assert scores[1] > scores[0]


def test_a_random_scalarization_prefers_what_dominates():
    means = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    front, reference = find_front(means[:1])
    for seed in range(20):
        weights = draw_weights(3, random.Random(seed))
        gains = expected_scalar(means, np.full((2, 3), 0.1), front, reference, weights=weights)
        assert gains[1] > gains[0] >= 0


def test_a_front_without_a_range_has_a_reference_below_it():
    for points in ([[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0], [0.0, 0.0]]):
        front, reference = find_front(np.array(points))
        assert front.tolist() == [[1.0, 2.0]]
        assert (reference < front).all()


def test_outliers_are_cut_off_and_equal_rewards_stay():
    assert clip(np.array([1.0, 1.0])).tolist() == [1.0, 1.0]
    assert clip(np.array([-1e9, 1.0, 2.0])).tolist() == [-3.0, 1.0, 2.0]


def test_failures_come_last():
    assert order_by_fronts([None, (1.0, 1.0), None, (0.0, 0.0)]) == [1, 3, 0, 2]
    assert order_by_fronts([None, None]) == [0, 1]


def test_a_front_is_found_with_fewer_trials_than_at_random():
    def volume(make, seed):
        algorithm, found = make(), []
        algorithm.setup(flatten([integer(f"x{i}", 0, 9) for i in range(4)]), seed=seed)
        for _ in range(40):
            decisions = algorithm.propose()
            x = [value / 9 for value in decisions.values]
            cost = sum((one - 0.5) ** 2 for one in x[1:])
            found.append((-(x[0] ** 2) - cost, -((x[0] - 1) ** 2) - cost))
            algorithm.feedback(decisions, found[-1])
        return hypervolume(found, (-1.2, -1.2))

    ours = [volume(lambda: Bayesian(initial=8, samples=50, climbs=2), seed) for seed in range(2)]
    assert min(ours) > max(volume(Random, seed) for seed in range(10))


def test_the_number_of_objectives_stays():
    algorithm = Bayesian()
    algorithm.setup(SPACES["flat"]())
    algorithm.feedback(algorithm.propose(), (1.0, 2.0))
    with pytest.raises(RewardError, match=r"trial 2 has 1 reward, and the trials before it 2 each"):
        algorithm.feedback(algorithm.propose(), 1.0)
    algorithm.feedback(algorithm.propose(), None)
