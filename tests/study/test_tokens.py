"""Two workers of one trial: a late result counts as long as nobody else has the trial, and is refused after that."""

from __future__ import annotations

import random

import pytest

from pliant.algorithms import Algorithm, Random
from pliant.study import Study
from pliant.values.errors import FeedbackError, StaleError


class Listener(Algorithm):
    """Proposes at random and keeps what it is told."""

    def _setup(self):
        self.told = []

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append(reward)

    def _state(self):
        return {"told": self.told}

    def _restore(self, state):
        self.told = state["told"]


def test_a_late_result_is_taken_while_nobody_else_has_the_trial(study):
    first = study.ask(worker="a")
    assert study.put_back(first.id, "no answer", token=first.token).status == "running"
    assert study.tell(first.id, 0.5, token=first.token).reward == 0.5
    assert study.ask().id == 2  # it waits no more
    assert [text for _, _, text in study.journal()] == ["attempt 1 was lost: no answer"]


def test_a_result_of_an_attempt_that_was_given_up_is_refused_and_noted(place, space):
    algorithm = Listener()
    with Study.create(place, space, algorithm) as study:
        first = study.ask(worker="a")
        study.put_back(first.id, "no answer", token=first.token)
        second = study.ask(worker="b")
        assert (second.id, second.token, second.decisions) == (first.id, 2, first.decisions)
        late = r"attempt 1 of trial 1 was given up, and the trial was handed out again as attempt 2 to b: its result is"
        for step in (
            lambda: study.tell(1, 0.1, token=first.token),
            lambda: study.fail(1, "why", token=first.token),
        ):
            with pytest.raises(StaleError, match=late) as caught:
                step()
            assert caught.value.trial_id == 1
            assert isinstance(caught.value, FeedbackError)
        for step in (
            lambda: study.report(1, 0.1, step=1, token=first.token),
            lambda: study.renew(1, token=first.token),
            lambda: study.put_back(1, "again", token=first.token),
        ):
            with pytest.raises(
                StaleError, match=r"`renew\(id, token=\.\.\.\)` now and then, or by a longer lease"
            ):
                step()
        assert study.trial(1).reports == ()
        assert algorithm.told == []
        assert study.tell(1, 0.9, token=second.token).reward == 0.9
        assert algorithm.told == [0.9]
        notes = study.journal()
        assert [trial_id for _, trial_id, _ in notes] == [1, 1, 1]  # one lost, two results that came late
        assert notes[0][2] == "attempt 1 was lost: no answer"
        assert all(note[2].startswith("attempt 1 of trial 1 was given up") for note in notes[1:])


def test_who_shows_no_token_is_believed(study):
    study.put_back(study.ask().id, "no answer")
    study.ask()
    assert study.tell(1, 0.5).attempts == 2


def test_a_token_of_the_future_is_no_token(study):
    study.ask()
    with pytest.raises(
        FeedbackError, match=r"trial 1 has no attempt 2: its present attempt is 1\. Pass `trial\.token`"
    ):
        study.tell(1, 0.5, token=2)
    assert study.journal() == []


def test_put_back_three_times_the_trial_has_failed(place, space):
    algorithm = Listener()
    with Study.create(place, space, algorithm) as study:
        for attempt in (1, 2):
            trial = study.ask()
            assert (trial.id, trial.attempts) == (1, attempt)
            lost = study.put_back(1, f"killed {attempt}", token=trial.token)
            assert (lost.status, lost.reason) == ("running", f"killed {attempt}")
            assert study.trial(1).reason == f"killed {attempt}"
        study.ask()
        failed = study.put_back(1, "killed 3")
        assert (failed.status, failed.reason) == ("failed", "killed 3 (attempt 3 of 3)")
        assert failed == study.trial(1)
        assert algorithm.told == [None]
        assert study.ask().id == 2
        with pytest.raises(FeedbackError, match=r"trial 1 has ended \(failed\)"):
            study.put_back(1, "again")
        assert len(study.journal()) == 3


def test_of_one_attempt_the_first_loss_is_the_end(study):
    study.ask()
    assert study.put_back(1, "gone", attempts=1).reason == "gone (attempt 1 of 1)"


def test_put_back_comes_before_what_is_queued_and_new(study, space):
    study.enqueue(space.sample(random.Random(0)))
    asked = [study.ask() for _ in range(3)]
    study.enqueue(space.sample(random.Random(0)), "second")
    study.put_back(3, "lost")
    study.put_back(1, "lost")
    again = [study.ask() for _ in range(4)]
    assert [trial.id for trial in again] == [3, 1, 4, 5]
    assert again[1].origin == asked[0].origin == "enqueued"
    assert again[2].origin == "enqueued: second"


def test_a_result_that_is_told_twice_by_two_processes(place, space):
    """The first is open still when another takes over: what the first tells is refused, whatever it thinks."""
    with Study.create(place, space, Random()) as study:
        trial = study.ask(worker="a")
    with Study.open(place, space, Random()) as study:
        assert study.ask(worker="b").token == 2
        with pytest.raises(StaleError, match="as attempt 2 to b"):
            study.tell(1, 0.5, token=trial.token)
        study.tell(1, 0.5, token=2)
        with pytest.raises(FeedbackError, match=r"trial 1 was told twice: reward 0\.5"):
            study.tell(1, 0.5, token=trial.token)


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (lambda study: study.put_back(1, "no answer"), "attempt 1 was lost: no answer"),
        (lambda study: study.put_back(1, "no answer", attempts=None), "attempt 1 was lost: no answer"),
        (lambda study: None, "attempt 1 was interrupted"),
    ],
    ids=["put back", "put back without a limit", "closed"],
)
def test_the_end_of_an_attempt_has_one_line(place, space, end, line):
    """Whichever process writes it: the one that lost the trial, or the next one that hands it out again."""
    with Study.create(place, space, Random()) as study:
        study.ask(worker="a")
        end(study)
    for attempt in (2, 3):
        with Study.open(place, space, Random()) as study:
            trial = study.ask()
            assert (trial.id, trial.attempts) == (1, attempt)
            lines = [line, "attempt 2 was interrupted"][: attempt - 1]
            assert [(trial, text) for _, trial, text in study.journal()] == [(1, text) for text in lines]
