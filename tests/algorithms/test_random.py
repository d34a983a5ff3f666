from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import Exhausted, Random
from pliant.algorithms.random import Permutation
from pliant.space import choice, flatten, floating
from pliant.testing.algorithms import SPACES
from pliant.values.errors import LoadError, SpaceError

NESTED = flatten([choice("x", [None, choice("y", 9)])])  # 10 vectors, one of them under the first candidate


def draw(algorithm, space, count):
    algorithm.setup(space)
    return [algorithm.propose().values for _ in range(count)]


def test_each_decision_is_uniform_by_default():
    counts = Counter(values[0] for values in draw(Random(), NESTED, 4000))
    assert abs(counts[0] - 2000) < 5 * 32


def test_uniform_draws_every_vector_alike():
    counts = Counter(draw(Random(uniform=True), NESTED, 4000))
    assert len(counts) == 10
    assert all(abs(count - 400) < 5 * 20 for count in counts.values())


def test_without_replacement_the_first_proposal_is_uniform_over_seeds():
    counts = Counter(draw(Random(seed, replace=False), NESTED, 1)[0] for seed in range(2000))
    assert len(counts) == 10
    assert all(abs(count - 200) < 5 * 14 for count in counts.values())


def test_without_replacement_every_vector_comes_once():
    space = SPACES["repeated"]()
    algorithm = Random(3, replace=False)
    assert sorted(draw(algorithm, space, space.size)) == [d.values for d in space.iterate()]
    with pytest.raises(Exhausted, match=rf"all {space.size} decision vectors of the space were proposed"):
        algorithm.propose()


def test_without_replacement_the_state_is_a_counter_whatever_the_size():
    algorithm = Random(replace=False)
    assert len(set(draw(algorithm, SPACES["huge"](), 500))) == 500
    assert algorithm.state()["own"] == {"count": 500}
    assert algorithm.state()["random"] is None


@pytest.mark.parametrize("count", [-1, 9, "x", None])
def test_a_tampered_counter_is_refused(count):
    algorithm = Random(replace=False)
    algorithm.setup(SPACES["small"]())
    with pytest.raises(LoadError, match="this Random cannot be restored"):
        algorithm.restore({**algorithm.state(), "own": {"count": count}})


def test_without_replacement_needs_a_finite_space():
    with pytest.raises(
        SpaceError, match=r"finite space, and this one has a float.*Deduplicate\(Random\(\)\)"
    ):
        Random(replace=False).setup(flatten([floating("x", 0, 1)]))


@given(st.integers(1, 500), st.text(max_size=4))
def test_a_permutation_is_one(size, key):
    shuffle = Permutation(size, key)
    assert sorted(map(shuffle, range(size))) == list(range(size))


@given(st.integers(1, 10**60), st.integers(0), st.text(max_size=4))
def test_a_permutation_of_any_size_stays_in_range(size, index, key):
    shuffle = Permutation(size, key)
    a, b = index % size, (index * 7 + 1) % size
    assert 0 <= shuffle(a) < size
    assert (shuffle(a) == shuffle(b)) == (a == b)


def test_permutations_of_three_are_all_drawn_alike():
    counts = Counter(tuple(map(Permutation(3, str(key)), range(3))) for key in range(3000))
    assert len(counts) == 6
    assert all(abs(count - 500) < 5 * 21 for count in counts.values())
