"""Figures of decisions: importance, effects, choices over time, parallel coordinates."""

from __future__ import annotations

import random
import statistics

import pytest

import pliant as pg
from pliant.study.plot.choices import choices, parallel
from pliant.study.plot.decided import GROUPS, OTHERS, find_columns
from pliant.study.plot.figure import Bars, Cells, Line, Ranges, Words
from pliant.study.plot.importance import effects, find_shares, importance
from pliant.study.plot.source import read_source
from pliant.values.errors import FieldValueError

from .conftest import evaluate_all, search

GRID = pg.Dict(a=pg.oneof([0, 1, 2]), b=pg.oneof(["p", "q"]), c=pg.oneof([0, 1, 2, 3]))


def additive(program):
    return 10.0 * program.a + (12.0 if program.b == "q" else 0.0)


def test_shares_of_an_additive_function():
    shares = find_shares(read_source(evaluate_all(GRID, additive)))
    found = {one.column.name: one for one in shares}
    variance = {"a": 100 * statistics.pvariance([0, 1, 2]), "b": statistics.pvariance([0, 12])}
    total = sum(variance.values())
    for name in "ab":
        assert found[name].share == pytest.approx(variance[name] / total, abs=0.08)
        assert found[name].is_clear
    assert found["c"].share == 0
    assert not found["c"].is_clear
    assert [one.column.name for one in shares] == ["a", "b", "c"]


def test_noise_explains_nothing():
    generator = random.Random(3)
    source = read_source(search(GRID, [generator.random() for _ in range(60)]))
    assert all(one.share < 0.2 for one in find_shares(source))
    assert not any(one.is_clear for one in find_shares(source))


def test_importance():
    figure = importance(read_source(evaluate_all(GRID, additive)))
    (bars,) = figure.layers
    assert isinstance(bars, Bars)
    assert (figure.y.names, list(bars.is_faint)) == (("a", "b", "c"), [False, False, True])
    assert "Faint: 1 of 3 decisions explain no more than one of 200 random assignments does." in figure.notes


def test_decisions_below_others_are_columns_with_a_group_for_not_made():
    space = pg.Dict(op=pg.oneof([pg.Dict(k=pg.oneof([3, 5])), "skip"]))
    source = read_source(evaluate_all(space, lambda program: 1.0 if program.op == "skip" else 0.0))
    names = [one.column.name for one in find_shares(source)]
    assert len(names) == 2
    figure = effects(source)
    assert any(name.endswith("= not made") for name in figure.y.names)


def test_effects_are_means():
    figure = effects(read_source(evaluate_all(GRID, additive)), decisions=["b"])
    (ranges,) = [one for one in figure.layers if isinstance(one, Ranges)]
    assert figure.y.names == ("b = p", "b = q")
    assert list(ranges.x) == [pytest.approx(10.0), pytest.approx(22.0)]
    values = [10.0 * a for a in (0, 1, 2) for _ in range(4)]
    half = 1.96 * statistics.stdev(values) / len(values) ** 0.5
    assert ranges.high[0] - ranges.x[0] == pytest.approx(half)


def test_effects_of_an_unknown_number():
    with pytest.raises(FieldValueError, match=r"no trial has a number 'loss'; there are .*reward"):
        effects(read_source(evaluate_all(GRID, additive)), value="loss")


def test_columns_with_many_values():
    space = pg.Dict(x=pg.floatv(0.0, 1.0), name=pg.oneof([f"n{i}" for i in range(30)]))
    columns = {c.name: c for c in find_columns(read_source(search(space, [0.0] * 200)))}
    assert len(columns["x"].groups) == 5
    sizes = [list(columns["x"].of_trial.values()).count(group) for group in range(5)]
    assert min(sizes) >= 30
    assert len(columns["name"].groups) == GROUPS
    assert columns["name"].groups[-1] == OTHERS


def test_true_and_one_are_two_candidates():
    space = pg.Dict(x=pg.oneof([1, True]))
    (column,) = find_columns(read_source(evaluate_all(space, lambda program: 0.0)))
    assert len(column.groups) == 2


def test_choices_over_time():
    source = read_source(evaluate_all(pg.Dict(a=pg.oneof(["x", "y"])), lambda program: 0.0))
    figure = choices(source)
    (cells,) = figure.layers
    assert isinstance(cells, Cells)
    assert figure.y.names == ("a = x", "a = y")
    assert cells.shares == [[1.0, 0.0], [0.0, 1.0]]
    assert cells.notes[0][0] == "a = x: 100% in trials 1 to 1"


def test_parallel():
    figure = parallel(read_source(evaluate_all(GRID, additive)))
    assert figure.x.names == ("a", "b", "c", "reward")
    lines = [one for one in figure.layers if isinstance(one, Line)]
    assert len(lines) == 24
    best = [one for one in lines if one.role == "best"]
    assert [line.y[0] for line in best] == [1.0, 1.0]  # a = 2
    (words,) = [one for one in figure.layers if isinstance(one, Words)]
    assert {"0", "2", "p", "q", "32"} <= set(words.texts)


@pytest.mark.parametrize("make", [importance, effects, choices, parallel])
def test_one_trial_and_none(make):
    one = read_source(search(pg.Dict(x=pg.oneof([1])), [0.5]))
    assert make(one).title
    none = read_source(search(GRID, []))
    if make is choices:
        assert make(none).is_empty
    else:
        with pytest.raises(FieldValueError, match="no trial has a number 'reward'; there is none yet"):
            make(none)
