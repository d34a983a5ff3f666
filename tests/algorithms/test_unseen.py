from __future__ import annotations

from random import Random

import pytest

from pliant.algorithms import Exhausted
from pliant.algorithms.unseen import draw_unseen
from pliant.space import choice, flatten, floating
from pliant.testing.algorithms import SPACES


def draw(space, seen, seed=0, near=None):
    return draw_unseen(space, Random(seed), lambda one: one.values in seen, count=len(seen), near=near)


@pytest.mark.parametrize("from_near", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_nothing_comes_twice_and_all_come(name, from_near):
    space = SPACES[name]()
    seen, near = set(), space.sample(0) if from_near else None
    for _ in range(int(min(space.size, 300))):
        one = draw(space, seen, len(seen), near)
        assert one.values not in seen
        seen.add(one.values)
    if space.size <= 300:
        with pytest.raises(Exhausted, match=rf"all {space.size} decision vectors of the space were proposed"):
            draw(space, seen)


def test_the_last_of_a_large_space_is_found():
    space = flatten([choice(f"x{i}", 10) for i in range(4)])
    seen = {one.values for one in space.iterate()} - {(1, 2, 3, 4)}
    assert draw(space, seen).values == (1, 2, 3, 4)


def test_very_narrow_floats_end():
    space = flatten([floating("x", 1.0, 1.0 + 2.0**-51)])
    seen = {(1.0 + step * 2.0**-52,) for step in range(3)}
    with pytest.raises(
        Exhausted, match=r"mutations in a row were all proposed before: .* floats are very narrow"
    ):
        draw(space, seen)
