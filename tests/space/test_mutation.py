"""Mutation, neighbours and recombination: what changes, what stays, and how far."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from random import Random

import pytest

from pliant.space import choice, flatten, floating, integer, mutate, neighbours, recombine, to_unit
from pliant.values.errors import DecisionError, SpaceError


def mutants(space, values, number=600):
    rng = Random(3)
    return Counter(mutate(space.parse(values), rng).values for _ in range(number))


def test_each_active_decision_is_as_likely():
    space = flatten([choice("a", 2), choice("b", 4), choice("c", [choice("d", 2), None])])
    counts = mutants(space, [0, 0, 1], 3000)
    assert counts[1, 0, 1] == pytest.approx(1000, abs=120)
    assert counts[0, 1, 1] == pytest.approx(333, abs=80)
    assert counts[0, 0, 0, 0] == pytest.approx(500, abs=90)
    assert len(counts) == 6


def test_what_cannot_change_is_passed_over():
    space = flatten(
        [choice("a", 1), choice("b", 3, picks=3, sorted=True), floating("c", 1, 1), choice("d", 2)]
    )
    assert set(mutants(space, [0, 0, 1, 2, 1.0, 0])) == {(0, 0, 1, 2, 1.0, 1)}


@pytest.mark.parametrize(
    "space",
    [
        flatten([]),
        flatten([choice("a", [choice("b", 1)])]),
        flatten([choice("x", 3, picks=3, sorted=True), integer("n", 2, 3, step=2), floating("f", 1, 1)]),
        flatten([choice("x", 1, picks=3, distinct=False, sorted=True)]),
    ],
)
def test_a_space_of_one_element(space):
    with pytest.raises(SpaceError, match=r"nothing can be mutated: .* has only one element. Add candidates"):
        mutate(space.sample(1), 1)
    assert list(neighbours(space.sample(1))) == []


def test_the_rest_is_kept():
    space = flatten(
        [choice("a", [None, [choice("k", 9), floating("p", 0, 1)]]), choice("b", 9), floating("c", 0, 1)]
    )
    start = space.parse([1, 5, 0.25, 7, 0.75])
    for seed in range(50):
        before, after = start.to_dict(), mutate(start, seed).to_dict()
        changed = [path for path in after if after[path] != before.get(path)]
        if after["a"] == 0:
            assert changed == ["a"]
        else:
            assert len(changed) == 1


def test_permutations_swap():
    space = flatten([choice("x", 4, picks=4)])
    counts = mutants(space, [0, 1, 2, 3])
    assert len(counts) == 6
    assert all(sum(a != b for a, b in zip(row, (0, 1, 2, 3))) == 2 for row in counts)


def test_swapped_picks_take_along_what_is_below():
    space = flatten([choice("x", [integer("n", 5, 5), None], picks=2)])
    assert set(mutants(space, [0, 5, 1])) == {(1, 0, 5)}


def test_distinct_picks_take_an_unused_candidate():
    counts = mutants(flatten([choice("x", 4, picks=2)]), [0, 1])
    assert set(counts) == {(2, 1), (3, 1), (0, 2), (0, 3)}


def test_sorted_picks_are_put_in_order_with_what_is_below():
    space = flatten([choice("x", [integer("n", 1, 9), integer("n", 1, 9), None], picks=2, sorted=True)])
    start = space.parse([0, 7, 2])
    found = set(mutants(space, start.values, 2000))
    assert {row for row in found if row[0] == 0 and row[2] == 2} == {
        (0, n, 2) for n in range(1, 10) if n != 7
    }
    assert {row for row in found if row[:2] == (0, 7) and row[2] == 1} == {(0, 7, 1, n) for n in range(1, 10)}
    assert {row for row in found if row[0] == 1} == {(1, n, 2) for n in range(1, 10)}


def test_multisets_stay_sorted():
    counts = mutants(flatten([choice("x", 3, picks=2, distinct=False, sorted=True)]), [1, 1])
    assert set(counts) == {(0, 1), (1, 2)}


@pytest.mark.parametrize("hole", [floating("f", 1e-6, 1, scale="log"), integer("f", 1, 10**6, scale="log")])
def test_numbers_move_on_their_scale(hole):
    point, space = hole.point, flatten([hole])
    middle = space.parse([0.001 if hole.point.kind == "float" else 1000])
    rng = Random(0)
    moved = [mutate(middle, rng).values[0] for _ in range(2000)]
    assert middle.values[0] not in moved
    units = [to_unit(point, value) for value in moved]
    assert statistics.median(units) == pytest.approx(0.5, abs=0.05)
    near = sum(abs(unit - 0.5) <= 0.2 for unit in units)
    assert near == pytest.approx(2000 * (0.5 + 0.5 * 0.4), abs=120)  # half by a local step, half anew


def test_numbers_at_the_edge_stay_inside():
    space = flatten([integer("n", 1, 3), floating("f", 0, 1)])
    for seed in range(200):
        for values in ([1, 0.0], [3, 1.0]):
            assert space.validate(mutate(space.parse(values), seed).values)


def test_the_narrowest_ranges_change():
    high = math.nextafter(1.0, 2.0)
    space = flatten([floating("f", 1.0, high)])
    assert mutate(space.parse([1.0]), 1).values == (high,)
    assert mutate(space.parse([high]), 1).values == (1.0,)
    two = flatten([integer("n", 1, 10**9, scale="log", step=10**9 - 1)])
    assert mutate(two.parse([1]), 1).values == (10**9,)


def near(space, values):
    return [d.values for d in neighbours(space.parse(values))]


def test_neighbours_of_choices_and_numbers():
    space = flatten([choice("a", [None, choice("k", 1)]), integer("n", 2, 6, step=2), floating("f", 0, 1)])
    assert near(space, [0, 4, 0.5]) == [(1, 0, 4, 0.5), (0, 2, 0.5), (0, 6, 0.5)]


def test_neighbours_of_big_integers():
    assert near(flatten([integer("n", 1, 1000)]), [500]) == [(400,), (499,), (501,), (600,)]
    assert near(flatten([integer("n", 1, 1000)]), [1]) == [(2,), (101,)]
    assert near(flatten([integer("n", 1, 10**6, scale="log")]), [1000]) == [(251,), (999,), (1001,), (3983,)]


@pytest.mark.parametrize(
    ("rule", "values", "found"),
    [
        ({}, [0, 1], {(2, 1), (0, 2), (1, 0)}),
        ({"sorted": True}, [0, 1], {(1, 2), (0, 2)}),
        ({"distinct": False}, [1, 1], {(0, 1), (2, 1), (1, 0), (1, 2)}),
        ({"distinct": False, "sorted": True}, [1, 1], {(0, 1), (1, 2)}),
    ],
)
def test_neighbours_of_picks(rule, values, found):
    rows = near(flatten([choice("x", 3, picks=2, **rule)]), values)
    assert set(rows) == found
    assert len(rows) == len(found)


def test_children_mix_their_parents():
    space = flatten([choice(f"x{i}", 2) for i in range(8)])
    zeros, ones = space.parse([0] * 8), space.parse([1] * 8)
    counts = [sum(recombine(zeros, ones, seed)) for seed in range(300)]
    assert statistics.mean(counts) == pytest.approx(4, abs=0.3)
    assert len(set(counts)) > 5


def test_children_follow_the_parent_that_has_the_branch():
    space = flatten([choice("a", [choice("k", 50), choice("k", 50)])])
    a, b = space.parse([0, 7]), space.parse([1, 9])
    assert {recombine(a, b, seed).values for seed in range(40)} == {(0, 7), (1, 9)}


def test_children_of_picks_keep_the_rule_and_what_is_below():
    space = flatten([choice("x", [integer("n", 1, 99) for _ in range(4)], picks=3, sorted=True)])
    a, b = space.parse([0, 10, 1, 11, 2, 12]), space.parse([1, 21, 2, 22, 3, 23])
    below = {0: {10}, 1: {11, 21}, 2: {12, 22}, 3: {23}}
    seen = set()
    for seed in range(200):
        values = space.validate(recombine(a, b, seed).values).values
        assert all(n in below[c] for c, n in zip(values[::2], values[1::2]))
        seen.add(values[::2])
    assert seen == {(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)}


def test_children_of_permutations_are_permutations():
    space = flatten([choice("x", 6, picks=6)])
    rng = Random(0)
    for _ in range(200):
        child = recombine(space.sample(rng), space.sample(rng), rng)
        assert sorted(child.values) == list(range(6))


def test_parents_are_of_one_space():
    with pytest.raises(DecisionError, match="the parents are decisions of different spaces"):
        recombine(flatten([choice("a", 2)]).sample(), flatten([choice("b", 2)]).sample())
