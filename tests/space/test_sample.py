"""Sampling: seeds, both distributions, scales, and its cost."""

from __future__ import annotations

import math
import statistics
import timeit
from collections import Counter
from random import Random

import pytest

from pliant.space import choice, flatten, floating, from_unit, integer, to_unit
from pliant.values.errors import SpaceError


def chi_square(counts, expected):
    return sum((counts[key] - mean) ** 2 / mean for key, mean in expected.items())


def draws(space, number, **options):
    rng = Random(5)
    return Counter(space.sample(rng, **options).values for _ in range(number))


MULTISET = flatten([choice("x", 3, picks=2, distinct=False, sorted=True)])


def test_uniform_sampling_is_uniform_over_distinct_decisions():
    counts = draws(MULTISET, 6000, uniform=True)
    assert set(counts) == {d.values for d in MULTISET.iterate()}
    assert chi_square(counts, dict.fromkeys(counts, 1000)) < 15.1  # 99 % of chi-square with 5 degrees


def test_uniform_choices_are_not_uniform_over_sorted_multisets():
    expected = {d.values: 6000 / 9 * (1 if d.values[0] == d.values[1] else 2) for d in MULTISET.iterate()}
    assert chi_square(draws(MULTISET, 6000), expected) < 15.1


def test_uniform_sampling_sees_what_lies_below():
    space = flatten([choice("op", [None, integer("k", 1, 9)])])
    assert draws(space, 10000, uniform=True)[(0,)] == pytest.approx(1000, abs=120)
    assert draws(space, 10000)[(0,)] == pytest.approx(5000, abs=200)


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize("uniform", [False, True])
def test_distinct_picks_are_drawn_evenly(sort, uniform):
    space = flatten([choice("x", 4, picks=2, sorted=sort)])
    counts = draws(space, 6000, uniform=uniform)
    assert len(counts) == space.size
    assert chi_square(counts, dict.fromkeys(counts, 6000 / space.size)) < 24.8  # 99 % with 11 degrees


def test_uniform_sampling_with_floats_is_uniform_over_the_rest():
    space = flatten([choice("x", [None, [integer("n", 1, 3), floating("f", 1e-4, 1, scale="log")]])])
    drawn = [space.sample(seed, uniform=True) for seed in range(400)]
    assert sum(len(d) == 1 for d in drawn) == pytest.approx(100, abs=30)
    assert statistics.median(d["x[=1/2].f"] for d in drawn if len(d) > 1) == pytest.approx(0.01, rel=0.5)


@pytest.mark.parametrize(
    ("hole", "median"),
    [
        (floating("f", 1e-6, 1, scale="log"), 1e-3),
        (floating("f", 1, 1001, scale="rlog"), 970.4),
        (floating("f", 0, 1), 0.5),
        (integer("f", 1, 1024, scale="log"), 32),
        (integer("f", 8, 1024, scale="log", step=8), 90),
        (integer("f", 1, 1024, scale="rlog"), 993),
        (integer("f", 1, 1024), 512),
        (integer("f", 0, 10**15), 5e14),
    ],
)
def test_medians_follow_the_scale(hole, median):
    space = flatten([hole])
    rng = Random(1)
    drawn = [space.sample(rng).values[0] for _ in range(2000)]
    assert statistics.median(drawn) == pytest.approx(median, rel=0.3 if hole.point.scale == "log" else 0.05)


@pytest.mark.parametrize("scale", ["linear", "log", "rlog"])
@pytest.mark.parametrize("step", [1, 3, 7])
def test_every_integer_has_its_place_on_the_scale(scale, step):
    point = integer("n", 1, 60, scale=scale, step=step).point
    values = list(range(1, 61, step))
    units = [to_unit(point, value) for value in values]
    assert [from_unit(point, unit) for unit in units] == values
    assert units == sorted(units)
    assert 0 < units[0] < units[-1] < 1
    assert (from_unit(point, 0.0), from_unit(point, 1.0)) == (values[0], values[-1])


def test_big_integers_have_their_place_on_a_log_scale():
    point = integer("n", 1, 10**6, scale="log").point
    for value in [*range(1, 100), 999, 1000, 1001, 31622, 999999, 10**6]:
        assert from_unit(point, to_unit(point, value)) == value


@pytest.mark.parametrize("scale", ["linear", "log", "rlog"])
def test_floats_have_their_place_on_the_scale(scale):
    point = floating("f", 0.001, 10, scale=scale).point
    for value in (0.001, 0.002, 0.5, 9.5, 10.0):
        assert from_unit(point, to_unit(point, value)) == pytest.approx(value)
    assert (to_unit(point, 0.001), to_unit(point, 10)) == (0, 1)
    assert to_unit(floating("f", 2, 2).point, 2) == 0.5


def test_extreme_floats_stay_in_range():
    space = flatten([floating("f", -1e10, 1e-10), floating("g", 1e-300, 1e300, scale="log")])
    rng = Random(0)
    for _ in range(200):
        assert space.validate(space.sample(rng).values)


def test_none_is_seed_0_and_generators_go_on():
    space = flatten([choice("x", 1000), floating("y", 0, 1)])
    assert space.sample() == space.sample(0) == space.sample(Random(0))
    rng = Random(0)
    assert space.sample(rng) != space.sample(rng)


@pytest.mark.parametrize("seed", [1.5, "1", True])
def test_what_is_no_seed(seed):
    with pytest.raises(
        SpaceError, match=r"seed must be a whole number, a random\.Random, or None for seed 0; got"
    ):
        MULTISET.sample(seed)


def test_sampled_values_do_not_change_between_versions():
    space = flatten(
        [
            choice("op", [None, [choice("k", 3), floating("p", 0, 1)], choice("", 2)]),
            choice("x", [integer("n", 1, 64, scale="log"), None, None], picks=2),
        ]
    )
    assert [space.sample(seed).values for seed in (1, 2, 3)] == [
        (0, 2, 0, 2),
        (2, 1, 0, 32, 1),
        (0, 1, 0, 12),
    ]


def test_deep_nesting():
    hole = choice("", 2)
    for _ in range(100):
        hole = choice("", [None, hole])
    space = flatten([hole])
    assert space.size == 102
    assert len({space.sample(seed, uniform=True).values for seed in range(300)}) > 90
    assert list(space.iterate()) == [space.unrank(i) for i in range(102)]


def test_sampling_costs_what_plain_python_costs():
    space = flatten([choice(f"x{i}", 3) for i in range(26)])
    rng = Random(0)
    random = rng.random

    def plain():
        return tuple([int(random() * 3) for _ in range(26)])

    best = min(timeit.repeat(lambda: space.sample(rng), number=200, repeat=20))
    bar = min(timeit.repeat(plain, number=200, repeat=20))
    assert best < 3 * bar
    assert math.isfinite(best)
