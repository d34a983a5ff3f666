from __future__ import annotations

import math
from random import Random as Generator

import pytest

from pliant.algorithms import Exhausted, Sweep
from pliant.algorithms.fidelity import PBT
from pliant.algorithms.fidelity.pbt import explore
from pliant.space import Decisions, choice, flatten, floating, integer


def space(rounds=5):
    return flatten(
        [floating("lr", 1e-4, 1, scale="log"), integer("epochs", 10, 10 * rounds, step=10, name="budget")]
    )


def ready(algorithm, rounds=5):
    algorithm.setup(space(rounds))
    return algorithm


def turn(algorithm, count, reward=lambda decisions: decisions["lr"]):
    """Proposes ``count`` trials and then tells them: (decisions, parent) of each."""
    found = [algorithm.propose() for _ in range(count)]
    parents = [algorithm.parent(decisions) for decisions in found]
    for decisions in found:
        algorithm.feedback(decisions, reward(decisions))
    return found, parents


def test_rounds_exploit_and_explore():
    algorithm = ready(PBT(population_size=10))
    first, parents = turn(algorithm, 10)
    assert parents == [None] * 10
    assert {one["budget"] for one in first} == {10}
    second, parents = turn(algorithm, 10)
    assert {one["budget"] for one in second} == {20}
    ranked = sorted(first, key=lambda one: -one["lr"])
    kept = [(old, new) for old, new, parent in zip(first, second, parents, strict=True) if parent == old]
    for place, (old, new, parent) in enumerate(zip(first, second, parents, strict=True)):
        if old in ranked[8:]:
            assert parent in ranked[:2], place
            assert new["lr"] != parent["lr"]
        else:
            assert parent == old
            assert new["lr"] == old["lr"]
    assert len(kept) == 8


def test_copies_are_perturbed_or_drawn():
    algorithm = ready(PBT(population_size=4, resample=0.0))
    factors = set()
    for _ in range(4):
        found, parents = turn(algorithm, 4)
        for one, parent in zip(found, parents, strict=True):
            if parent is not None and one["lr"] != parent["lr"]:
                factors.add(round(one["lr"] / parent["lr"], 9))
    assert factors <= {0.8, 1.2}
    assert factors


def test_the_next_population_begins_when_all_are_trained():
    algorithm = ready(PBT(population_size=3), rounds=4)
    budgets = [one["budget"] for _ in range(8) for one in turn(algorithm, 3)[0]]
    assert budgets == [b for b in (10, 20, 30, 40) for _ in range(3)] * 2


def test_one_worker_trains_the_whole_population():
    algorithm = ready(PBT(population_size=3), rounds=3)
    assert [turn(algorithm, 1)[0][0]["budget"] for _ in range(9)] == [10] * 3 + [20] * 3 + [30] * 3


def test_another_joins_when_all_are_out():
    algorithm = ready(PBT(population_size=2))
    out = [algorithm.propose() for _ in range(5)]
    assert {one["budget"] for one in out} == {10}
    for one in out:
        algorithm.feedback(one, one["lr"])
    assert {algorithm.propose()["budget"] for _ in range(5)} == {20}


def test_a_failed_member_goes_on_from_the_best():
    algorithm = ready(PBT(population_size=4, quantile=0))
    first, _ = turn(algorithm, 4, lambda one: None if one["lr"] < 0.01 else one["lr"])
    _, parents = turn(algorithm, 4)
    best = max(first, key=lambda one: one["lr"])
    assert any(one["lr"] < 0.01 for one in first)
    for old, parent in zip(first, parents, strict=True):
        assert parent == (best if old["lr"] < 0.01 else old)


def test_when_all_fail_members_begin_anew():
    algorithm = ready(PBT(population_size=3))
    turn(algorithm, 3, lambda one: None)
    again, parents = turn(algorithm, 3)
    assert {one["budget"] for one in again} == {10}
    assert parents == [None] * 3


def test_a_proposer_with_an_end_makes_a_smaller_population():
    whole = flatten([choice("op", 3), integer("epochs", 1, 2, name="budget")])
    algorithm = PBT(Sweep(), population_size=10)
    algorithm.setup(whole)
    assert [turn(algorithm, 1, lambda one: one["op"])[0][0]["budget"] for _ in range(6)] == [1] * 3 + [2] * 3
    with pytest.raises(Exhausted, match="all"):
        algorithm.propose()


def test_it_follows_a_moving_optimum():
    """The best learning rate falls with the epochs: a schedule that no constant rate can have."""

    def grow(algorithm):
        weights = {}
        while len(weights) < 400:
            decisions = algorithm.propose()
            parent = algorithm.parent(decisions)
            start = weights[parent.values] if parent else 0.0
            target = -4 * decisions["budget"] / 200
            gain = math.exp(-((math.log10(decisions["lr"]) - target) ** 2) * 4)
            weights[decisions.values] = start + gain
            algorithm.feedback(decisions, weights[decisions.values])
        return max(weights.values())

    ours = [grow(ready(PBT(population_size=20, seed=seed), rounds=20)) for seed in range(5)]
    fixed = [grow(ready(PBT(population_size=20, quantile=0, seed=seed), rounds=20)) for seed in range(5)]
    assert sum(ours) > 1.2 * sum(fixed)


HOLES = [
    floating("a", 1e-3, 1, scale="log"),
    integer("b", 1, 100),
    integer("c", 0, 3),
    floating("d", -1, 1),
    choice("e", 5, values=[1, 2, 4, 8, 16]),
    choice("f", [None, integer("g", 1, 9)]),
    choice("h", 4, picks=2, sorted=True),
]


def test_what_a_step_is():
    whole = flatten(HOLES)
    start = whole.parse({"a": 0.1, "b": 1, "c": 0, "d": 0.0, "e": "2/5", "f": 1, "f[=1/2].g": 5, "h": [1, 3]})
    seen = {key: set() for key in start.to_dict()}
    for seed in range(60):
        found = explore(start, Generator(seed), resample=0.0)
        for key, value in found.to_dict().items():
            seen[key].add(round(value, 9))
    assert seen["a"] == {0.08, 0.12}
    assert seen["b"] == {1, 2}
    assert seen["c"] <= {0, 1}
    assert seen["d"] == {-0.2, 0.2}
    assert seen["e"] == {1, 3}
    assert seen["f"] == {1}  # decisions hang on it
    assert seen["f[=1/2].g"] == {4, 6}
    assert (seen["h[0]"], seen["h[1]"]) == ({1}, {3})


def test_what_is_drawn_anew_is_drawn_from_all():
    whole = flatten(HOLES)
    start = Decisions(whole, whole.sample(1).values)
    drawn = {explore(start, Generator(seed), resample=1.0).values for seed in range(50)}
    assert len(drawn) == 50
    assert len({values[4] for values in drawn}) == 5
