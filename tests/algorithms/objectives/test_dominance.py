from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms.objectives import crowding, dominates, sort_fronts
from pliant.algorithms.objectives.dominance import as_rewards
from pliant.values.errors import RewardError


@st.composite
def sets(draw, most=12):
    """Rewards of one to four objectives, with many ties."""
    size = draw(st.integers(1, 4))
    return draw(st.lists(st.tuples(*[st.integers(0, 4)] * size), min_size=1, max_size=most))


def published_fronts(rewards):
    """Section III-A of the paper as it stands there: who dominates whom, counted and peeled off."""
    n = len(rewards)
    count = [sum(dominates(other, mine) for other in rewards) for mine in rewards]
    fronts, front = [], [i for i in range(n) if count[i] == 0]
    while front:
        fronts.append(front)
        for p in front:
            for q in range(n):
                count[q] -= dominates(rewards[p], rewards[q])
        placed = {i for one in fronts for i in one}
        front = [i for i in range(n) if count[i] == 0 and i not in placed]
    return fronts


@given(sets())
def test_fronts_are_the_published_ones(rewards):
    assert sort_fronts(rewards) == published_fronts(rewards)


@given(sets())
def test_dominance_is_a_strict_partial_order(rewards):
    for a in rewards:
        assert not dominates(a, a)
        for b in rewards:
            assert not (dominates(a, b) and dominates(b, a))
            assert all(dominates(a, c) for c in rewards if dominates(a, b) and dominates(b, c))


def test_no_rewards_have_no_fronts():
    assert sort_fronts([]) == []
    assert crowding([]) == []


def test_crowding_is_the_published_one():
    # By hand: per objective (next - previous) / range, summed.
    assert crowding([(0, 10), (1, 6), (3, 5), (4, 0)]) == [
        math.inf,
        3 / 4 + 5 / 10,
        3 / 4 + 6 / 10,
        math.inf,
    ]
    assert crowding([(1, 2)]) == [0.0]
    assert crowding([(0, 1), (1, 0)]) == [math.inf, math.inf]
    assert crowding([(5, 0), (5, 1), (5, 3)]) == [math.inf, 1.0, math.inf]  # the first objective says nothing


@given(sets())
def test_crowding_does_not_depend_on_scale(rewards):
    scaled = [tuple(4 * r + 1 for r in reward) for reward in rewards]
    assert crowding(scaled) == pytest.approx(crowding(rewards))


def test_crowding_of_huge_numbers_is_finite():
    assert crowding([(-1.7e308,), (0.0,), (1.7e308,)]) == [math.inf, 1.0, math.inf]


def test_rewards_of_another_length_are_refused():
    assert as_rewards(2) == (2.0,)
    with pytest.raises(RewardError, match=r"2 so far, now 3 .*Give a tuple of 2 numbers each time"):
        as_rewards((1, 2, 3), 2)
    with pytest.raises(RewardError, match=r"got None. Leave out failed trials"):
        as_rewards(None)
