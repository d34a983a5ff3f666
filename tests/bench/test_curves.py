"""Curves of incumbents, and what is said of many."""

from __future__ import annotations

import json
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.bench.curves import (
    Curve,
    Recorder,
    Spread,
    Step,
    band,
    check_budgets,
    default_budgets,
    student,
    summarize,
)

REWARDS = st.lists(st.none() | st.integers(-3, 3).map(float), min_size=1, max_size=30)


def record(rewards, seed=0):
    recorder = Recorder(seed=seed, trials=len(rewards))
    for trial, reward in enumerate(rewards, 1):
        recorder.add(reward, 100.0 * trial)
    return recorder.curve(seconds=0.5)


@given(REWARDS)
def test_the_incumbent_is_the_first_of_the_best_so_far(rewards):
    curve = record(rewards)
    for trial in range(1, len(rewards) + 1):
        known = [r for r in rewards[:trial] if r is not None]
        found = curve.at(trial)
        if not known:
            assert found is None
        else:
            first = rewards.index(max(known)) + 1
            assert found == Step(first, max(known), 100.0 * first)
    assert curve.at(0) is None
    assert (curve.evaluated, curve.failed) == (len(rewards), rewards.count(None))


@given(REWARDS)
def test_a_curve_goes_through_json(rewards):
    curve = record(rewards)
    assert Curve.from_json(json.loads(json.dumps(curve.to_json()))) == curve


@given(st.lists(REWARDS, min_size=1, max_size=5))
def test_band_and_rows_agree_with_the_definition(runs):
    curves = [record(rewards, seed) for seed, rewards in enumerate(runs)]
    mean, std = band(curves, 30, test=False)
    assert mean.shape == std.shape == (30,)
    rows = summarize(curves, range(1, 31))
    for i, row in enumerate(rows):
        values = [step.reward for curve in curves if (step := curve.at(i + 1))]
        assert row.reward.count == len(values)
        if not values:
            assert math.isnan(mean[i])
            continue
        assert mean[i] == pytest.approx(statistics.mean(values)) == row.reward.mean
        expected = statistics.stdev(values) if len(values) > 1 else 0.0
        assert std[i] == pytest.approx(expected, abs=1e-9)
        assert row.reward.std == pytest.approx(expected, abs=1e-9)


def test_the_band_of_test_scores_follows_the_incumbent_not_the_best_test():
    mean, _ = band([Curve(0, 3, (Step(1, 0.5, 9.0), Step(3, 0.6, 1.0)))], 3, test=True)
    np.testing.assert_array_equal(mean, [9.0, 9.0, 1.0])


def test_a_band_may_be_shorter_than_the_runs():
    mean, _ = band([Curve(0, 3, (Step(1, 0.5, 9.0), Step(3, 0.6, 1.0)))], 2, test=False)
    np.testing.assert_array_equal(mean, [0.5, 0.5])


def test_spread():
    assert Spread.of([]).count == 0
    assert math.isnan(Spread.of([]).mean)
    assert Spread.of([3.0]).std == 0
    assert math.isnan(Spread.of([3.0]).ci)
    spread = Spread.of([1.0, 2.0, 3.0, 6.0])
    assert (spread.count, spread.mean) == (4, 3.0)
    assert spread.std == pytest.approx(statistics.stdev([1, 2, 3, 6]))
    assert spread.ci == pytest.approx(3.1824 * spread.std / 2, rel=1e-3)


@pytest.mark.parametrize(
    "freedom, quantile", [(1, 12.706), (2, 4.3027), (5, 2.5706), (9, 2.2622), (29, 2.0452), (199, 1.9720)]
)
def test_student_is_the_tabulated_quantile(freedom, quantile):
    assert student(freedom) == pytest.approx(quantile, rel=2e-3)


def test_default_budgets_end_with_all_trials():
    for trials in range(1, 400):
        budgets = default_budgets(trials)
        assert budgets == sorted(set(budgets))
        assert budgets[0] >= 1
        assert budgets[-1] == trials


def test_budgets_are_sorted_and_each_once():
    assert check_budgets([30, 10, 30], 30) == [10, 30]


@pytest.mark.parametrize(
    "budgets, error, message",
    [
        (
            [301],
            ValueError,
            "a budget is from 1 to 300, the trials of a run; got 301. Give budgets in this range, or more trials",
        ),
        ([0], ValueError, r"a budget is from 1 to 300.*got 0\. Give budgets in this range\.$"),
        (["9"], TypeError, "a budget is a number of trials such as 100; got '9' of type str"),
        ([True], TypeError, "got True of type bool"),
        ([], ValueError, "no budgets were given"),
    ],
)
def test_bad_budgets(budgets, error, message):
    with pytest.raises(error, match=message):
        check_budgets(budgets, 300)


def test_a_budget_that_is_too_large_needs_more_trials_or_becomes_smaller():
    with pytest.raises(ValueError, match=r"got 301\. Give budgets in this range, or more trials"):
        check_budgets([301], 300)
    assert check_budgets([301], 301) == [301]
    assert check_budgets([300], 300) == [300]
