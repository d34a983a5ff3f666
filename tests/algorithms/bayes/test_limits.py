"""Failures and limits in Bayesian optimization: where decisions are feasible is learned."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.algorithms import Auto, Bayesian, Deduplicate
from pliant.algorithms.bayes.limits import find_limits
from pliant.space import flatten, integer
from pliant.testing.algorithms import SPACES
from pliant.values.errors import RewardError

GRID = flatten([integer("x", 0, 39), integer("y", 0, 39)])


def test_limits_that_nothing_breaks_are_left_out():
    assert find_limits([(-1.0,), (0.0,)], [False, False]) == []
    assert find_limits([None, None], [False, False]) == []


def test_a_limit_is_at_its_edge_in_the_units_of_its_targets():
    (limit,) = find_limits([(-1.0,), None, (3.0,)], [False, False, True])
    assert limit.places.tolist() == [0, 2]
    assert limit.targets.tolist() == [-1.0, 1.0]
    assert limit.edge == -0.5  # 0 is a quarter of the way from -1 to 3


def test_failures_without_a_measurement_are_a_limit_of_their_own():
    measured, failing = find_limits([(2.0,), (-1.0,), None], [True, False, True])
    assert measured.places.tolist() == [0, 1]
    assert np.sign(failing.targets).tolist() == [-1, -1, 1]


def search(note, trials=30, seed=1):
    """Searches a grid whose better half is infeasible; returns the part of proposals after the start that are feasible."""
    algorithm, feasible, best = Bayesian(initial=10, samples=60, climbs=2, seed=seed), [], 0.0
    algorithm.setup(GRID)
    for _ in range(trials):
        decisions = algorithm.propose()
        x, y = decisions.values
        reward, excess = x + y, x + y - 40.0
        feasible.append(excess <= 0)
        if note:
            algorithm.note_limits((excess,))
        best = max(best, reward) if excess <= 0 else best
        algorithm.feedback(decisions, float(reward) if excess <= 0 else None)
    return sum(feasible[10:]) / len(feasible[10:]), best


def test_the_best_feasible_decisions_are_found_at_the_edge():
    assert search(note=False)[1] == 40
    share, best = search(note=True)
    assert (best, share >= 0.8) == (40, True)


def test_limits_are_passed_on_and_checked():
    inner = Bayesian()
    around = Deduplicate(inner)
    around.setup(SPACES["flat"]())
    around.note_limits((1, -2.0))
    decisions = around.propose()
    around.feedback(decisions, None)
    assert inner._excess == [(1.0, -2.0)]
    auto = Auto()
    auto.setup(SPACES["flat"]())
    auto.note_limits((0.5,))
    auto.feedback(auto.propose(), None)
    assert auto._chosen._excess == [(0.5,)]
    with pytest.raises(RewardError, match="finite number"):
        inner.note_limits((float("nan"),))
    with pytest.raises(RewardError, match=r"a trial measured 1 limits, and the trials before it 2"):
        inner.note_limits((1.0,))
