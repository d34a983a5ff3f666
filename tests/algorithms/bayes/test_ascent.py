"""Gradients of the acquisition function, the ascent along them, and the space-filling start."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import Bayesian
from pliant.algorithms.bayes.ascent import ascend, improvement_slope
from pliant.algorithms.bayes.encoding import Encoding
from pliant.algorithms.bayes.process import Posterior, Process
from pliant.algorithms.bayes.start import fill
from pliant.space import choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES

MIXED = flatten(
    [
        floating("a", 1e-4, 1.0, scale="log"),
        choice("op", [None, floating("b", -1, 2), choice("c", 3)]),
        integer("n", 1, 9),
    ]
)


def learn(space, count=25, pending=3, seed=1):
    encoding, luck = Encoding(space), random.Random(seed)
    many = [space.sample(luck) for _ in range(count + pending)]
    rows = encoding.encode(many)
    process = Process(encoding)
    targets = np.array([luck.gauss(0, 1) for _ in range(count)])
    parameters = process.start + np.array([0.3 * luck.gauss(0, 1) for _ in process.start])
    return encoding, Posterior(process, parameters, rows, targets), luck


@pytest.mark.parametrize("best", [-1.0, 0.5, 9.0, 60.0])
@pytest.mark.parametrize("doubt", [1.0, 3.0])
def test_the_gradient_is_that_of_finite_differences(best, doubt):
    encoding, posterior, luck = learn(MIXED)
    rows = encoding.encode([MIXED.sample(luck) for _ in range(6)])
    value, slope = improvement_slope(posterior, rows, best=best, doubt=doubt)
    step = 1e-5
    for feature in range(encoding.width):
        moved = np.zeros(encoding.width)
        moved[feature] = step
        above, _ = improvement_slope(posterior, rows + moved, best=best, doubt=doubt)
        below, _ = improvement_slope(posterior, rows - moved, best=best, doubt=doubt)
        assert slope[:, feature] == pytest.approx((above - below) / (2 * step), rel=2e-3, abs=1e-4)
    assert np.isfinite(value).all()


def test_mean_and_deviation_are_those_of_predict():
    encoding, posterior, luck = learn(MIXED)
    rows = encoding.encode([MIXED.sample(luck) for _ in range(5)])
    mean, deviation, *_ = posterior.slopes(rows)
    assert (mean, deviation) == tuple(pytest.approx(one) for one in posterior.predict(rows))


def test_the_ascent_moves_floats_only_and_improves():
    encoding, posterior, luck = learn(MIXED)
    many = [MIXED.sample(luck) for _ in range(12)]
    found = ascend(posterior, encoding, many, best=0.5, doubt=1.0)
    before, after = (
        improvement_slope(posterior, encoding.encode(some), best=0.5, doubt=1.0)[0].sum()
        for some in (many, found)
    )
    assert after > before + 0.1
    for old, new in zip(many, found, strict=True):
        assert MIXED.validate(new.values).values == new.values
        kept = [
            a
            for a, index in zip(old.values, old.active, strict=True)
            if not hasattr(MIXED.points[index], "max_value") or MIXED.points[index].path == "n"
        ]
        assert kept == [
            a
            for a, index in zip(new.values, new.active, strict=True)
            if not hasattr(MIXED.points[index], "max_value") or MIXED.points[index].path == "n"
        ]


def test_without_floats_there_is_nothing_to_ascend():
    space = SPACES["flat"]()
    encoding, posterior, luck = learn(space)
    assert ascend(posterior, encoding, [space.sample(luck)], best=0.0, doubt=1.0) == []


@given(st.integers(1, 30), st.integers(0, 99))
def test_a_start_takes_each_part_of_each_range_once(count, seed):
    space = flatten(
        [floating("a", 1e-3, 1.0, scale="log"), integer("n", 1, 60), choice("x", 3), floating("b", -1, 1)]
    )
    many = fill(space, count, seed)
    assert many == fill(space, count, seed)
    assert sorted(int(count * (one["b"] + 1) / 2) for one in many) == list(range(count))
    picks = [one["x"] for one in many]
    assert max(map(picks.count, range(3))) - min(map(picks.count, range(3))) <= 2


@pytest.mark.parametrize("name", ["conditional", "permutation", "repeated", "empty"])
def test_other_spaces_start_at_random(name):
    assert fill(SPACES[name](), 5, 0) == []


@given(st.integers(1, 30), st.integers(0, 99))
def test_a_start_fills_each_branch(count, seed):
    space = flatten([choice("op", [None, floating("x", 0, 1), [floating("y", 0, 1), choice("act", 2)]])])
    many = fill(space, count, seed)
    assert [space.parse(one.values) for one in many] == many
    picks = [one["op"] for one in many]
    assert max(map(picks.count, range(3))) - min(map(picks.count, range(3))) <= 2
    for candidate, name in ((1, "x"), (2, "y")):
        found = [one[f"op[={candidate}/3].{name}"] for one in many if one["op"] == candidate]
        assert sorted(int(len(found) * value) for value in found) == list(range(len(found)))


@pytest.mark.parametrize("below", [None, floating("c", 0, 1)])
def test_bayesian_starts_with_it(below):
    space = flatten([floating("a", 0, 1), choice("b", [None, below])])
    algorithm = Bayesian(initial=8, seed=4)
    algorithm.setup(space)
    found = [algorithm.propose() for _ in range(8)]
    assert found == fill(space, 8, 4)


def test_a_smooth_function_of_floats_is_solved_closely():
    space = flatten([floating(f"x{i}", -1, 1) for i in range(3)])
    algorithm = Bayesian(initial=8, seed=2)
    algorithm.setup(space)
    rewards = []
    for _ in range(35):
        decisions = algorithm.propose()
        rewards.append(-sum((value - 0.3 * i) ** 2 for i, value in enumerate(decisions.values)))
        algorithm.feedback(decisions, rewards[-1])
    assert max(rewards) > -1e-4
