from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms.objectives import hypervolume
from pliant.values.errors import RewardError


@st.composite
def cases(draw):
    size = draw(st.integers(1, 4))
    most = {1: 6, 2: 8, 3: 8, 4: 6}[size]
    one = st.tuples(*[st.integers(-1, 5)] * size)
    return draw(st.lists(one, max_size=most)), size


def count_cells(rewards, size):
    """The volume on a grid of unit cells above the origin, counted one by one."""
    return sum(
        any(all(corner < r for corner, r in zip(cell, reward, strict=True)) for reward in rewards)
        for cell in itertools.product(range(5), repeat=size)
    )


@given(cases())
def test_it_is_what_counting_cells_gives(case):
    rewards, size = case
    assert hypervolume(rewards, (0,) * size) == count_cells(rewards, size)


@given(cases(), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(case, random):
    rewards, size = case
    again = [*rewards, *rewards[:2]]
    random.shuffle(again)
    assert hypervolume(again, (0,) * size) == hypervolume(rewards, (0,) * size)


@given(cases(), st.integers(1, 5))
def test_more_rewards_never_cover_less(case, more):
    rewards, size = case
    assert hypervolume([*rewards, (more,) * size], (0,) * size) >= hypervolume(rewards, (0,) * size)


def test_five_objectives():
    front = [tuple(3.0 if i == j else 1.0 for j in range(5)) for i in range(5)]
    assert hypervolume(front, (0,) * 5) == 5 * 3 - 4  # five arms of length three that share a unit cube


def test_what_does_not_pass_the_reference_adds_nothing():
    assert hypervolume([], (0, 0)) == 0.0
    assert hypervolume([(5, 0), (0, 5), (-1, 9)], (0, 0)) == 0.0
    assert hypervolume([(2, 2)], (1, 1)) == 1.0


def test_lengths_must_agree():
    with pytest.raises(RewardError, match=r"reference point has 2 objectives, the reward .* has 3"):
        hypervolume([(1, 2, 3)], (0, 0))
    with pytest.raises(RewardError, match="number"):
        hypervolume([(1, float("nan"))], (0, 0))
