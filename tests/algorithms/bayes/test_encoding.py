"""Decisions as vectors: the squared distances are what the docstring says, for every kind of decision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms.bayes.encoding import Encoding
from pliant.space import choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES


def squares(space, *vectors):
    """Returns the squared distances of the first vector from all."""
    rows = Encoding(space).encode([space.parse(list(values)) for values in vectors])
    return [round(float(x), 9) for x in np.square(rows - rows[0]).sum(1)]


def test_choices_count_how_many_differ():
    space = flatten([choice("a", 3), choice("b", 5), choice("c", 2)])
    assert squares(space, (0, 0, 0), (1, 0, 0), (2, 0, 0), (1, 4, 1)) == [0, 1, 1, 3]


def test_independent_picks_are_choices():
    space = flatten([choice("a", 3, picks=2, distinct=False)])
    assert squares(space, (0, 1), (1, 0), (0, 2)) == [0, 2, 1]


def test_numbers_and_ordered_choices_have_places():
    space = flatten(
        [choice("k", 3, values=(3, 5, 7)), integer("n", 1, 4), floating("x", 0.01, 1, scale="log")]
    )
    assert squares(space, (0, 1, 1.0), (1, 1, 1.0), (2, 1, 1.0)) == [0, 1.5, 6]
    assert squares(space, (0, 1, 1.0), (0, 2, 1.0)) == [0, 6 / 16]
    assert squares(space, (0, 1, 1.0), (0, 1, 0.1)) == [0, 1.5]


def test_two_random_floats_are_at_distance_1_on_average():
    space = flatten([floating("x", 0, 1)])
    rows = Encoding(space).encode([space.sample(seed) for seed in range(2000)])
    assert np.square(rows[:1000] - rows[1000:]).mean() == pytest.approx(1.0, rel=0.1)


def test_inactive_is_like_inactive_only():
    space = flatten([choice("op", [None, choice("act", 3), None])])
    #                  inactive, another inactive, and two that are active
    assert squares(space, (0,), (2,), (1, 0), (1, 1)) == [0, 1, 2, 2]
    assert squares(space, (1, 0), (1, 1)) == [0, 1]
    space = flatten([choice("op", [None, floating("x", 0, 1)])])
    away = squares(space, (0,), (1, 0.5), (1, 0.0), (1, 1.0))
    assert away[1] == 2
    assert away[2] == away[3] == 3.5


def test_sorted_picks_are_sets():
    space = flatten([choice("e", 5, picks=3, sorted=True)])
    assert squares(space, (0, 1, 2), (0, 1, 4), (0, 3, 4), (1, 2, 3)) == [0, 1, 2, 1]


def test_sorted_picks_with_repetition_are_counts():
    space = flatten([choice("e", 3, picks=2, distinct=False, sorted=True)])
    assert squares(space, (0, 0), (0, 1), (1, 1), (2, 2)) == [0, 1, 4, 4]


def test_distinct_picks_are_sets_in_an_order():
    space = flatten([choice("e", 5, picks=2)])
    assert squares(space, (0, 1), (1, 0), (0, 2), (2, 3)) == [0, 2, 2, 4]


def test_permutations_count_pairs_in_another_order_and_places():
    space = flatten([choice("p", 4, picks=4)])
    # One pair of six and two places; all pairs and all places.
    assert squares(space, (0, 1, 2, 3), (1, 0, 2, 3), (3, 2, 1, 0)) == [0, round(1 / 6 + 2, 9), 5]


def test_points_below_a_distinct_pick_are_the_same_in_any_pick():
    space = flatten([choice("l", [integer("u", 1, 8), integer("v", 1, 8), None], picks=2)])
    encoding = Encoding(space)
    same = encoding.encode([space.parse([0, 3, 2]), space.parse([2, 0, 3])])
    other = encoding.encode([space.parse([0, 3, 2]), space.parse([2, 0, 8])])
    assert np.square(same[0] - same[1]).sum() == pytest.approx(2.0)  # both places, nothing else
    assert np.square(other[0] - other[1]).sum() > 2.1


def test_ordered_picks_under_a_rule_are_picks():
    space = flatten([choice("e", 4, values=(1, 2, 3, 4), picks=2, sorted=True)])
    assert squares(space, (0, 1), (0, 3), (2, 3)) == [0, 1, 2]


def test_holes_with_the_same_candidates_share_candidate_weights():
    ops = ["conv", "pool"]
    space = flatten([choice("a", 2, literals=ops), choice("b", 2, literals=ops), choice("c", 2)])
    encoding = Encoding(space)
    assert (encoding.holes, encoding.candidates) == (3, 4)
    assert encoding.hole.tolist() == [0, 0, 1, 1, 2, 2]
    assert encoding.candidate.tolist() == [0, 1, 0, 1, 2, 3]


@pytest.mark.parametrize("name", SPACES)
@given(seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
def test_equal_decisions_and_only_they_have_equal_features(name, seeds):
    space = SPACES[name]()
    encoding = Encoding(space)
    many = [space.sample(seed) for seed in seeds]
    rows = encoding.encode(many)
    assert rows.shape == (len(many), encoding.width)
    for i, one in enumerate(many):
        assert (rows[i] == encoding.encode([one])[0]).all()
        for j, other in enumerate(many):
            assert (rows[i] == rows[j]).all() == (one == other)


@pytest.mark.parametrize("name", ["flat", "huge", "continuous"])
def test_the_fast_way_and_the_slow_way_agree(name):
    space = SPACES[name]()
    encoding = Encoding(space)
    many = [space.sample(seed) for seed in range(20)]
    fast = encoding.encode(many)
    encoding._plain = False
    assert (fast == encoding.encode(many)).all()


def test_nothing_to_encode():
    assert Encoding(flatten([])).encode([flatten([]).sample(0)]).shape == (1, 0)
    assert Encoding(SPACES["flat"]()).encode([]).shape == (0, 78)
