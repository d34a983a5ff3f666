"""What a trial says on its way: kept, answered by the algorithm, read back, and replayed; several objectives."""

from __future__ import annotations

import pytest

from pliant.algorithms import Algorithm, Random, RegularizedEvolution
from pliant.study import Report, Study
from pliant.study.trials import learner
from pliant.values.errors import FeedbackError, RewardError, StudyError


class Strict(Algorithm):
    """Stops what reports no more than its best so far; goes on from the trial before; counts what it hears."""

    several_rewards = True
    strictness = 0.0

    def _setup(self):
        self.best, self.last = -1e9, None

    def _propose(self):
        self.before, self.last = self.last, self.space.sample(self.random)
        return self.last

    def _report(self, decisions, reward, step):
        stop = reward <= self.best + self.strictness
        self.best = max(self.best, reward)
        return stop

    def _parent(self, decisions):
        return self.before

    def _state(self):
        return {"best": self.best, "last": None if self.last is None else self.last.to_json()}

    def _restore(self, state):
        self.best = state["best"]
        self.last = None if state["last"] is None else self._load(state["last"])


def test_reports_are_kept_and_answered(place, space):
    with Study.create(place, space, Strict()) as study:
        first, second = study.ask(), study.ask()
        assert (first.reports, first.parent, second.parent) == ((), None, first.decisions)
        assert study.report(first.id, 0.5, step=1) is False
        assert study.report(second.id, 0.25, step=1) is True
        assert study.report(first.id, 1, step=2.5) is False
        told = study.tell(first.id, 2.0)
        assert told.reports == (Report(1.0, 0.5, False), Report(2.5, 1.0, False))
        assert not told.should_stop
        assert study.trial(1) == told
        assert [trial.should_stop for trial in study.trials()] == [False, True]
        assert [trial.reports for trial in study.best()] == [told.reports]
    with Study.open(place) as study:
        assert study.trial(1) == told
        assert study.trial(2).parent == first.decisions


def test_the_last_of_two_reports_for_a_step_counts(place, space):
    with Study.create(place, space, Strict()) as study:
        study.ask()
        for reward, step in ((0.5, 2), (0.1, 1), (0.9, 2)):
            study.report(1, reward, step=step)
        expected = (Report(1.0, 0.1, True), Report(2.0, 0.9, False))
        assert study.tell(1, 0).reports == study.trial(1).reports == expected


def test_minimizing_negates_reports_for_the_algorithm_only(place, space):
    algorithm = Strict()
    with Study.create(place, space, algorithm, maximize=False) as study:
        study.ask()
        study.report(1, 3.0, step=1)
        assert algorithm.best == -3.0
        assert study.trial(1).reports == (Report(1.0, 3.0, False),)


def test_bad_reports(study):
    study.ask()
    with pytest.raises(RewardError, match=r"the reward of trial 1 is a finite number; got nan"):
        study.report(1, float("nan"), step=1)
    with pytest.raises(RewardError, match=r"the reward of trial 1 is a finite number; got \(1, 2\)"):
        study.report(1, (1, 2), step=1)
    with pytest.raises(RewardError, match=r"a step is a finite number.*got inf"):
        study.report(1, 1.0, step=float("inf"))
    with pytest.raises(FeedbackError, match=r"has no trial 7; its trials are 1 to 1"):
        study.report(7, 1.0, step=1)
    study.tell(1, 1.0)
    with pytest.raises(FeedbackError, match=r"trial 1 has ended \(completed\), so it cannot report"):
        study.report(1, 1.0, step=1)
    assert study.trial(1).reports == ()


def test_reports_are_replayed(place, space, monkeypatch):
    monkeypatch.setattr(learner, "MIN_EVENTS", 10**6)  # no snapshot but the first
    with Study.create(place, space, Strict()) as study:
        for i in range(5):
            trial = study.ask()
            study.report(trial.id, i / 10, step=1)
        study._loop._learner._events = 0  # so that closing saves no snapshot
    with Study.open(place, space, Strict()) as study:
        assert study.report(5, 0.4, step=2) is True
        assert study.report(5, 0.41, step=3) is False
        assert len(study.trial(5).reports) == 3


def test_another_answer_is_found(place, space, monkeypatch):
    monkeypatch.setattr(learner, "MIN_EVENTS", 10**6)
    with Study.create(place, space, Strict()) as study:
        study.report(study.ask().id, 0.5, step=3)
        study._loop._learner._events = 0
    other = Strict()
    other.strictness = 1e10
    with pytest.raises(
        StudyError,
        match=r"Strict did not repeat itself: it asked trial 1 to continue at step 3, .* now asks for the opposite",
    ):
        Study.open(place, space, other)


def test_a_trial_of_a_process_before_reports_again(place, space):
    with Study.create(place, space, Strict()) as study:
        study.report(study.ask().id, 0.5, step=1)
    with Study.open(place, space, Strict()) as study:
        assert study.report(1, 0.7, step=1) is False
        again = study.ask()
        assert (again.id, again.attempts, again.reports) == (1, 2, (Report(1.0, 0.7, False),))
        assert study.tell(1, 1).reports == again.reports


# --- several objectives ------------------------------------------------------------------------------------


def test_several_rewards_are_kept_and_have_a_front(place, space):
    rewards = [(1.0, 5.0), (2.0, 4.0), (1.5, 4.5), (1.0, 4.0), (2.0, 4.0), (3.0, -0.0)]
    with Study.create(place, space, Strict()) as study:
        assert study.front() == []
        for reward in rewards:
            told = study.tell(study.ask().id, reward)
            assert (told.reward, told.rewards, told.status) == (None, reward, "completed")
        study.fail(study.ask().id, "no")
        front = [trial.id for trial in study.front()]
        assert front == [6, 2, 3, 1]
        assert study.trial(2).rewards == (2.0, 4.0)
        with pytest.raises(
            StudyError, match=r"have several rewards each, so best\(\) does not apply.*study\.front\(\)"
        ):
            study.best()
        with pytest.raises(FeedbackError, match=r"trial 1 was told twice: rewards \(1\.0, 5\.0\) at"):
            study.tell(1, (1, 1))


def test_the_front_of_smaller_is_better(place, space):
    with Study.create(place, space, Random(), maximize=False) as study:
        for reward in [(1, 5), (2, 4), (3, 4)]:
            study.tell(study.ask().id, reward)
        assert [trial.rewards for trial in study.front()] == [(1.0, 5.0), (2.0, 4.0)]


def test_one_reward_has_a_front_of_one(study):
    for reward in (1, 3, 2):
        study.tell(study.ask().id, reward)
    assert [trial.reward for trial in study.front()] == [3.0]


@pytest.mark.parametrize(("first", "second"), [((1, 2), 1), (1, (1, 2)), ((1, 2), (1, 2, 3))])
def test_all_trials_have_the_same_objectives(place, space, first, second):
    with Study.create(place, space, Random()) as study:
        study.ask(), study.ask(), study.ask()
        study.tell(1, first)
        with pytest.raises(RewardError, match=r"trial 2 has \d rewards?, and the trials before it \d each"):
            study.tell(2, second)
    with Study.open(place, space, Random()) as study:
        with pytest.raises(RewardError, match=r"same objectives: give the same number of rewards each time"):
            study.tell(2, second)
        study.tell(2, first)


def test_an_algorithm_of_one_reward_refuses_several(place, space):
    with Study.create(place, space, RegularizedEvolution()) as study:
        study.ask()
        with pytest.raises(RewardError, match="this algorithm takes one reward, got 2"):
            study.tell(1, (1, 2))
        assert study.tell(1, 1.0).reward == 1.0


def test_several_rewards_are_replayed(place, space, monkeypatch):
    monkeypatch.setattr(learner, "MIN_EVENTS", 10**6)
    heard = []

    class Listener(Strict):
        def _feedback(self, decisions, reward):
            heard.append(reward)

    with Study.create(place, space, Listener(), maximize=False) as study:
        study.tell(study.ask().id, (1, -2))
        study._loop._learner._events = 0
    with Study.open(place, space, Listener()):
        assert heard == [(-1.0, 2.0)] * 2


def test_damaged_rewards(place, space, change):
    with Study.create(place, space, Random()) as study:
        study.tell(study.ask().id, (1, 2))
    change(place, "UPDATE trials SET rewards = '[1,'")
    with (
        Study.open(place) as study,
        pytest.raises(StudyError, match=r"trial 1: its rewards are not a list of numbers"),
    ):
        list(study.trials())
