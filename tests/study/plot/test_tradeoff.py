"""The figure of two numbers of each trial."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant.study.plot.figure import Dots, Rule
from pliant.study.plot.source import Source, read_source
from pliant.study.plot.tradeoff import _climb, _find_front, tradeoff
from pliant.values.errors import FieldTypeError, FieldValueError

from .conftest import search

SPACE = pg.Dict(x=pg.intv(0, 9))


def measured(*pairs):
    return read_source(search(SPACE, [(reward, {"latency": cost}) for reward, cost in pairs]))


def front(figure):
    (dots,) = [one for one in figure.layers if isinstance(one, Dots) and one.role == "front"]
    return list(zip(dots.x, dots.y))


def test_front_of_reward_and_metric():
    figure = tradeoff(measured((0.5, 10), (0.9, 30), (0.4, 20), (0.7, 20)))
    assert front(figure) == [(10, 0.5), (20, 0.7), (30, 0.9)]
    assert (figure.x.label, figure.y.label) == ("latency (lower is better)", "reward (higher is better)")
    assert figure.notes == ("3 of 4 trials are on the front.",)


def test_equal_trials_are_one_point_of_the_front():
    assert front(tradeoff(measured((0.5, 10), (0.5, 10), (0.5, 11)))) == [(10, 0.5)]


def test_directions():
    source = measured((0.5, 10), (0.9, 30), (0.4, 40))
    assert front(tradeoff(source, maximize={"latency": True})) == [(30, 0.9), (40, 0.4)]
    with pytest.raises(
        FieldTypeError, match=r"takes a dict from names to booleans, such as .*; got 'latency'"
    ):
        tradeoff(source, maximize="latency")


def test_limits_of_the_study():
    source = measured((0.5, 10), (0.9, 30))
    limited = Source(source.space, source.trials, constraints=("latency <= 20", "other <= 3"))
    (rule,) = [one for one in tradeoff(limited).layers if isinstance(one, Rule)]
    assert (rule.x, rule.label) == (20.0, "latency <= 20")
    accuracy = Source(source.space, source.trials, constraints=("latency >= 20",))
    assert front(tradeoff(accuracy)) == [(30, 0.9)]  # more is better


def test_two_rewards():
    figure = tradeoff(read_source(search(SPACE, [(1.0, 2.0), (2.0, 1.0), (0.5, 0.5)])))
    assert sorted(front(figure)) == [(1.0, 2.0), (2.0, 1.0)]


def test_bad_names():
    source = measured((0.5, 10))
    with pytest.raises(FieldValueError, match=r"no trial has a number 'latnecy'; .* did you mean 'latency'"):
        tradeoff(source, x="latnecy")
    with pytest.raises(FieldValueError, match=r"takes two numbers; got 'latency' twice"):
        tradeoff(source, x="latency", y="latency")
    with pytest.raises(FieldValueError, match=r"a trade-off needs two numbers of each trial"):
        tradeoff(read_source(search(SPACE, [])))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_beats(pairs):
    figure = tradeoff(measured(*((float(a), float(b)) for a, b in pairs)))
    expected = {(b, a) for a, b in pairs if not any(c >= a and d <= b and (c, d) != (a, b) for c, d in pairs)}
    assert set(front(figure)) == expected


@given(st.integers(0, 2**32), st.sampled_from([3, 40, 10**6]))
@settings(max_examples=8)
def test_the_front_of_many_trials_is_that_of_all(seed, count):
    """Points that a part of all beats are left out first; the front is the same, also with many equal numbers."""
    draw = Random(seed).randrange
    points = [(float(draw(count)), float(draw(count)), -number) for number in range(1, 2500)]
    assert _find_front(points) == {-point[2] for point in _climb(points)}
