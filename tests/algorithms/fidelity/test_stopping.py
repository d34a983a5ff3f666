from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import Algorithm, Random
from pliant.algorithms.fidelity import HalvingStopping, MedianStopping
from pliant.space import flatten, integer
from pliant.values.errors import FieldTypeError, FieldValueError, RewardError

SPACE = flatten([integer("x", 0, 10**6)])


def ready(algorithm):
    algorithm.setup(SPACE)
    return algorithm


def at(x):
    return SPACE.parse([x])


REPORTS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(-5, 5)), max_size=60)


@given(REPORTS, st.integers(1, 3))
def test_the_median_rule_is_vizier_s(reports, min_trials):
    """Against the sentence of section 3.2.2, word for word; a trial ends at its report for step 5."""
    algorithm = ready(MedianStopping(min_trials=min_trials))
    curves, ended = {}, []
    for trial, step, reward in reports:
        stop = algorithm.report(at(trial), reward, step=step)
        curve = curves.setdefault(trial, {})
        curve[step] = reward
        averages = [
            statistics.fmean([r for s, r in other.items() if s <= step])
            for other in ended
            if min(other) <= step
        ]
        best = max(r for s, r in curve.items() if s <= step)
        expected = len(averages) >= min_trials and best < statistics.median(averages) - 1e-12
        assert stop == expected
        if step == 5:
            algorithm.feedback(at(trial), reward)
            ended.append(curves.pop(trial))


def test_nothing_stops_before_the_first_steps():
    algorithm = ready(MedianStopping(min_trials=1, min_step=3))
    for step in (1, 3):
        algorithm.report(at(0), 1.0, step=step)
    algorithm.feedback(at(0), 1.0)
    assert [algorithm.report(at(1), 0.0, step=step) for step in (1, 2, 3)] == [False, False, True]


def test_trials_without_reports_say_nothing():
    algorithm = ready(MedianStopping(min_trials=1))
    algorithm.feedback(at(0), 1.0)
    assert not algorithm.report(at(1), 0.0, step=1)


def test_about_half_of_random_trials_are_stopped():
    """The median stays one although the stopped count, too."""
    algorithm = ready(MedianStopping())
    stopped = 0
    for _ in range(400):
        decisions = algorithm.propose()
        stop = any(algorithm.report(decisions, decisions["x"] + step, step=step) for step in (1, 2, 3))
        algorithm.feedback(decisions, decisions["x"])
        stopped += stop
    assert 150 < stopped < 250


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40), st.sampled_from([2, 3, 4]))
def test_halving_lets_the_best_part_go_on(rewards, eta):
    algorithm = ready(HalvingStopping(eta=eta, min_step=2))
    for count, reward in enumerate(rewards):
        assert not algorithm.report(at(count), -1.0, step=1)  # before the first rung
        better = sum(r > reward for r in rewards[: count + 1])
        assert algorithm.report(at(count), reward, step=2) == (better >= max(1, (count + 1) // eta))
        assert not algorithm.report(at(count), -9.0, step=2.5)  # judged once at each rung


def test_rungs_grow_and_a_jump_counts_at_the_highest():
    algorithm = ready(HalvingStopping(eta=2, min_step=1))
    assert not algorithm.report(at(0), 5.0, step=4)
    assert not algorithm.report(at(1), 1.0, step=1)  # the first there
    assert not algorithm.report(at(1), 1.0, step=2)
    assert algorithm.report(at(1), 1.0, step=5)


def test_a_trial_that_begins_again_is_judged_again():
    algorithm = ready(HalvingStopping(eta=2))
    assert not algorithm.report(at(0), 5.0, step=1)
    assert algorithm.report(at(1), 1.0, step=1)
    assert algorithm.report(at(1), 1.0, step=1)
    assert not algorithm.report(at(1), 6.0, step=1)
    assert algorithm.report(at(2), 5.5, step=1) is True  # there are three, not five: 6.0, 5.5, 5.0


class Inner(Algorithm):
    several_rewards = True

    def _propose(self):
        return self.space.sample(self.random)

    def _report(self, decisions, reward, step):
        return reward == 7

    def _parent(self, decisions):
        return self.space.parse([3])


@pytest.mark.parametrize("make", [MedianStopping, HalvingStopping])
def test_the_inner_algorithm_is_asked_too(make):
    algorithm = ready(make(Inner()))
    assert algorithm.report(at(1), 7.0, step=1)
    assert algorithm.parent(at(1)) == at(3)
    algorithm.feedback(at(1), (1.0, 2.0))
    with pytest.raises(RewardError, match="takes one reward"):
        ready(make(Inner2())).feedback(at(1), (1.0, 2.0))


class Inner2(Inner):
    several_rewards = False


def test_bad_arguments():
    with pytest.raises(FieldValueError, match=r"MedianStopping\(min_trials=...\) takes an integer .* got 0"):
        MedianStopping(min_trials=0)
    with pytest.raises(
        FieldValueError, match=r"HalvingStopping\(min_step=...\) takes a finite number above 0; got 0"
    ):
        HalvingStopping(min_step=0)
    assert MedianStopping(Random(seed=3)).seed == 3
    assert MedianStopping(Random(seed=3), seed=4).seed == 4


@pytest.mark.parametrize("kind", [MedianStopping, HalvingStopping])
@pytest.mark.parametrize("value, error", [("a", FieldTypeError), (float("nan"), FieldValueError)])
def test_min_step_is_named_where_it_is_no_number(kind, value, error):
    with pytest.raises(error, match=rf"^{kind.__name__}\(min_step=...\) takes a finite number"):
        kind(min_step=value)
