from __future__ import annotations

import pytest

from pliant.algorithms import Exhausted, Sweep
from pliant.space import flatten, floating
from pliant.testing.algorithms import FINITE, SPACES
from pliant.values.errors import LoadError, SpaceError


@pytest.mark.parametrize("name", FINITE)
def test_goes_through_the_space_in_order(name):
    space = SPACES[name]()
    algorithm = Sweep()
    algorithm.setup(space)
    count = min(int(space.size), 300)
    found = [algorithm.propose() for _ in range(count)]
    assert found == [space.unrank(i) for i in range(count)]
    if count == space.size:
        with pytest.raises(Exhausted, match=rf"all {count} decision vectors"):
            algorithm.propose()


def test_resumes_anywhere_at_once():
    space = SPACES["huge"]()
    first, second = Sweep(), Sweep()
    first.setup(space)
    second.setup(space)
    state = first.state()
    state["own"]["index"] = 10**40
    second.restore(state)
    assert second.propose() == space.unrank(10**40)
    assert second.state()["own"] == {"index": 10**40 + 1}


def test_resumes_at_the_end():
    space = SPACES["two"]()
    first, second = Sweep(), Sweep()
    first.setup(space)
    second.setup(space)
    for _ in range(2):
        first.propose()
    second.restore(first.state())
    with pytest.raises(Exhausted, match="all 2 decision vectors"):
        second.propose()


def test_an_index_outside_the_space_is_refused():
    algorithm = Sweep()
    algorithm.setup(SPACES["two"]())
    state = algorithm.state()
    for index in (3, -1, "x"):
        state["own"] = {"index": index}
        with pytest.raises(LoadError, match="this Sweep cannot be restored"):
            algorithm.restore(state)
    assert algorithm.propose().values == (0,)


def test_needs_a_finite_space():
    with pytest.raises(
        SpaceError, match=r"Sweep needs a finite space, and this one has a float.*or use Random"
    ):
        Sweep().setup(flatten([floating("x", 0, 1)]))
