"""Expected improvement, the warping of rewards, and the search for the decisions that have most of it."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms.bayes.acquisition import log_improvement
from pliant.algorithms.bayes.candidates import maximize
from pliant.algorithms.bayes.warping import standardize, warp
from pliant.space import choice, flatten, floating
from pliant.testing.algorithms import SPACES

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize("mean", [-6.0, -2.0, -1.0, 0.0, 0.5, 3.0])
def test_expected_improvement_is_the_mean_of_improvements(mean):
    grid = np.linspace(mean - 12, mean + 12, 400_001)
    density = np.exp(-np.square(grid - mean) / 2) / np.sqrt(2 * np.pi)
    expected = np.sum(np.maximum(grid - 0.5, 0.0) * density) * (grid[1] - grid[0])
    found = log_improvement(np.array([2 * mean]), np.array([2.0]), 1.0)
    assert found[0] == pytest.approx(np.log(2 * expected), abs=1e-4)


def test_its_logarithm_rises_with_the_mean_however_far_below():
    unit = -np.logspace(6, -3, 2000)
    found = log_improvement(unit, np.ones_like(unit), 0.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
    assert np.abs(np.diff(found) / np.diff(unit) + unit[1:]).max() < 1e6  # no jumps where formulas meet


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_warping_keeps_the_order(rewards):
    given_ = np.array(rewards)
    warped = warp(given_)
    assert np.isfinite(warped).all()
    order = np.argsort(given_, kind="stable")
    assert (np.diff(warped[order]) >= -1e-12).all()
    for value in rewards:
        assert np.ptp(warped[given_ == value]) < 1e-9


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30, unique=True), st.floats(0.5, 8), NUMBERS)
def test_warping_does_not_see_the_unit(rewards, scale, shift):
    given_ = np.array(rewards, dtype=float)
    assert warp(given_ * scale + shift) == pytest.approx(warp(given_), abs=1e-4)


def test_warping_tames_the_lower_half_and_leaves_the_upper():
    tame, wild = warp(np.array([1.0, 2, 3, 4, 5, 9])), warp(np.array([-1e12, 2, 3, 4, 5, 9]))
    assert wild == pytest.approx(tame)
    assert (tame[5] - tame[4]) / (tame[4] - tame[3]) == pytest.approx(4.0)
    assert warp(np.array([1e308, -1e308, 1e307])).max() < 3


def test_equal_rewards_are_0():
    assert (warp(np.full(7, 0.1)) == 0).all()
    assert (standardize(np.array([2.0])) == 0).all()


def test_small_spaces_are_looked_at_whole():
    space = flatten([choice("x", 10), choice("y", 10)])
    found = maximize(space, lambda many: [(d.values == (7, 3)) for d in many], Random(1), seen=())
    assert found.values == (7, 3)
    assert (
        maximize(space, lambda many: [0.0] * len(many), Random(1), seen={d.values for d in space.iterate()})
        is None
    )


def make_conditional():
    layer = [choice("units", 4), choice("act", 3)]
    return flatten([choice("op", [None, layer, layer]), choice("edges", 9, picks=4, sorted=True)])


@pytest.mark.parametrize(
    "make", [SPACES["flat"], make_conditional, lambda: flatten([choice("p", 7, picks=7)])]
)
def test_climbs_find_the_top_and_leave_out_what_is_seen(make):
    space = make()
    goal = space.sample(77)

    def score(many):
        return [
            -sum(a != b for a, b in zip(d.values, goal.values, strict=False)) - abs(len(d) - len(goal))
            for d in many
        ]

    assert maximize(space, score, Random(1), seen=(), samples=300) == goal
    other = maximize(space, score, Random(1), seen={goal.values}, samples=300)
    assert other is not None
    assert other != goal
    assert score([other])[0] >= -4


def test_floats_are_refined():
    space = flatten([floating("x", 0, 1), floating("y", 1e-6, 1, scale="log")])
    found = maximize(
        space, lambda many: [-abs(d["x"] - 0.3) - abs(np.log10(d["y"]) + 2) for d in many], Random(1), seen=()
    )
    assert abs(found["x"] - 0.3) < 0.01
    assert abs(np.log10(found["y"]) + 2) < 0.05


def test_equal_scores_up_to_rounding_are_decided_by_order():
    space = flatten([choice("x", 10)])
    luck = np.random.default_rng(1)
    found = maximize(space, lambda many: 1 + 1e-13 * luck.normal(size=len(many)), Random(1), seen={(0,)})
    assert found.values == (1,)
