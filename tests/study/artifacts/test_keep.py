"""Which trials keep their files: whatever is asked for, the best trial and running ones never lose theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.space import flatten, integer
from pliant.study.artifacts.keep import Keep, choose, to_keep
from pliant.study.trials.trial import end_trial, start_trial
from pliant.values.errors import FieldTypeError, FieldValueError

SPACE = flatten([integer("x", 0, 9)])
DECISIONS = SPACE.parse({"x": 1})


def make(rewards):
    """Trials with these rewards; None failed, ... runs."""
    trials = [start_trial(number, DECISIONS) for number in range(1, len(rewards) + 1)]
    return [
        one if reward is ... else end_trial(one, reward, None if reward is not None else "x", 0.0)
        for one, reward in zip(trials, rewards, strict=True)
    ]


def best_of(trials, *, maximize):
    told = [(one.reward if maximize else -one.reward, -one.id) for one in trials if one.reward is not None]
    return [-max(told)[1]] if told else []


def left(keep, rewards, *, sizes=None, maximize=True):
    trials = make(rewards)
    sizes = sizes or dict.fromkeys(range(1, len(rewards) + 1), 10)
    gone = choose(to_keep(keep), trials, best_of(trials, maximize=maximize), sizes, maximize=maximize)
    return [one.id for one in trials if one.id not in gone]


def test_which():
    rewards = [0.5, 0.9, None, ..., 0.9, 0.7]
    assert left("best", rewards) == [2, 4]
    assert left("best", rewards, maximize=False) == [1, 4]
    assert left("best(3)", rewards) == [2, 4, 5, 6]
    assert left("all", rewards) == [1, 2, 3, 4, 5, 6]
    assert left("front", rewards) == [2, 4]
    assert left("best", [None, None]) == []


def test_budget():
    rewards = [0.5, 0.9, None, 0.7]
    assert left(Keep("all", max_bytes=40), rewards) == [1, 2, 3, 4]
    assert left(Keep("all", max_bytes=39), rewards) == [1, 2, 4]  # failed ones go first, then the worst
    assert left(Keep("all", max_bytes=20), rewards) == [2, 4]
    assert left(Keep("all", max_bytes=1), rewards) == [2]  # never the best
    assert left(Keep("best", 3, max_bytes=25), rewards) == [2, 4]


def test_several_objectives():
    trials = [
        end_trial(start_trial(i, DECISIONS), told, None, 0.0)
        for i, told in [(1, (3.0, 0.0)), (2, (2.0, 1.0)), (3, (1.0, 0.5))]
    ]
    assert choose(Keep("front"), trials, [1, 2], {}, maximize=True) == [3]
    assert choose(Keep("best"), trials, [1], {}, maximize=True) == [2, 3]


@given(
    rewards=st.lists(st.sampled_from([..., None, 0.0, 1.0, 2.0, 3.0]), max_size=12),
    which=st.sampled_from(["best", "front", "all"]),
    count=st.integers(1, 4),
    budget=st.none() | st.integers(1, 100),
    sizes=st.lists(st.integers(0, 50), min_size=12, max_size=12),
    maximize=st.booleans(),
)
def test_the_best_and_running_ones_are_never_removed(rewards, which, count, budget, sizes, maximize):
    trials = make(rewards)
    best = best_of(trials, maximize=maximize)
    size = {one.id: sizes[one.id - 1] for one in trials}
    gone = choose(Keep(which, count, budget), trials, best, size, maximize=maximize)
    assert not set(gone) & set(best)
    assert all(one.ended is not None for one in trials if one.id in gone)
    # where the best of all has no files, the best of those that have keeps them
    rest = [one for one in trials if one.id not in best]
    gone = choose(Keep(which, count, budget), rest, best, size, maximize=maximize)
    assert not set(gone) & set(best_of(rest, maximize=maximize))
    if budget is not None and gone == []:
        return
    if budget is not None:
        kept = [one for one in rest if one.id not in gone]
        over = sum(size[one.id] for one in kept) - budget
        protected = {*best_of(rest, maximize=maximize), *(one.id for one in rest if one.ended is None)}
        assert over <= 0 or {one.id for one in kept} <= protected


def test_what_keep_means():
    assert to_keep("best(3)") == Keep("best", 3)
    assert to_keep(None) is None
    assert to_keep(Keep("all")) == Keep("all")
    with pytest.raises(
        FieldValueError,
        match=r"keep is 'best', 'best\(3\)', 'front' or 'all'; got 'bests'; did you mean 'best'\?",
    ):
        to_keep("bests")
    with pytest.raises(
        FieldTypeError, match=r"keep is 'best', .* or a pliant\.study\.artifacts\.Keep; got 3 of type int"
    ):
        to_keep(3)
    with pytest.raises(FieldValueError, match=r"Keep\(count=\.\.\.\) takes an integer of at least 1; got 0"):
        to_keep("best(0)")
    with pytest.raises(FieldTypeError, match=r"Keep\(max_bytes=\.\.\.\) takes an integer"):
        Keep("all", max_bytes="1G")


def test_a_copy_of_a_trial_keeps_its_files(tmp_path):
    trial = start_trial(1, DECISIONS)
    assert replace(trial, attempts=2).files is trial.files
    assert trial.artifacts == {}
