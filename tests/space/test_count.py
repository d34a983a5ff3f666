"""Sizes: against counting by hand, and in polynomial time."""

from __future__ import annotations

import math
from itertools import combinations, combinations_with_replacement, permutations, product

import pytest

from pliant.space import choice, flatten, floating, integer

RULES = {
    (True, False): lambda n, k: permutations(range(n), k),
    (True, True): lambda n, k: combinations(range(n), k),
    (False, False): lambda n, k: product(range(n), repeat=k),
    (False, True): lambda n, k: combinations_with_replacement(range(n), k),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("below", [(1, 1, 1, 1), (2, 2, 2, 2), (1, 3, 2, 5), (4, 1, 1, 2)])
@pytest.mark.parametrize("picks", [1, 2, 3, 4])
def test_size_of_picks_with_numbers_below(rule, below, picks):
    candidates = [integer("n", 1, size) for size in below]
    space = flatten([choice("x", candidates, picks=picks, distinct=rule[0], sorted=rule[1])])
    by_hand = sum(math.prod(below[c] for c in row) for row in RULES[rule](4, picks))
    assert space.size == by_hand
    assert [space.unrank(i) for i in range(0, by_hand, 7)] == list(space.iterate())[::7]
    if below == (1, 1, 1, 1) and picks > 1:
        rows = [d.values[::2] for d in space.iterate()]
        assert rows == sorted(RULES[rule](4, picks))


def test_size_is_exact_and_at_once():
    assert flatten([choice("x", 22, picks=11, sorted=True)]).size == 705432
    assert flatten([choice("x", 60, picks=30)]).size == math.perm(60, 30)
    assert flatten([choice(f"x{i}", 7) for i in range(100)]).size == 7**100
    uneven = flatten([choice("x", [integer("", 1, i + 1) for i in range(60)], picks=30)])
    assert uneven.rank(uneven.unrank(uneven.size - 1)) == uneven.size - 1
    assert uneven.rank(uneven.unrank(uneven.size // 3)) == uneven.size // 3


def test_size_of_numbers():
    assert flatten([integer("a", -3, 3), integer("b", 1, 10, step=4)]).size == 21
    assert flatten([floating("a", 0, 1)]).size == math.inf
    assert flatten([choice("x", [None, floating("a", 0, 1)]), choice("y", 10**4, picks=2)]).size == math.inf
    assert flatten([floating("a", 1, 1)]).size == 1
    assert [d.values for d in flatten([floating("a", 1, 1), integer("b", 1, 2)]).iterate()] == [
        (1.0, 1),
        (1.0, 2),
    ]
