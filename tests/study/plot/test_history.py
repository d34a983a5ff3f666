"""Figures over the trials: rewards, the best so far, time, hypervolume."""

from __future__ import annotations

import itertools
import statistics
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.study.plot.figure import Dots, Line
from pliant.study.plot.history import expect_best, history, hypervolume, throughput
from pliant.study.plot.source import read_source
from pliant.values.errors import FieldValueError, StudyError

from .conftest import search


def layer(figure, label):
    (found,) = [one for one in figure.layers if getattr(one, "label", None) == label]
    return found


def test_history(numbers):
    figure = history(numbers)
    best = layer(figure, "best so far")
    assert list(zip(best.x, best.y)) == [(1, 0.1), (2, 0.4), (5, 0.5), (9, 0.7), (12, 0.7)]
    assert best.is_step
    dots = layer(figure, "trial")
    assert list(dots.x) == [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]
    failed = layer(figure, "failed")
    assert list(failed.x) == [3, 8]
    assert failed.notes[0] == "trial 3 failed: out of <b>memory</b>\x1b[31m"  # escaped where it is drawn
    assert figure.notes == ("2 of 12 trials failed.",)


def test_history_of_a_search_that_minimizes():
    space = pg.Dict(x=pg.intv(0, 9))
    figure = history(read_source(search(space, [3.0, 5.0, 2.0, 4.0], maximize=False)))
    best = layer(figure, "best so far")
    assert list(zip(best.x, best.y)) == [(1, 3.0), (3, 2.0), (4, 2.0)]
    assert figure.y.label == "reward (lower is better)"
    random = layer(figure, "same trials in random order")
    assert (random.y[0], random.y[-1]) == (pytest.approx(3.5), pytest.approx(2.0))


def test_history_without_trials():
    figure = history(read_source(search(pg.Dict(x=pg.intv(0, 9)), [])))
    assert figure.is_empty


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=7))
def test_expected_best_is_the_mean_over_all_orders(rewards):
    places, expected = expect_best(rewards)
    for place, value in zip(places, expected, strict=True):
        every = [max(part) for part in itertools.combinations(rewards, place)]
        assert value == pytest.approx(statistics.fmean(every), abs=1e-6)


def test_expected_best_of_many():
    places, expected = expect_best(list(map(float, range(100_000))))
    assert len(places) <= 202
    assert expected[0] == pytest.approx(49_999.5, rel=1e-6)
    assert expected == sorted(expected)
    assert expected[-1] == 99_999.0


def test_history_of_several_rewards_is_refused():
    source = read_source(search(pg.Dict(x=pg.intv(0, 9)), [(1.0, 2.0), (2.0, 1.0)]))
    with pytest.raises(StudyError, match=r"2 rewards each, and history\(\) shows one. `plot.tradeoff\(\)`"):
        history(source)
    assert hypervolume(source).layers  # the advice


def test_hypervolume():
    source = read_source(search(pg.Dict(x=pg.intv(0, 9)), [(1.0, 3.0), (2.0, 2.0), (0.0, 0.0), (3.0, 1.0)]))
    (line,) = hypervolume(source).layers
    assert isinstance(line, Line)
    assert list(line.y) == [3.0, 5.0, 5.0, 6.0]  # squares below the stairs, from (0, 0)
    (other,) = hypervolume(source, reference=[-1.0, 0.0]).layers
    assert other.y[-1] == 9.0


def test_hypervolume_of_three_rewards():
    source = read_source(
        search(pg.Dict(x=pg.intv(0, 9)), [(1.0, 1.0, 1.0), (2.0, 1.0, 0.0), (0.0, 0.0, 0.0)])
    )
    (line,) = hypervolume(source, reference=(0, 0, 0)).layers
    assert list(line.y) == [1.0, 1.0, 1.0]


def test_hypervolume_with_bad_references():
    source = read_source(search(pg.Dict(x=pg.intv(0, 9)), [(1.0, 3.0)]))
    for bad in ([1.0], [1.0, 2.0, 3.0], [1.0, float("nan")]):
        with pytest.raises(FieldValueError, match=r"takes 2 finite numbers, one for each reward; got"):
            hypervolume(source, reference=bad)
    with pytest.raises(StudyError, match=r"one reward each; `plot.history\(\)` shows it"):
        hypervolume(read_source(search(pg.Dict(x=pg.intv(0, 9)), [1.0])))


def test_throughput(numbers):
    figure = throughput(numbers)
    ended, failed = layer(figure, "ended"), layer(figure, "failed")
    assert (ended.y[-1], failed.y[-1]) == (12, 2)
    assert list(ended.x) == sorted(ended.x)
    assert any("The median trial took" in note for note in figure.notes)


def test_many_trials_are_thinned_out():
    space = pg.Dict(x=pg.floatv(0.0, 1.0))
    figure = history(read_source(search(space, [i % 7 / 7 for i in range(4000)])))
    (dots,) = [one for one in figure.layers if isinstance(one, Dots)]
    assert len(dots.x) <= 1600
    assert figure.notes == (f"{len(dots.x):,} of 4,000 trials are shown as dots.",)
    assert set(layer(figure, "best so far").x) - {4000} <= set(dots.x)


def test_expected_best_by_blocks(monkeypatch):
    """Of many rewards near ones count as their mean, which changes the curve by less than a reader can see."""
    rng = Random(0)
    rewards = [rng.gauss(0.0, 1.0) for _ in range(1200)] + [9.0]
    places, exact = expect_best(rewards)
    monkeypatch.setattr("pliant.study.plot.history._BLOCKED", 100)
    assert expect_best(rewards)[0] == places
    assert expect_best(rewards)[1] == pytest.approx(exact, abs=0.01)
    assert expect_best(rewards)[1][-1] == 9.0
