"""Evolution after the sensitivities: never worse, within the limits, the same for the same seed."""

from __future__ import annotations

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant import oneshot
from pliant.oneshot.pruning.evolution import evolve, mutate
from pliant.space import choice, flatten
from pliant.values.errors import FieldValueError

from .conftest import make


def make_space(points, count):
    return flatten([choice(f"p{i}", count, values=tuple(range(1, count + 1))) for i in range(points)])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(2, 4))
def test_never_worse_and_within_limits(seed, points, count):
    space = make_space(points, count)
    start = space.sample(seed)
    wanted = space.sample(seed + 1).to_dict()

    def damage(decisions):
        return sum(value != wanted[path] for path, value in decisions.to_dict().items())

    def repair(decisions):
        return decisions if sum(decisions.to_dict().values()) % 3 else None

    found = evolve(space, [start], damage, repair, tries=30, seed=seed)
    assert damage(found) <= damage(start)
    assert found == start or repair(found) is not None
    assert found == evolve(space, [start], damage, repair, tries=30, seed=seed)


def test_finds_what_decisions_do_together():
    space = make_space(4, 3)
    start = space.parse([0, 0, 0, 0])
    found = evolve(
        space,
        [start],
        lambda d: 1.0 - all(d.to_dict().values()) - 0.1 * sum(d.to_dict().values()),
        lambda d: d,
        tries=200,
    )
    assert list(found.to_dict().values()) == [2, 2, 2, 2]


def test_mutations_change_one_to_three_decisions():
    space, random = make_space(6, 3), Random(0)
    parent = space.sample(0)
    changed = set()
    for _ in range(100):
        child = mutate(space, parent, random).to_dict()
        changed.add(sum(child[path] != value for path, value in parent.to_dict().items()))
    assert changed == {1, 2, 3}


def test_search_after_shrinking():
    network, x = make("residual")
    batches = [torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    limit = "multiply_adds <= 0.4x and weight_bytes <= 0.9x"
    first = oneshot.shrink(network, x[:1], batches, limit)
    found = oneshot.shrink(network, x[:1], batches, limit, search=40)
    assert found.chosen.damage <= first.chosen.damage
    assert found.chosen.shares["multiply_adds"] <= 0.4
    assert found.chosen.costs["weight_bytes"] == 4 * pg.cost.count(found.network, x[:1]).parameters
    again = oneshot.shrink(network, x[:1], batches, limit, search=40)
    assert again.decisions == found.decisions
    with pytest.raises(FieldValueError, match=r"shrink\(search=...\) takes an integer of at least 0; got -1"):
        oneshot.shrink(network, x[:1], batches, limit, search=-1)
