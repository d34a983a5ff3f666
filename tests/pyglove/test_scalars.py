"""Scalars: arithmetic on the step, schedules, random numbers.  Values were read from PyGlove 0.4.5."""

from __future__ import annotations

import math
import operator
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant import pyglove as pg

s = pg.scalars

OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
]  # fmt: skip


@given(st.sampled_from(OPERATORS), st.integers(-20, 20), st.integers(1, 20))
def test_arithmetic_is_that_of_numbers(op, x, y):
    assert op(s.Constant(x), y)(3) == op(x, y) == op(x, s.Constant(y))(3)


def test_powers_and_unary_operators():
    assert (s.STEP**2)(5) == 25
    assert (2**s.STEP)(5) == 32
    assert [(-s.STEP)(2), abs(s.Constant(-3))(0), s.Constant(1.6).floor()(0), s.Constant(1.2).ceil()(0)] == [
        -2,
        3,
        1,
        2,
    ]


def test_whatever_has_a_value_at_a_step_is_a_scalar():
    assert [s.make_scalar(one)(4) for one in (7, lambda step: step + 1, s.STEP)] == [7, 5, 4]
    assert s.scalar_value("fixed", 3) == "fixed"


def test_schedules():
    assert [s.linear(10, 1, 6)(step) for step in (0, 1, 10)] == [1, 1.5, 6]
    assert s.cosine_decay(10, end=0.1)(6) == pytest.approx(0.41094235253127376)
    assert [s.exponential_decay(0.2, 2)(step) for step in (1, 2, 4)] == pytest.approx([1.0, 0.2, 0.04])
    assert s.exponential_decay(0.2, 2, staircase=False)(1) == pytest.approx(math.sqrt(0.2))
    assert s.cyclic(10)(2) == pytest.approx(1.3090169943749475 / 2)
    assert s.log(16, s.STEP)(2) == pytest.approx(4)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 30))
def test_a_phase_counts_from_its_own_start_and_steps_may_be_asked_for_in_any_order(lengths, step):
    schedule = s.StepWise([(length, s.STEP) for length in lengths])
    expected = [i for length in lengths for i in range(length)] or [None]
    assert schedule(step) == expected[min(step, len(expected) - 1)]
    assert schedule(0) == expected[0]


@pytest.mark.parametrize(
    ("phases", "total_steps", "message"),
    [
        ([(0.5, 1)], None, "`total_steps` must be specified .* Given: 0.5; give total_steps="),
        ([(2, 1)], 10, "should be a float as a proportion .* Given: 2; write it as a float"),
        ([(0.0, 1)], 10, "sum of all proportions must be greater than 0"),
    ],
)
def test_lengths_that_do_not_go_together(phases, total_steps, message):
    with pytest.raises(ValueError, match=message):
        s.StepWise(phases, total_steps=total_steps)


def test_a_seed_gives_what_it_gives_in_pyglove():
    assert [s.Uniform(seed=1)(0), s.Uniform(1, 10, seed=1)(0)] == [0.13436424411240122, 3]
    assert [s.Triangular(0.0, 1.0, 0.9, seed=1)(0), s.Triangular(10, 20, seed=1)(0)] == [
        0.34774677525630787,
        12,
    ]
    assert s.Gaussian(1.0, 0.2, seed=1)(0) == 1.2576369506310927
    assert s.Normal(1.0, 0.2, seed=1)(0) == 1.1214911715287412
    assert s.LogNormal(1.0, 0.2, seed=1)(0) == 3.0694278358084994


def test_without_a_seed_pythons_random_decides():
    random.seed(5)
    first = s.Uniform()(0)
    random.seed(5)
    assert first == random.uniform(0.0, 1.0)


def test_bounds_in_the_wrong_order():
    with pytest.raises(
        ValueError, match=r"`low` must be less or equal than `high`. Given: low=10, high=1; swap them"
    ):
        s.Uniform(10, 1)
