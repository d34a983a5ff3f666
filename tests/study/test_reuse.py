"""Decisions that have a reward already: told it at once, as trials of their own."""

from __future__ import annotations

import pytest

from pliant.algorithms import Algorithm, Exhausted, Random
from pliant.space import choice, flatten
from pliant.study import Study, loop
from pliant.values.errors import StudyError


class Listed(Algorithm):
    """Proposes what it is given, one after another; keeps what it is told."""

    several_rewards = True

    def __init__(self, *values):
        self.values = values
        super().__init__()

    def _setup(self):
        self.at, self.told = 0, []

    def _propose(self):
        if self.at == len(self.values):
            raise Exhausted("the list is over.")
        self.at += 1
        return self.space.parse([self.values[self.at - 1]])

    def _feedback(self, decisions, reward):
        self.told.append([decisions.values[0], reward])

    def _state(self):
        return {"at": self.at, "told": self.told}

    def _restore(self, state):
        self.at, self.told = state["at"], state["told"]


@pytest.fixture
def line():
    return flatten([choice("a", 9)])


def test_copies_are_trials_with_the_reward_of_the_first(place, line):
    algorithm = Listed(3, 4, 3, 3, 5)
    with Study.create(place, line, algorithm, reuse=True) as study:
        study.tell(study.ask().id, 0.5, metrics={"latency": 2})
        study.tell(study.ask().id, 0.25)
        third = study.ask()
        assert (third.id, third.decisions.values) == (5, (5,))
        copies = [study.trial(3), study.trial(4)]
        for copy in copies:
            assert (copy.status, copy.reward, copy.copied_from, copy.origin) == ("completed", 0.5, 1, None)
            assert (copy.metrics, copy.seconds) == ({"latency": 2.0}, 0.0)
        assert algorithm.told == [[3, 0.5], [4, 0.25], [3, 0.5], [3, 0.5]]
        assert [trial.id for trial in study.best(9)] == [1, 3, 4, 2]


def test_who_broke_a_constraint_is_a_copy_too(place, line):
    algorithm = Listed(3, 3, 4, 3)
    with Study.create(place, line, algorithm, constraints=["latency <= 1"], reuse=True) as study:
        first = study.tell(study.ask().id, 0.5, metrics={"latency": 2})
        assert study.ask().decisions.values == (4,)
        copy = study.trial(2)
        assert (copy.status, copy.copied_from, copy.reason) == ("failed", 1, first.reason)
        assert copy.cause == first.cause == "constraint"
        assert copy.metrics == first.metrics == {"latency": 2.0, "reward": 0.5}
        assert algorithm.told == [[3, None], [3, None]]
        study.enqueue([3])  # somebody measures it again, and it keeps within the limit
        assert study.ask().id == 4
        study.tell(4, 0.75, metrics={"latency": 1})
        assert study.ask() is None
        assert (study.trial(5).reward, study.trial(5).copied_from) == (0.75, 4)


def test_who_failed_or_runs_is_tried_again(place, line):
    with Study.create(place, line, Listed(3, 3, 4, 4), reuse=True) as study:
        study.fail(study.ask().id, "no")
        assert study.ask().id == 2
        assert (study.ask().id, study.ask().id) == (3, 4)


def test_copies_count_in_the_budget(place, line):
    with Study.create(place, line, Listed(3, 3, 3, 4), trials=3, reuse=True) as study:
        study.tell(study.ask().id, 0.5)
        assert study.ask() is None
        assert study.counts()["completed"] == 3
        assert study.is_complete


def test_an_algorithm_that_repeats_itself_is_exhausted(place, line, monkeypatch):
    monkeypatch.setattr(loop, "MAX_COPIES", 7)
    with Study.create(place, line, Listed(*[3] * 50), reuse=True) as study:
        study.tell(study.ask().id, 0.5)
        assert study.ask() is None
        assert study.counts()["completed"] == 8
        assert study.exhaustion == "the last 7 proposals were tried before: the algorithm repeats itself."
        assert study.info().exhausted
        assert study.ask() is None
        assert study.counts()["completed"] == 8


def test_exhausted_after_a_copy(place, line):
    with Study.create(place, line, Listed(3, 3), reuse=True) as study:
        study.tell(study.ask().id, 0.5)
        assert study.ask() is None
        assert (study.counts()["completed"], study.exhaustion) == (2, "the list is over.")


def test_several_rewards_are_copied(place, line):
    with Study.create(place, line, Listed(3, 3, 4), maximize=False, reuse=True) as study:
        study.tell(study.ask().id, (1, 2))
        assert study.ask().id == 3
        assert study.trial(2).rewards == (1.0, 2.0)


def test_what_is_enqueued_is_tried_all_the_same(place, line):
    with Study.create(place, line, Listed(3, 4), reuse=True) as study:
        study.tell(study.ask().id, 0.5)
        study.enqueue([3])
        assert (study.ask().origin, study.trial(2).decisions.values) == ("enqueued", (3,))


def test_it_is_replayed_and_goes_on_after_a_restart(place, line, monkeypatch):
    monkeypatch.setattr("pliant.study.trials.learner.MIN_EVENTS", 10**6)
    values = (3, 4, 3, 4, 5, 3)
    with Study.create(place, line, Listed(*values), reuse=True) as study:
        study.tell(study.ask().id, 0.5)
        study.tell(study.ask().id, 0.75)
        assert study.ask().id == 5
        study._loop._learner._events = 0
    algorithm = Listed(*values)
    with Study.open(place, line, algorithm) as study:
        assert algorithm.told == [[3, 0.5], [4, 0.75], [3, 0.5], [4, 0.75]]
        assert study.ask().attempts == 2
        assert study.ask() is None
        assert study.trial(6).copied_from == 1


def test_without_it_nothing_is_copied(place, line):
    with Study.create(place, line, Listed(3, 3)) as study:
        study.tell(study.ask().id, 0.5)
        assert study.ask().origin is None
    with pytest.raises(StudyError, match=r"was made with reuse=False, and is opened with reuse=True"):
        Study.open_or_create(place, line, Listed(3, 3), reuse=True)


def test_each_decision_of_a_finite_space_is_tried_once(place, flat):
    with Study.create(place, flat, Random(), trials=100, reuse=True) as study:
        tried = []
        while trial := study.ask():
            tried.append(trial.decisions)
            study.tell(trial.id, 0.0)
        assert len(tried) == len(set(tried)) == 27
        assert study.counts()["completed"] == 100


def test_earlier_trials_are_found_by_an_index(path, flat, execute):
    """However many trials a study has."""
    query = "EXPLAIN QUERY PLAN SELECT id FROM trials WHERE decisions = '[0,1,2]'"
    for reuse, found in ((False, "SCAN trials"), (True, "USING COVERING INDEX trials_by_decisions")):
        with Study.create(path, flat, Random(), reuse=reuse) as study:
            study.ask()
        assert found in str(execute(path, query))
        for file in path.parent.glob("study.db*"):
            file.unlink()
