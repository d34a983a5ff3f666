"""The loop in one process: numbers, budget, rewards, what the algorithm is told, and what can be read."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta

import pytest

from pliant.algorithms import Algorithm, Exhausted, HillClimb, Random, RegularizedEvolution, Sweep
from pliant.space import Decisions
from pliant.study import STATUSES, Study


class Listener(Algorithm):
    """Proposes at random and keeps what it is told."""

    def _setup(self):
        self.told = []

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append((decisions.values, reward))

    def _state(self):
        return {"told": [[list(values), reward] for values, reward in self.told]}

    def _restore(self, state):
        self.told = [(tuple(values), reward) for values, reward in state["told"]]


def run(study, reward=lambda decisions: float(sum(decisions.values))):
    trials = []
    while trial := study.ask():
        trials.append(study.tell(trial.id, reward(trial.decisions)))
    return trials


def test_proposes_what_the_algorithm_alone_would(place, space):
    alone = RegularizedEvolution(8, 3, seed=5)
    alone.setup(space)
    with Study.create(place, space, RegularizedEvolution(8, 3, seed=5), trials=60) as study:
        for trial in run(study):
            decisions = alone.propose()
            assert trial.decisions == decisions
            alone.feedback(decisions, float(sum(decisions.values)))


def test_exactly_so_many_trials_numbered_from_one(place, space):
    with Study.create(place, space, Random(), trials=10) as study:
        assert [trial.id for trial in run(study)] == list(range(1, 11))
        assert study.ask() is None
        assert study.ask() is None
        assert study.is_complete


def test_budget_counts_running_trials(place, space):
    with Study.create(place, space, Random(), trials=3) as study:
        running = [study.ask() for _ in range(3)]
        assert study.ask() is None
        assert not study.is_complete
        for trial in running:
            assert not study.is_complete
            study.tell(trial.id, 1.0)
        assert study.is_complete


def test_ends_when_the_algorithm_is_exhausted(place, flat):
    with Study.create(place, flat, Sweep()) as study:
        trials = run(study)
        assert [trial.decisions for trial in trials] == list(flat.iterate())
        assert study.info().exhausted
        assert study.is_complete
    with Study.open(place, flat, Sweep(), trials=100) as study:
        assert study.ask() is None


def test_exhausted_algorithm_is_not_asked_again(place, flat):
    class Once(Algorithm):
        asked = 0

        def _propose(self):
            Once.asked += 1
            raise Exhausted("nothing left.")

    with Study.create(place, flat, Once()) as study:
        assert study.ask() is study.ask() is None
    assert Once.asked == 1


def test_trial_is_frozen_and_says_when(place, space):
    with Study.create(place, space, Random()) as study:
        asked = study.ask()
        assert (asked.status, asked.reward, asked.reason, asked.attempts) == ("running", None, None, 1)
        assert asked.ended is asked.seconds is None
        told = study.tell(asked.id, 0.5)
        assert (told.id, told.decisions, told.started) == (asked.id, asked.decisions, asked.started)
        assert (told.status, told.reward) == ("completed", 0.5)
        assert 0 <= told.seconds < 60
        started, ended = (datetime.fromisoformat(text) for text in (told.started, told.ended))
        assert timedelta(0) <= ended - started < timedelta(minutes=1)
        assert started.utcoffset() == timedelta(0)
        assert study.trial(told.id) == told
        with pytest.raises(FrozenInstanceError, match="cannot assign to field"):
            told.reward = 1.0


def test_a_failed_trial_has_a_reason_and_the_algorithm_knows(place, space):
    algorithm = Listener()
    with Study.create(place, space, algorithm) as study:
        first, second = study.ask(), study.ask()
        failed = study.fail(second.id, "out of memory \udc80")
        assert (failed.status, failed.reward, failed.reason) == ("failed", None, "out of memory ?")
        study.tell(first.id, 2)
        assert algorithm.told == [(second.decisions.values, None), (first.decisions.values, 2.0)]
        assert study.counts() == {"running": 0, "completed": 1, "stopped": 0, "failed": 1}
        assert tuple(study.counts()) == STATUSES


def test_minimizing_negates_for_the_algorithm_only(place, space):
    algorithm = Listener()
    with Study.create(place, space, algorithm, maximize=False, trials=9) as study:
        rewards = iter([3.0, 1.5, -2.0, 4.0, 7.0, -2.0, 0.0, 9.0, 1.0])
        trials = run(study, lambda _: next(rewards))
        assert [reward for _, reward in algorithm.told] == [-trial.reward for trial in trials]
        assert [trial.id for trial in study.best(4)] == [3, 6, 7, 9]
        assert not study.info().maximize


def test_best_first_and_the_earlier_of_equals(place, space):
    with Study.create(place, space, Random(), trials=6) as study:
        assert study.best() == []
        rewards = iter([1.0, 3.0, 2.0, 3.0, -1.0, 0.0])
        run(study, lambda _: next(rewards))
        assert [trial.id for trial in study.best()] == [2]
        assert [trial.id for trial in study.best(3)] == [2, 4, 3]
        assert [trial.reward for trial in study.best(100)] == [3.0, 3.0, 2.0, 1.0, 0.0, -1.0]


def test_rewards_are_kept_to_the_last_bit(place, space):
    rewards = [0.1 + 0.2, 5e-324, -9.876543210987654e149, 2**53 + 1, -0.0]
    algorithm = Listener()
    with Study.create(place, space, algorithm, trials=5) as study:
        left = iter(rewards)
        run(study, lambda _: next(left))
    with Study.open(place) as study:
        stored = [trial.reward for trial in study.trials()]
    assert stored == [float(reward) for reward in rewards]
    told = [reward for _, reward in algorithm.told]
    assert [math.copysign(1, reward) for reward in stored] == [math.copysign(1, reward) for reward in told]


def test_numbers_of_other_libraries_are_rewards(place, space):
    numpy = pytest.importorskip("numpy")
    with Study.create(place, space, Random()) as study:
        assert study.tell(study.ask().id, numpy.float32(0.5)).reward == 0.5
        assert study.tell(study.ask().id, numpy.array(2)).reward == 2.0


def test_trials_can_be_asked_and_told_while_they_are_read(place, space, monkeypatch):
    monkeypatch.setattr("pliant.study.store.reading.PAGE", 30)
    with Study.create(place, space, Random(), trials=70) as study:
        run(study)
    with Study.open(place, space, Random(), trials=90) as study:
        seen = []
        for trial in study.trials():  # more than one page of them
            seen.append(trial.id)
            if len(seen) <= 20:
                study.tell(study.ask().id, 0.0)
        assert seen == list(range(1, 91))
        study.ask()
        assert list(study.trials("failed")) == []
        assert len(list(study.trials("completed"))) == 90


def test_the_latest_trial_of_decisions(place, space):
    with Study.create(place, space, Random(), trials=9) as study:
        for _ in range(3):
            study.enqueue([1, 0])
        first, second, third = (study.ask() for _ in range(3))
        assert study.latest(first.decisions) is None
        study.tell(first.id, 0.5)
        study.tell(second.id, 0.25)
        study.fail(third.id, "out of memory")
        assert study.latest(first.decisions) == study.trial(2)
        assert [trial.id for trial in study.trials("completed")] == [1, 2]
        assert [trial.id for trial in study.trials("running")] == []


def test_info(place, space):
    with Study.create(place, space, RegularizedEvolution(9, 3), trials=4, name="digits") as study:
        study.ask()
        info = study.info()
        assert (info.name, info.path, info.budget, info.proposed) == ("digits", study.path, 4, 1)
        assert (info.fingerprint, info.maximize, info.schema_version) == (space.fingerprint, True, 4)
        assert (info.exhausted, info.is_complete) == (False, False)
        assert "population_size=9" in info.algorithm
        assert "process" in info.holder
        assert repr(study) == f"<study 'digits' in {str(study.path)!r}>"
    with Study.open(place) as study:
        assert (study.name, study.space, study.maximize) == ("digits", space, True)
        assert study.info().holder is None


def test_a_study_is_called_like_its_place(make_place, space):
    with Study.create(make_place("other"), space, Random()) as study:
        assert re.fullmatch("other(_[0-9a-f]+)?", study.name)


def test_decisions_are_of_the_space_that_was_given(place, space):
    with Study.create(place, space, Random()) as study:
        assert study.ask().decisions.space is space
    with Study.open(place, space, Random()) as study:
        trial = study.ask()
        assert isinstance(trial.decisions, Decisions)
        assert trial.decisions.space is space


def test_threads_share_a_study(place, space):
    with Study.create(place, space, HillClimb(), trials=120) as study:
        faults = []

        def work():
            try:
                run(study)
            except BaseException as error:
                faults.append(error)
                raise

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not faults
        assert [trial.id for trial in study.trials("completed")] == list(range(1, 121))
        assert study.is_complete


def test_a_study_of_a_used_algorithm_goes_on_from_what_it_learned(place, space):
    def learned():
        algorithm = HillClimb(seed=3)
        algorithm.setup(space)
        for rank in range(20):
            decisions = algorithm.propose()
            algorithm.feedback(decisions, -float(rank))
        return algorithm

    alone = learned()
    with Study.create(place, space, learned()) as study:
        assert study.ask().decisions == alone.propose()
    with Study.open(place, space, HillClimb(seed=3)) as study:
        study.tell(study.ask().id, 0.0)
        alone.feedback(study.trial(1).decisions, 0.0)
        assert study.ask().decisions == alone.propose()


@pytest.mark.parametrize("seed", [None, 0, 7, -3, 2**80])
def test_seed(place, space, seed):
    alone = Random(seed=5)
    alone.setup(space, seed=seed)
    with Study.create(place, space, Random(seed=5), seed=seed) as study:
        assert study.ask().decisions == alone.propose()
    with Study.open_or_create(place, space, Random(seed=5), seed=seed) as study:
        assert study.ask().id == 1
        assert study.ask().decisions == alone.propose()
