"""Laws of the kernels: they are distributions over the decisions of a tree, and draws follow them."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms.tpe.kernels import Kernels
from pliant.algorithms.tpe.tree import Tree
from pliant.space import choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES

TREES = {
    "choices": flatten([choice("x", 3), choice("y", 4), choice("one", 1)]),
    "tree": flatten(
        [choice("op", [None, [choice("act", 2), choice("k", 3)], choice("n", 2)]), choice("z", 2)]
    ),
    "steps": flatten(
        [integer("n", 1, 6, scale="log"), integer("m", 2, 9, step=3), integer("r", 1, 4, scale="rlog")]
    ),
    "ordered": flatten([choice("width", [None, None, choice("w", 2)], values=[1, 2, 4])]),
    "set": flatten([choice("p", [None, choice("q", 2), None, choice("r", 3)], picks=2, sorted=True)]),
    "bag": flatten([choice("p", [None, choice("q", 2)], picks=3, distinct=False, sorted=True)]),
    "row": flatten([choice("p", [None, choice("q", 2), None], picks=2)]),
    "free": flatten([choice("p", [None, choice("q", 2)], picks=2, distinct=False)]),
}
NUMBERS = flatten([choice("op", [None, floating("rate", 1e-3, 1, scale="log")]), integer("big", 0, 1000)])


def of(space):
    return Kernels(Tree(space))


def prior(kernels):
    """Returns per decision vector how likely the kernel of a trial that decided nothing draws it."""
    return chances(kernels, np.full((1, kernels.tree.width), -1.0), {})


def weigh(space, values):
    """Returns the prior: candidates of choices are alike, groups are uniform over what they allow."""
    decisions, chance, done = space.validate(values), 1.0, set()
    for index, value in zip(decisions.active, decisions.values, strict=True):
        point = space.points[index]
        if point.kind == "int":
            low, high = point.min_value, point.last + point.step
            if point.scale == "linear":
                chance *= point.step / (high - low)
            else:
                value = value if point.scale == "log" else point.last + low - value
                chance *= math.log((value + point.step) / value) / math.log(high / low)
        elif point.group is None or not (point.group.distinct or point.group.sorted):
            chance /= point.count
        elif point.group.first not in done:
            done.add(point.group.first)
            n, k = point.count, point.group.picks
            if not point.group.sorted:
                chance /= math.perm(n, k)
            else:
                chance /= math.comb(n, k) if point.group.distinct else math.comb(n + k - 1, k)
    return chance


def chances(kernels, centre, options):
    tree = kernels.tree
    every = [d.values for d in tree.space.iterate()]
    marks = kernels.marks(np.stack([tree.encode(values) for values in every])).astype(float)
    spread = np.full((1, len(kernels.scaled)), options.get("spread", 0.3))
    logs = marks @ kernels.kernels(centre, spread, options.get("bandwidth", 0.2))[0].astype(float)
    return {v: math.exp(log) * weigh(tree.space, v) for v, log in zip(every, logs, strict=True)}


@pytest.mark.parametrize(
    "options", [{}, {"bandwidth": 0.7, "spread": 0.05}, {"bandwidth": 1.0, "spread": 1.0}]
)
@pytest.mark.parametrize("name", TREES)
def test_a_kernel_is_a_distribution_over_the_tree(name, options):
    kernels = of(TREES[name])
    for decisions in list(TREES[name].iterate())[::5]:
        found = chances(kernels, kernels.tree.encode(decisions.values)[None], options)
        assert sum(found.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", TREES)
def test_a_trial_that_decided_nothing_has_the_prior(name):
    found = prior(of(TREES[name]))
    assert sum(found.values()) == pytest.approx(1)
    assert found == pytest.approx({v: weigh(TREES[name], v) for v in found})


@pytest.mark.parametrize("name", TREES)
def test_draws_follow_the_kernel(name):
    kernels, size = of(TREES[name]), 4000
    centre = kernels.tree.encode(TREES[name].sample(3).values)
    found = chances(kernels, centre[None], {})
    rows = kernels.draw(
        np.repeat(centre[None], size, axis=0),
        np.full((size, len(kernels.scaled)), 0.3),
        0.2,
        rng=np.random.default_rng(1),
        random=Random(1),
    )
    counts = Counter(kernels.tree.load(row).values for row in rows)
    assert counts.keys() <= found.keys()
    for values, chance in found.items():
        assert abs(counts[values] / size - chance) < 5 * math.sqrt(chance / size) + 1e-9


def test_below_a_candidate_that_was_not_picked_a_kernel_is_the_prior():
    kernels = of(TREES["tree"])
    found = chances(kernels, kernels.tree.encode((0, 1))[None], {"bandwidth": 0.2})
    assert found[0, 1] == pytest.approx((1 - 0.2 * 2 / 3) * 0.9, rel=1e-5)
    for act in range(2):
        for k in range(3):
            assert found[1, act, k, 1] == pytest.approx(0.2 / 3 / 6 * 0.9, rel=1e-5)


def test_a_number_has_a_truncated_gaussian():
    kernels = of(NUMBERS)
    tree = kernels.tree
    spread, centre = np.array([[0.1, 0.2]]), tree.encode((1, 0.01, 900))
    kernel = kernels.kernels(centre[None], spread, 0.2)[0].astype(float)
    rate, big = tree.encode((1, 0.01, 900))[1:]
    units = np.linspace(0, 1, 2001)
    rows = np.stack([np.ones_like(units), units, np.full_like(units, big)], axis=1)
    density = np.exp(kernels.marks(rows).astype(float) @ kernel)
    assert np.trapezoid(density, units) == pytest.approx(
        density.max() / density.max() * total(kernel, kernels, rate, big), rel=1e-3
    )
    assert units[density.argmax()] == pytest.approx(rate, abs=1e-3)
    near = density[np.abs(units - rate) < 1e-3].max()
    one_off = density[np.abs(units - rate - 0.1) < 1e-3].max()
    assert one_off / near == pytest.approx(math.exp(-0.5), rel=0.02)


def total(kernel, kernels, rate, big):
    """Returns the density of op and big alone at these values: what is left when the rate is integrated out."""
    at = kernels.marks(np.array([[1.0, rate, big], [0.0, -1.0, big]])).astype(float) @ kernel
    kept = 1.8  # relative to the prior: twice the probability 0.9
    without_op = math.exp(at[1]) / 0.2
    return kept * without_op


@given(st.integers(0, 10**6), st.sampled_from([NUMBERS, *TREES.values(), *(f() for f in SPACES.values())]))
@settings(max_examples=80, deadline=None)
def test_rows_stand_for_their_decisions(seed, space):
    tree, decisions = Tree(space), space.sample(seed)
    row = tree.encode(decisions.values)
    again = space.validate(tree.decode(row))
    for index, old, new in zip(decisions.active, decisions.values, again.values, strict=True):
        assert new == (pytest.approx(old) if space.points[index].kind == "float" else old)
    pruned = row[None].copy()
    tree.prune(pruned)
    assert (pruned[0] == row).all()


@given(st.integers(0, 10**6), st.sampled_from([NUMBERS, *TREES.values(), *(f() for f in SPACES.values())]))
@settings(max_examples=80, deadline=None)
def test_every_draw_is_valid(seed, space):
    kernels = of(space)
    tree = kernels.tree
    rows = np.stack(
        [*(tree.encode(space.sample(seed + i).values) for i in range(3)), np.full(tree.width, -1.0)]
    )
    spread = np.full((4, len(kernels.scaled)), 0.05)
    for row in kernels.draw(rows, spread, 0.3, rng=np.random.default_rng(seed), random=Random(seed)):
        values = tree.load(row).values
        assert space.validate(values).values == values
        again = tree.encode(values)
        scaled = [at for at in range(tree.width) if at in kernels.scaled]
        plain = [at for at in range(tree.width) if at not in kernels.scaled]
        assert (again[plain] == row[plain]).all()
        assert again[scaled] == pytest.approx(row[scaled], abs=0.01)
