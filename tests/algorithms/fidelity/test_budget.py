from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms import TPE, Auto, Bayesian
from pliant.algorithms.description import describe, rebuild
from pliant.algorithms.fidelity import ASHA, PBT, Budget, Hyperband, SuccessiveHalving
from pliant.algorithms.fidelity.pbt import explore
from pliant.space import Decisions, Int, Space, choice, flatten, floating, integer
from pliant.testing.spaces import spaces, spaces_and_decisions
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, SpaceError

from .conftest import with_budget


@st.composite
def budgeted(draw):
    """A space with a budget between other decisions, and decisions of it."""
    before, after = (draw(spaces()) for _ in range(2))
    middle = with_budget(before, Int("how long", 1, 100, name="budget"))
    shift = len(middle.points)

    def move(point):
        changes = {"path": f"after.{point.path}"}
        if point.kind == "choice":
            changes["branches"] = tuple(tuple(i + shift for i in branch) for branch in point.branches)
            if point.group:
                changes["group"] = replace(point.group, first=point.group.first + shift)
        return replace(point, **changes)

    whole = Space((*middle.points, *map(move, after.points)), (*middle.top, *(i + shift for i in after.top)))
    return whole, whole.sample(draw(st.integers(0, 2**32)))


@given(budgeted(), st.integers(1, 100))
@settings(max_examples=60)
def test_split_and_join_are_inverse(drawn, amount):
    space, decisions = drawn
    budget = Budget(space)
    rest, old = budget.split(decisions)
    assert budget.space.validate(rest) == rest
    assert budget.join(rest, old) == decisions
    changed = budget.join(rest, amount)
    assert changed["how long"] == amount
    assert budget.split(changed) == (rest, amount)
    assert len(budget.space.points) == len(space.points) - 1
    if space.size != float("inf"):
        assert budget.space.size * 100 == space.size


@given(spaces_and_decisions(), st.integers(0, 2**32), st.sampled_from([0.0, 0.25, 1.0]))
@settings(max_examples=60)
def test_explored_decisions_are_valid(drawn, seed, resample):
    space, decisions = drawn
    found = explore(decisions, Random(seed), resample=resample)
    assert space.validate(found) == found


def one(hole):
    return flatten([hole])


@pytest.mark.parametrize(
    ("hole", "eta", "ladder"),
    [
        (integer("b", 1, 81), 3, (1, 3, 9, 27, 81)),
        (integer("b", 1, 100), 3, (1, 4, 11, 33, 100)),
        (integer("b", 1, 100), 10, (1, 10, 100)),
        (integer("b", 2, 3 * 81 - 1), 3, (3, 9, 27, 81, 242)),
        (integer("b", 5, 50, step=5), 3, (5, 15, 50)),
        (integer("b", 5, 53, step=5), 2, (5, 15, 25, 50)),
        (floating("b", 0.1, 0.9), 3, (0.1, 0.3, 0.9)),
        (choice("b", 3, values=[1, 4, 200]), 3, (0, 1, 2)),
        (choice("b", 3, values=[12, 200, 4]), 3, (2, 0, 1)),
    ],
)
def test_budgets_grow_by_eta(hole, eta, ladder):
    budget = Budget(one(hole), "b")
    assert budget.ladder(eta) == pytest.approx(ladder)
    amounts = [budget.amount(rung) for rung in budget.ladder(eta)]
    assert amounts == sorted(set(amounts))
    for rung in budget.ladder(eta):
        budget.join(Decisions(budget.space, []), rung)  # it is valid


def test_steps_are_all_budgets():
    assert Budget(one(integer("b", 5, 23, step=5)), "b").steps() == (5, 10, 15, 20)
    assert Budget(one(choice("b", 3, values=[9, 1, 3])), "b").steps() == (1, 2, 0)


@pytest.mark.parametrize("make", [SuccessiveHalving, Hyperband, ASHA, PBT])
@pytest.mark.parametrize(
    ("holes", "message"),
    [
        (
            [choice("op", 3)],
            r"needs a decision point for the budget of a trial, and none has the path or name 'budget'\. Add one",
        ),
        ([integer("budgets", 1, 9)], r"none .* 'budget'; did you mean 'budgets'\?"),
        ([], r"needs a decision point for the budget"),
        ([choice("x", [integer("b", 1, 9, name="budget"), None])], r"active only for some decisions"),
        ([choice("b", 3, values=[1, 2, 3], picks=2, name="budget")], r"it is one of several picks"),
        ([choice("budget", 2, literals=["a", "b"])], r"its candidates are not numbers \(a, b\)"),
        ([choice("budget", [None, integer("x", 1, 2)], values=[1, 2])], r"its candidates are not numbers"),
        ([choice("budget", 2, values=[0, 9])], r"it has the value 0"),
        ([choice("budget", 2, values=[3, 3])], r"it has equal candidates"),
        ([integer("budget", 0, 9)], r"it has the value 0"),
        ([floating("budget", -1.0, 9.0)], r"it has the value -1\.0"),
    ],
)
def test_what_is_no_budget(make, holes, message):
    algorithm = make()
    with pytest.raises(SpaceError, match=message):
        algorithm.setup(flatten(holes))
    algorithm.setup(flatten([integer("budget", 1, 9)]))  # nothing of the failure is left


@pytest.mark.parametrize("make", [SuccessiveHalving, Hyperband, ASHA])
def test_a_budget_of_one_rung(make):
    with pytest.raises(SpaceError, match=r"only one rung: with eta=3, .* 3 times .*; it goes from 1 to 2\."):
        make().setup(one(integer("budget", 1, 2)))
    with pytest.raises(SpaceError, match=r"one rung: .*; it goes through \(7,\)\."):
        make().setup(one(choice("budget", 1, values=[7])))


def test_population_based_training_needs_steps():
    with pytest.raises(
        SpaceError, match=r"the budget 'budget' is a float, and PBT compares members at fixed steps"
    ):
        PBT().setup(one(floating("budget", 1.0, 9.0)))


@pytest.mark.parametrize("make", [SuccessiveHalving, Hyperband, ASHA, PBT])
def test_bad_arguments(make):
    with pytest.raises(
        FieldTypeError, match=rf"{make.__name__}\(budget=\.\.\.\) takes the path .* got 81 of"
    ):
        make(budget=81)
    with pytest.raises(FieldTypeError, match=rf"{make.__name__}\(\.\.\.\) takes an algorithm.*Write `ASHA"):
        make(ASHA)
    for eta in (1, 2.5, "3"):
        if make is not PBT:
            with pytest.raises(
                (FieldTypeError, FieldValueError),
                match=rf"{make.__name__}\(eta=\.\.\.\) takes an integer of at l",
            ):
                make(eta=eta)


def test_other_bad_arguments():
    with pytest.raises(FieldValueError, match=r"SuccessiveHalving\(count=...\) takes an integer .* got 0"):
        SuccessiveHalving(count=0)
    with pytest.raises(FieldValueError, match=r"PBT\(population_size=...\) is at least 2"):
        PBT(population_size=1)
    with pytest.raises(FieldValueError, match=r"PBT\(quantile=...\) takes a number from 0 to 0.5; got 0.7"):
        PBT(quantile=0.7)
    with pytest.raises(FieldTypeError, match=r"PBT\(resample=...\) takes a number from 0 to 1; got 'x'"):
        PBT(resample="x")


def test_the_budget_may_be_named_by_its_path():
    algorithm = ASHA(budget="train.epochs")
    algorithm.setup(flatten([choice("op", 2), integer("train.epochs", 1, 9)]))
    assert algorithm.budgets == (1, 3, 9)
    assert algorithm.propose()["train.epochs"] == 1


@pytest.mark.parametrize(
    "inner",
    [TPE(startup=5), Bayesian(initial=5, samples=20, climbs=1), Auto()],
    ids=lambda one: type(one).__name__,
)
def test_a_model_learns_from_one_budget(inner):
    """The largest one with ten rewards; trials of others count as running, and failures count at every budget."""
    space = flatten([floating("x", 0, 1), choice("op", 3), integer("epochs", 1, 4, name="budget")])
    algorithm = ASHA(inner, eta=2)
    algorithm.setup(space)
    learned = []
    for turn in range(56):
        decisions = algorithm.propose()
        budget = decisions["budget"]
        reward = None if turn in (3, 40) else 10.0 * budget - abs(decisions["x"] - 0.8)
        algorithm.feedback(decisions, reward)
        known = getattr(inner, "_chosen", inner).history
        learned.append({round(reward / 10) for _, reward in known if reward is not None})
        assert sum(reward is None for _, reward in known) == (turn >= 3) + (turn >= 40)
    assert len(learned[12]) > 1  # too few rewards of any budget
    assert {1} in learned
    assert {2} in learned
    assert learned[-1] == {4}
    again = ASHA(rebuild(describe(inner)), eta=2)
    again.setup(space)
    again.restore(json.loads(json.dumps(algorithm.state())))
    for _ in range(4):
        one = again.propose()
        assert one == algorithm.propose()
        again.feedback(one, 1.0)
        algorithm.feedback(one, 1.0)


def test_a_damaged_record_of_rewards():
    space = flatten([floating("x", 0, 1), integer("epochs", 1, 4, name="budget")])
    algorithm = ASHA(TPE(), eta=2)
    algorithm.setup(space)
    algorithm.feedback(algorithm.propose(), 0.5)
    state = algorithm.state()
    with pytest.raises(LoadError, match="the model's budget 3 has no results"):
        algorithm.restore({**state, "own": {**state["own"], "model": 3}})
