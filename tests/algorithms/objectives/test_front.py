from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms.objectives import Member, ParetoFront, dominates, hypervolume, sort_fronts
from pliant.values.errors import RewardError

rewards = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=15
)


@given(rewards)
def test_the_members_are_the_first_front(told):
    front = ParetoFront()
    for place, reward in enumerate(told):
        was_member = front.add(reward, place)
        assert was_member == any(item == place for _, item in front)
    first = {told[i] for i in sort_fronts(told)[0]}
    assert {reward for reward, _ in front.members} == first
    assert len(front) == len(first)
    assert all(told.index(reward) == item for reward, item in front)  # of equals the first
    assert [m.reward for m in front] == sorted(first, reverse=True)
    for reward in told:
        assert front.dominated(reward) == any(dominates(other, reward) for other in told)
        assert (reward in front) == (reward in first)
    assert front.hypervolume((-1, -1, -1)) == hypervolume(told, (-1, -1, -1))


def test_one_objective_keeps_the_best():
    front = ParetoFront()
    assert [front.add(r, r) for r in (1, 3, 2, 3.0)] == [True, True, False, False]
    assert front.members == (Member((3.0,), 3),)
    assert repr(front) == "ParetoFront([Member(reward=(3.0,), item=3)])"


def test_bad_rewards_are_refused_and_change_nothing():
    front = ParetoFront()
    front.add((1, 2))
    for bad, message in (((1, 2, 3), "2 so far, now 3"), (5, "2 so far, now 1"), ((1, "x"), "number")):
        with pytest.raises(RewardError, match=message):
            front.add(bad)
        with pytest.raises(RewardError, match=message):
            front.dominated(bad)
    with pytest.raises(RewardError, match=r"number"):
        front.add((float("inf"), 1))
    assert len(front) == 1
