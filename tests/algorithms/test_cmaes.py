"""CMA-ES by the package cmaes: passes the suite, converges, restarts, and is valid in any space."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import Algorithm
from pliant.algorithms.cmaes import CMAES, to_values
from pliant.space import Decisions, choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES, AlgorithmSuite
from pliant.values.errors import FieldValueError, LoadError

NUMBERS = flatten([floating("x", 1e-4, 1, scale="log"), floating("y", -1, 1), integer("n", 1, 50)])
GROUPS = flatten(
    [choice("set", [None, integer("k", 1, 3), None], picks=2, sorted=True), choice("row", 3, picks=3)]
)


def ready(**options):
    algorithm = CMAES(**options)
    algorithm.setup(NUMBERS)
    return algorithm


def distance(decisions):
    x, y, n = decisions.values
    return -((x - 0.01) ** 2) - (y - 0.3) ** 2 - ((n - 20) / 50) ** 2


class TestCmaes(AlgorithmSuite):
    trials = 24  # a state is replayed

    def make(self, seed: int) -> Algorithm:
        return CMAES(4, seed=seed)


@given(st.lists(st.floats(0, 1), min_size=15, max_size=15), st.sampled_from(sorted(SPACES)))
def test_any_place_is_a_valid_vector(units, name):
    for space in (GROUPS, SPACES[name]()):
        units = (units * len(space.points))[: max(len(space.points), 2)]
        values = to_values(space, units)
        assert space.validate(values) == Decisions(space, values)


def test_it_converges_and_restarts_with_twice_the_population():
    algorithm = ready(seed=1)
    first = algorithm._strategy.population_size
    sizes = set()
    for _ in range(1500):
        decisions = algorithm.propose()
        algorithm.feedback(decisions, distance(decisions))
        sizes.add(algorithm._strategy.population_size)
    assert sizes >= {first, 2 * first}


def test_failures_count_as_the_worst():
    algorithm = ready(population_size=6, seed=2)
    for _ in range(200):
        decisions = algorithm.propose()
        algorithm.feedback(decisions, distance(decisions) if decisions.values[1] > 0 else None)
    assert sum(algorithm.propose().values[1] > 0 for _ in range(20)) > 15


def test_a_state_of_other_arguments_is_refused():
    algorithm, other = ready(seed=1), ready(sigma=0.5)
    algorithm.propose()
    with pytest.raises(LoadError, match=r"proposal 1 was .* and is now"):
        other.restore(algorithm.state())
    with pytest.raises(FieldValueError, match="sigma"):
        CMAES(sigma=2.0)
