"""The optima that synthetic tasks claim: found by exhaustion, or by a search that starts at them and gains nothing."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from pliant.bench import get_task
from pliant.bench.synthetic.functions import EPOCHS, Curves, branin, ellipsoid, hartmann6, tour, tree
from pliant.bench.synthetic.nk import nk


def best_by_descent(task, bounds, starts):
    low, high = np.array(bounds).T
    rng = np.random.default_rng(0)

    def loss(x):
        return -task.evaluate(np.clip(x, low, high).tolist()).reward

    runs = [minimize(loss, rng.uniform(low, high), bounds=bounds) for _ in range(starts)]
    return -min(run.fun for run in runs)


def test_branin():
    task = branin()
    for x in ([-math.pi, 12.275], [math.pi, 2.275], [9.42478, 2.475]):
        assert task.evaluate(x).reward == pytest.approx(task.optimum.reward, abs=1e-8)
    assert task.optimum.reward == pytest.approx(-0.39788735772973816)
    found = best_by_descent(task, [(-5, 10), (0, 15)], starts=10)
    assert found <= task.optimum.reward + 1e-12
    assert found == pytest.approx(task.optimum.reward, abs=1e-6)


def test_hartmann6():
    task = hartmann6()
    assert task.optimum.reward == pytest.approx(3.32236801)
    found = best_by_descent(task, [(0, 1)] * 6, starts=15)
    assert found <= task.optimum.reward + 1e-9
    assert found == pytest.approx(task.optimum.reward, abs=1e-6)


@given(st.integers(0, 2**32))
def test_ellipsoid_is_a_bowl(seed):
    task = ellipsoid()
    target = task.space.parse([3, 17, 8, 12, 5, 96])
    decisions = task.space.sample(seed)
    assert (task.evaluate(decisions).reward == 0) == (decisions == target)
    assert task.evaluate(decisions).reward <= 0


@given(st.integers(0, 2**32))
def test_tree_depends_on_active_decisions_alone_and_is_no_better_than_its_optimum(seed):
    task = tree()
    decisions = task.space.sample(seed)
    assert len(decisions) == 4
    assert task.evaluate(decisions).reward <= task.optimum.reward


def test_tree_leaves_have_the_published_offsets():
    task = tree()
    leaves = {(a, b): task.evaluate([a, b, 0.0, 0.0]).reward for a, b in product((0, 1), repeat=2)}
    assert leaves == {(0, 0): -0.1, (0, 1): -0.2, (1, 0): -0.3, (1, 1): -0.4}
    assert sorted(len(p.path) for p in task.space.points)[0] == 2
    assert len(task.space.points) == 9


@pytest.mark.parametrize(("n", "seed"), [(3, 0), (5, 1), (7, 2)])
def test_tour_by_exhaustion(n, seed):
    task = tour(n, seed=seed)
    rewards = [task.evaluate(d).reward for d in task.space.iterate()]
    assert max(rewards) == pytest.approx(task.optimum.reward, abs=1e-12)
    if n > 3:
        assert sum(abs(r - task.optimum.reward) < 1e-9 for r in rewards) == 2 * n
        assert min(rewards) < task.optimum.reward - 0.5


@pytest.mark.parametrize(
    ("n", "k", "candidates"),
    [(1, 0, 3), (6, 0, 2), (2, 1, 3), (9, 1, 2), (9, 4, 2), (9, 8, 2), (6, 2, 3), (5, 4, 3)],
)
def test_nk_by_exhaustion(n, k, candidates):
    for seed in (0, 1):
        task = nk(n, k, candidates=candidates, seed=seed)
        best = max(task.evaluate(d).reward for d in task.space.iterate())
        assert task.optimum.reward == pytest.approx(best, abs=1e-12)


def test_nk_ruggedness_grows_with_k():
    def optima(k):
        task = nk(10, k)
        reward = {d.values: task.evaluate(d).reward for d in task.space.iterate()}
        return sum(
            all(reward[(*x[:i], 1 - x[i], *x[i + 1 :])] < r for i in range(10)) for x, r in reward.items()
        )

    counts = [optima(k) for k in (0, 2, 6)]
    assert counts[0] == 1
    assert counts[0] < counts[1] < counts[2]


def test_seeds_make_landscapes_and_equal_seeds_the_same():
    x = [0, 1] * 10
    assert nk(seed=1).evaluate(x) == nk(seed=1).evaluate(x) != nk(seed=2).evaluate(x)
    order = list(range(10))
    assert tour(seed=1).evaluate(order) == tour(seed=1).evaluate(order) != tour(seed=2).evaluate(order)


def test_landscapes_are_those_of_every_platform():
    """Fixed for good: results on synthetic tasks are compared across machines and versions."""
    assert nk().optimum.reward == pytest.approx(0.7853366003847994, abs=1e-12)
    assert get_task("nk/rugged").optimum.reward == pytest.approx(0.868225064690379, abs=1e-12)
    assert tour().optimum.reward == pytest.approx(-6.139119259341163, abs=1e-12)


class TestCurves:
    @given(st.integers(0, 2**32))
    def test_curves_rise_and_the_optimum_holds(self, seed):
        task = Curves()
        decisions = task.space.sample(seed)
        rewards = [task.evaluate(decisions, epochs).reward for epochs in EPOCHS]
        assert rewards == sorted(rewards)
        assert rewards[-1] == pytest.approx(task.evaluate(decisions).test)
        assert task.regret(task.evaluate(decisions)) >= 0

    def test_curves_cross(self):
        task = Curves()
        grid = [task.space.parse([w, lr]) for w in range(4) for lr in (1e-3, 1e-2, 1e-1, 1.0)]
        early, late = (max(grid, key=lambda d: task.evaluate(d, epochs).reward) for epochs in (1, 81))
        assert late.values == (3, 0.1)
        assert early != late
