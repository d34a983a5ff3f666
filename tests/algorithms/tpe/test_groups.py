"""Kernels of picks that share a rule: exact, by counting."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from random import Random

import pytest

from pliant.algorithms.tpe.groups import Bag, make_rule

RULES = {
    "set": make_rule(5, 3, distinct=True, ordered=True),
    "whole set": make_rule(3, 3, distinct=True, ordered=True),
    "bag": make_rule(3, 4, distinct=False, ordered=True),
    "row": make_rule(5, 3, distinct=True, ordered=False),
    "permutation": make_rule(4, 4, distinct=True, ordered=False),
}


def every(rule):
    """Returns all picks that the rule allows."""
    if not isinstance(rule, Bag):
        found = itertools.permutations(range(rule.count), rule.picks)
    elif rule.most == 1:
        found = itertools.combinations(range(rule.count), rule.picks)
    else:
        found = itertools.combinations_with_replacement(range(rule.count), rule.picks)
    return [list(picks) for picks in found]


def chance(rule, picks, centre, bandwidth):
    law = rule.overlaps(centre, bandwidth)
    shared = len(set(rule.marks(picks)) & set(rule.marks(centre)))
    return math.exp(law.log_ratio * shared + law.log_scale) / len(every(rule))


@pytest.mark.parametrize("bandwidth", [0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("name", RULES)
def test_a_kernel_sums_to_one_and_changes_as_much_as_it_should(name, bandwidth):
    rule = RULES[name]
    for centre in every(rule)[::7]:
        chances = {tuple(picks): chance(rule, picks, centre, bandwidth) for picks in every(rule)}
        assert sum(chances.values()) == pytest.approx(1)
        marks = set(rule.marks(centre))
        changed = {picks: rule.picks - len(marks & set(rule.marks(list(picks)))) for picks in chances}
        uniform = sum(changed.values()) / len(changed)
        assert sum(chances[p] * changed[p] for p in chances) == pytest.approx(bandwidth * uniform, abs=1e-9)
        assert max(chances.values()) == pytest.approx(chances[tuple(centre)])


@pytest.mark.parametrize("name", RULES)
def test_draws_follow_the_kernel(name):
    rule, random = RULES[name], Random(1)
    for centre in (every(rule)[0], every(rule)[len(every(rule)) // 2]):
        counts = Counter(tuple(rule.draw_near(centre, 0.4, random)) for _ in range(4000))
        for picks in every(rule):
            wanted = chance(rule, picks, centre, 0.4)
            assert abs(counts.pop(tuple(picks), 0) / 4000 - wanted) < 5 * math.sqrt(wanted / 4000) + 1e-9
        assert not counts


@pytest.mark.parametrize("name", RULES)
def test_draws_without_a_centre_are_uniform(name):
    rule, random = RULES[name], Random(2)
    counts = Counter(tuple(rule.draw(random)) for _ in range(4000))
    wanted = 4000 / len(every(rule))
    assert counts.keys() == {tuple(picks) for picks in every(rule)}
    assert all(abs(count - wanted) < 5 * math.sqrt(wanted) for count in counts.values())


@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_large_groups(distinct, ordered):
    rule, random = make_rule(60, 30, distinct=distinct or not ordered, ordered=ordered), Random(3)
    centre = rule.draw(random)
    drawn = rule.draw_near(centre, 0.1, random)
    assert len(drawn) == 30
    assert len(set(rule.marks(drawn)) & set(rule.marks(centre))) > 15


def test_a_long_permutation():
    rule, random = make_rule(150, 150, distinct=True, ordered=False), Random(4)
    drawn = rule.draw_near(list(range(150)), 0.1, random)
    assert sorted(drawn) == list(range(150))
    assert sum(a == b for a, b in enumerate(drawn)) > 100
