"""The formulas of the proxy tools, against values worked out by hand and, where there is one, another implementation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import interpolate, stats

from pliant.nas.proxy.correlation import (
    End,
    Goals,
    Moment,
    correlate,
    find_end,
    find_settled,
    is_enough,
    kendall_tau,
    trace,
)
from pliant.nas.proxy.curve import Curve, Point
from pliant.nas.proxy.selection import choose_kept, count_removed, find_redundant, next_percent, normalize
from pliant.nas.proxy.variance import SAMPLES, SECTIONS, measure_smoothness, measure_variance

NUMBERS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12)

# ---------------------------------------------------------------- which models to keep


def test_the_closest_pair_loses_the_one_with_the_closer_neighbour():
    # 2 and 3 are 0.1 apart; next to 2 is 1 at 0.3, next to 3 is 4 at 0.6.
    assert find_redundant([(0.0, 0.0), (0.3, 0.0), (0.4, 0.0), (1.0, 0.0)]) == 1
    # Turned around.
    assert find_redundant([(1.0, 0.0), (0.4, 0.0), (0.3, 0.0), (0.0, 0.0)]) == 2


def test_the_best_get_no_favour():
    scores = {1: (0.10, 1.0), 2: (0.50, 1.0), 3: (0.93, 1.0), 4: (0.94, 1.0), 5: (0.95, 1.0)}
    assert choose_kept(scores, 2) == (1, 2, 5)


def test_two_always_stay():
    scores = {number: (float(number), 0.0) for number in range(1, 6)}
    assert len(choose_kept(scores, 9)) == 2
    assert choose_kept({7: (0.5, 1.0)}, 3) == (7,)


def test_latency_counts_as_much_as_accuracy():
    # By accuracy 1 and 2 are alike, but one is slow.
    assert choose_kept({1: (0.5, 1.0), 2: (0.5, 9.0), 3: (0.9, 1.0), 4: (0.9, 1.1)}, 1) == (1, 2, 4)


@given(
    st.dictionaries(st.integers(1, 99), st.tuples(st.floats(0, 1), st.floats(0, 9)), min_size=3), st.data()
)
def test_as_many_leave_as_are_to(scores, data):
    remove = data.draw(st.integers(0, len(scores) - 2))
    kept = choose_kept(scores, remove)
    assert len(kept) == len(scores) - remove
    assert list(kept) == sorted(set(kept) & set(scores))


def test_scores_are_scaled():
    assert normalize([(2.0, 5.0), (4.0, 5.0)]) == [(0.0, 0.0), (1.0, 0.0)]


def test_the_rounds_of_the_contract():
    count, percent, rounds = 30, 0.0, []
    while percent < 100:
        percent = next_percent(percent, count, 10)
        rounds.append((count, round(percent, 3)))
        count -= count_removed(count, 0, final=10, each=5)
    assert rounds == [(30, 3.333), (25, 7.333), (20, 12.333), (15, 19.0), (10, 100.0)]


def test_a_round_never_trains_beyond_the_end():
    assert next_percent(90.0, 3, 2) == 100.0


@pytest.mark.parametrize(("invalid", "removed"), [(0, 5), (3, 2), (5, 0), (7, 0)])
def test_invalid_models_count_as_removed(invalid, removed):
    assert count_removed(20, invalid, final=10, each=5) == removed


# ---------------------------------------------------------------- rank correlation


def test_kendall_by_hand():
    # Pairs of (1, 2, 3, 4) with (1, 3, 2, 4): five agree, one does not.
    assert kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)
    assert math.isnan(kendall_tau([1, 1, 1], [1, 2, 3]))


@given(NUMBERS)
def test_kendall_is_that_of_scipy(pairs):
    first, second = zip(*pairs, strict=True)
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert kendall_tau(first, second) == pytest.approx(stats.kendalltau(first, second).statistic)


@pytest.mark.parametrize(
    ("valid", "total", "enough"),
    [(5, 5, True), (4, 4, False), (7, 10, True), (6, 10, False), (21, 30, True), (20, 30, False)],
)
def test_how_many_values_are_enough(valid, total, enough):
    assert is_enough(valid, total) is enough


def test_places_with_both_values_count():
    first = [1, 2, None, 4, 5, 6, 7, None, 9, 10]
    second = [1, 2, 3, 4, 5, 6, 7, 8, 9, None]
    assert correlate(first, second) == 1.0
    assert math.isnan(correlate([*first[:-2], None, 10], second))


# ---------------------------------------------------------------- proxy tasks over steps


def line(*accuracies, rate=360.0):
    return Curve(tuple(Point(10.0 * n, a) for n, a in enumerate(accuracies, 1)), None, rate)


def test_a_proxy_task_over_steps():
    curves = [line(0.5, 0.1), line(0.4, 0.2), line(0.3, 0.3), line(0.2, 0.4), line(0.1, 0.5, rate=720.0)]
    found = trace(curves, [0.1, 0.2, 0.3, 0.4, 0.5])
    assert found == (Moment(10, -1.0, 0.3, 1.0), Moment(20, 1.0, 0.3, 2.0))
    assert trace(curves, [0.1, 0.2, 0.3, 0.4, 0.5], 10) == found[:1]


def test_the_median_is_a_model_and_its_time_counts():
    curves = [line(0.1 * n, rate=360.0 * n) for n in range(1, 7)]
    (found,) = trace(curves, [0.1 * n for n in range(1, 7)])
    assert found == Moment(10, 1.0, 0.4, 4.0)  # the upper one of 0.3 and 0.4


def test_steps_with_too_few_models_are_left_out():
    curves = [line(0.1), line(0.2), line(0.3), line(0.4, 0.5), None]
    assert trace(curves, [1, 2, 3, 4, 5]) == ()
    assert trace([*curves[:4], line(0.9)], [1, 2, 3, 4, None]) == ()


def test_what_is_settled():
    curves = [line(0.1, 0.2, 0.3), line(0.1), None]
    assert find_settled(curves, [True, True, False]) == 10
    assert find_settled(curves, [True, False, True]) == -math.inf  # the third has said nothing yet
    assert find_settled(curves, [False, False, False]) == math.inf


MOMENTS = [Moment(10, 0.25, 0.375, 1.0), Moment(20, 0.5, 0.5, 2.0), Moment(30, 0.75, 0.75, 4.0)]


@pytest.mark.parametrize(
    ("goals", "end"),
    [
        (Goals(correlation=0.625), End("correlation", 25, 3.0)),  # half way from 0.5 to 0.75
        (Goals(correlation=0.25), End("correlation", 10, 1.0)),  # there is nothing before the first
        (Goals(correlation=0.375, accuracy=0.375), End("accuracy", 10, 1.0)),
        (
            Goals(correlation=0.375, accuracy=0.4375),
            End("correlation", 15, 1.5),
        ),  # at one step both; this one counts
        (Goals(correlation=0.9, accuracy=0.625), End("accuracy", 25, 3.0)),
        (Goals(correlation=0.9, hours=2.0), End("time limit")),
        (Goals(correlation=0.625, hours=2.5), End("time limit")),  # where it is reached, it is too late
        (Goals(correlation=0.625, hours=3.5), End("correlation", 25, 3.0)),
        (Goals(correlation=0.9, best_hours=2.0), End("slower than the best")),
        (Goals(correlation=0.9, hours=9.0), None),
        (Goals(), None),
    ],
)
def test_where_a_proxy_task_ends(goals, end):
    assert find_end(MOMENTS, goals) == end


def test_without_times_there_are_no_limits():
    moments = [Moment(10, 0.25, 0.3, None), Moment(20, 0.5, 0.5, None)]
    assert find_end(moments, Goals(correlation=0.375, hours=1.0, best_hours=1.0)) == End(
        "correlation", 15, None
    )


# ---------------------------------------------------------------- accuracy at a part of training


def test_accuracy_between_points():
    curve = Curve((Point(5, 0.5, 25.0), Point(10, 0.9, 50.0)))
    assert curve.accuracy_at_percent(5) == pytest.approx(0.1)
    assert curve.accuracy_at_percent(37.5) == pytest.approx(0.7)
    assert curve.accuracy_at_percent(50) == 0.9
    assert curve.accuracy_at_percent(51) is None
    assert Curve().accuracy_at_percent(1) is None


def test_the_last_point_counts_where_no_parts_are_known():
    assert line(0.1, 0.2).accuracy_at_percent(80) == 0.2


# ---------------------------------------------------------------- variance and smoothness


def test_variance_by_hand():
    # The mean is 5, the deviations are -2, 0, 0, 2: sqrt(8 / 4) / 5.
    assert measure_variance([3, 5, 5, 7]) == pytest.approx(math.sqrt(2) / 5)
    assert measure_variance([0.5] * 5) == 0.0
    assert measure_variance([-1.0, 1.0]) == math.inf
    assert measure_variance([-3.0, -5.0]) == pytest.approx(0.25)


def test_smoothness_by_hand():
    # Up to 0.8 it rises, then it falls by its whole height over the last 0.2: slope -5, at 0.8 ... 0.88 and 0.9 ... 0.99.
    assert measure_smoothness([(0, 0.0), (80, 1.0), (100, 0.0)]) == pytest.approx(5 * 15)
    assert measure_smoothness([(0, 0.3), (10, 0.3)]) == 0.0
    assert measure_smoothness([(7, 0.3)]) == 0.0


@given(st.lists(st.integers(0, 20), min_size=2, max_size=9).filter(lambda scores: len(set(scores)) > 1))
def test_smoothness_is_that_of_a_linear_spline(scores):
    steps = np.linspace(0, 1, len(scores)) ** 1.1  # knots apart from the samples
    unit = (np.array(scores) - min(scores)) / (max(scores) - min(scores))
    places = np.concatenate(
        [np.linspace(a, b, SAMPLES, endpoint=False) for a, b in itertools.pairwise(SECTIONS)]
    )
    slopes = interpolate.splev(places, interpolate.splrep(steps, unit, k=1, s=0), der=1)
    assert measure_smoothness(list(zip(steps, scores, strict=True))) == pytest.approx(
        -slopes[slopes < 0].sum()
    )
