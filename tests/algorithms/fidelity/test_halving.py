"""Successive halving, Hyperband and ASHA: who is promoted when, against the published pseudo-code."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import Algorithm, Exhausted, RegularizedEvolution, SetupError, Sweep
from pliant.algorithms.fidelity import ASHA, Hyperband, SuccessiveHalving
from pliant.algorithms.fidelity.halving import plan_brackets
from pliant.space import choice, flatten, integer
from pliant.values.errors import FieldTypeError, FieldValueError


def space(most=9, ops=1000):
    return flatten([choice("op", ops), integer("epochs", 1, most, name="budget")])


def ready(algorithm, most=9, ops=1000):
    algorithm.setup(space(most, ops))
    return algorithm


def run(algorithm, trials, reward=lambda op, budget: op + budget / 1000):
    """What was tried: (op, budget) in order."""
    found = []
    for _ in range(trials):
        decisions = algorithm.propose()
        found.append(decisions.values)
        algorithm.feedback(decisions, reward(*decisions.values))
    return found


class Listener(Algorithm):
    """Proposes in turn and keeps what it is told."""

    def _setup(self):
        self.told, self.reports = [], []

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append((decisions.values, reward))

    def _report(self, decisions, reward, step):
        self.reports.append((decisions.values, reward, step))
        return reward < 0


def test_a_bracket_promotes_the_best():
    found = run(ready(SuccessiveHalving(seed=3)), 13)
    first, second, last = found[:9], found[9:12], found[12:]
    assert [budget for _, budget in found] == [1] * 9 + [3] * 3 + [9]
    best = sorted((op for op, _ in first), reverse=True)
    assert [op for op, _ in second] == best[:3]
    assert [op for op, _ in last] == best[:1]
    assert len(run(ready(SuccessiveHalving(seed=3)), 26)) == 26  # and the next begins


@pytest.mark.parametrize(("count", "expected"), [(1, [1, 1, 1]), (5, [5, 1, 1]), (20, [20, 6, 2])])
def test_count(count, expected):
    found = run(ready(SuccessiveHalving(count=count)), sum(expected))
    assert [budget for _, budget in found] == [
        b for b, n in zip((1, 3, 9), expected, strict=True) for _ in range(n)
    ]


def test_plans_of_hyperband():
    """n = ceil((s_max + 1) / (s + 1) * eta ** s), and n // eta ** i on rung i: Algorithm 1 of Li et al. 2018."""
    assert plan_brackets(5, 3) == [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]
    assert plan_brackets(1, 3) == [[1]]


def test_hyperband_runs_its_brackets_in_turn():
    algorithm = ready(Hyperband(), most=9)
    plans, found = plan_brackets(3, 3), run(ready(Hyperband()), 22 + 13)
    expected = [
        budget
        for first, plan in enumerate(plans)
        for budget, count in zip((1, 3, 9)[first:], plan, strict=True)
        for _ in range(count)
    ]
    assert sum(map(sum, plans)) == 22
    assert [budget for _, budget in found] == expected + expected[:13]
    assert algorithm.budgets == (1, 3, 9)


def test_the_next_bracket_begins_while_one_waits():
    algorithm = ready(SuccessiveHalving())
    waiting = [algorithm.propose() for _ in range(9)]
    tenth = algorithm.propose()
    assert tenth["budget"] == 1
    for decisions in waiting[:8]:
        algorithm.feedback(decisions, float(decisions["op"]))
    assert algorithm.propose()["budget"] == 1  # one is missing
    algorithm.feedback(waiting[8], 1e9)
    promoted = [algorithm.propose() for _ in range(3)]
    assert [one["budget"] for one in promoted] == [3, 3, 3]
    assert promoted[0]["op"] == waiting[8]["op"]
    assert algorithm.propose()["budget"] == 1  # the second bracket goes on


def test_what_failed_is_not_promoted():
    algorithm = ready(SuccessiveHalving())
    rewards = [None, 1.0, None, 1.0, *[None] * 5]
    found = run(algorithm, 13, lambda op, budget: rewards.pop(0) if rewards else 1.0)
    assert [budget for _, budget in found] == [1] * 9 + [3] * 2 + [9, 1]  # two were left, of three
    assert [op for op, _ in found[9:12]] == [found[1][0], found[3][0], found[1][0]]


def test_when_all_fail_the_next_bracket_begins():
    assert {budget for _, budget in run(ready(SuccessiveHalving()), 40, lambda *_: None)} == {1}
    assert {budget for _, budget in run(ready(ASHA()), 40, lambda *_: None)} == {1}


def test_parents_are_what_was_promoted():
    for algorithm in (ready(Hyperband()), ready(SuccessiveHalving()), ready(ASHA())):
        ladder, done = {3: 1, 9: 3}, set()
        promoted = 0
        for _ in range(60):
            decisions = algorithm.propose()
            op, budget = decisions.values
            parent = algorithm.parent(decisions)
            if parent is not None:
                assert parent.values == (op, ladder[budget])
                assert parent.values in done
                promoted += 1
            done.add(decisions.values)
            algorithm.feedback(decisions, float(op))
        assert promoted > 10
        assert algorithm.parent(algorithm.space.parse([0, 7])) is None


def test_the_inner_algorithm_hears_every_reward_and_report():
    for make in (SuccessiveHalving, Hyperband, ASHA):
        inner = Listener()
        algorithm = ready(make(inner))
        found = run(algorithm, 20, lambda op, budget: op + budget / 100)
        assert inner.told == [((op,), op + budget / 100) for op, budget in found]
        stranger = algorithm.space.parse([5, 2])
        algorithm.feedback(stranger, 0.25)
        assert inner.told[-1] == ((5,), 0.25)
        assert algorithm.report(stranger, -1.0, step=2)
        assert not algorithm.report(stranger, 1.0, step=3)
        assert inner.reports == [((5,), -1.0, 2.0), ((5,), 1.0, 3.0)]


def test_a_proposer_with_an_end_ends_when_nothing_is_to_be_promoted():
    algorithm = ready(SuccessiveHalving(Sweep()), ops=7)
    assert [budget for _, budget in run(algorithm, 7 + 3 + 1)] == [1] * 7 + [3] * 3 + [9]
    with pytest.raises(Exhausted, match="all"):
        algorithm.propose()
    algorithm = ready(ASHA(Sweep(), eta=2), ops=4)
    counts = Counter()
    with suppress(Exhausted):
        while counts.total() < 20:
            counts[run(algorithm, 1)[0][1]] += 1
    with pytest.raises(Exhausted, match="all"):
        algorithm.propose()
    assert counts[1] == 4
    assert counts[2] >= 2
    assert counts[5] >= counts[9] >= 1


def test_it_finds_more_than_its_proposer_with_the_same_cost():
    """Epochs spent to find an operation among the best 1 %: cheap first looks must pay."""

    def cost_until(algorithm):
        spent = 0
        while True:
            decisions = algorithm.propose()
            op, budget = decisions.values
            spent += budget
            algorithm.feedback(decisions, op - 200 / budget)
            if op >= 990 and budget == 81:
                return spent

    class Full(Algorithm):
        def _propose(self):
            return self.space.parse([self.space.sample(self.random)["op"], 81])

    for make in (Hyperband, ASHA, SuccessiveHalving):
        ours = [cost_until(ready(make(seed=seed), most=81)) for seed in range(20)]
        plain = [cost_until(ready(Full(seed), most=81)) for seed in range(20)]
        assert sum(ours) < sum(plain) / 2, make


# --- asha --------------------------------------------------------------------------------------------------


def test_asha_promotes_as_published():
    """Rewards 1, 2, 3 with eta 3: the third makes a best third of one, which is promoted at once."""
    algorithm = ready(ASHA())
    rewards = iter([1.0, 2.0, 3.0, 0.5, 0.1])
    found = run(algorithm, 4, lambda op, budget: next(rewards))
    assert [budget for _, budget in found] == [1, 1, 1, 3]
    assert found[3][0] == found[2][0]
    assert algorithm.parent(algorithm.space.parse(found[3])).values == (found[2][0], 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=120), st.sampled_from([2, 3, 4]))
def test_asha_is_algorithm_2(steps, eta):
    """Against the pseudo-code of Li et al. 2020, written as it stands there, with any order of arrival."""
    algorithm = ready(ASHA(eta=eta), most=64)
    ladder = algorithm.budgets
    rungs: list[list[tuple[int, float]]] = [[] for _ in ladder]  # (op, reward)
    promoted: list[set[int]] = [set() for _ in ladder]
    running = []
    for ask, number in steps:
        if ask or not running:
            decisions = algorithm.propose()
            op, budget = decisions.values
            expected = None
            for k in reversed(range(len(ladder) - 1)):
                ranked = sorted(enumerate(rungs[k]), key=lambda e: (-e[1][1], e[0]))
                top = [i for i, _ in ranked[: len(ranked) // eta]]
                able = [i for i in top if i not in promoted[k]]
                if able:
                    expected = (rungs[k][able[0]][0], ladder[k + 1])
                    promoted[k].add(able[0])
                    break
            assert budget == ladder[0] if expected is None else (op, budget) == expected
            running.append(decisions)
        else:
            decisions = running.pop(number % len(running))
            op, budget = decisions.values
            reward = float(op % 7)
            algorithm.feedback(decisions, reward)
            rungs[ladder.index(budget)].append((op, reward))


def test_asha_counts_trials_of_others():
    algorithm = ready(ASHA())
    for op in range(3):
        algorithm.feedback(algorithm.space.parse([op, 1]), float(op))
    assert algorithm.propose().values == (2, 3)


def test_budgets_before_setup():
    with pytest.raises(SetupError, match="has no space yet"):
        ASHA().budgets  # noqa: B018 - the property raises


def test_states_are_of_json_with_evolution_inside():
    algorithm = ready(Hyperband(RegularizedEvolution(5, 2), seed=4))
    run(algorithm, 30)
    twin = ready(Hyperband(RegularizedEvolution(5, 2), seed=4))
    twin.restore(json.loads(json.dumps(algorithm.state())))
    assert run(twin, 60) == run(algorithm, 60)


@pytest.mark.parametrize("value, error", [(1, FieldValueError), ("3", FieldTypeError)])
def test_eta_is_named_with_what_is_wrong_about_it(value, error):
    with pytest.raises(error, match=r"^Hyperband\(eta=...\) takes an integer of at least 2.* got '?[13]"):
        Hyperband(eta=value)
