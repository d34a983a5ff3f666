"""Leases by a fake clock: who has which trial, until when, and in which order lost trials are handed out again."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pliant.algorithms import Random
from pliant.space import choice, flatten
from pliant.study import Study
from pliant.study.trials.lease import Leases
from pliant.study.trials.trial import start_trial
from pliant.values.errors import FieldValueError, StaleError

SPACE = flatten([choice("a", 3)])


class Clock:
    def __init__(self):
        self.time = 1000.0

    def __call__(self):
        return self.time


def trial(number, **changes):
    return start_trial(number, SPACE.parse([0]), **changes)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def leases(clock):
    return Leases(clock)


def test_a_lease_is_broken_by_silence(leases, clock):
    leases.grant(trial(1), 5.0)
    clock.time += 5.0
    assert leases.expired() == []
    clock.time += 0.001
    assert [late.id for late in leases.expired()] == [1]
    assert leases.find(1).since == 1000.0


def test_without_seconds_it_is_for_ever(leases, clock):
    leases.grant(trial(1), None)
    clock.time += 1e9
    assert leases.expired() == []
    leases.renew(trial(1))
    assert leases.find(1).until is None


def test_a_sign_of_life_renews_it(leases, clock):
    leases.grant(trial(1), 5.0)
    for _ in range(10):
        clock.time += 4.0
        leases.renew(trial(1))
        assert leases.expired() == []
    clock.time += 5.1
    assert [late.id for late in leases.expired()] == [1]


def test_those_first_that_were_silent_first(leases, clock):
    for number, seconds in [(1, 9.0), (2, 3.0), (3, 3.0), (4, 1.0), (5, 100.0)]:
        leases.grant(trial(number), seconds)
    clock.time += 50
    assert [late.id for late in leases.expired()] == [4, 2, 3, 1]


def test_lost_trials_wait_in_the_order_in_which_they_were_lost(leases):
    for number in (1, 2, 3):
        leases.grant(trial(number), 5.0)
    leases.put_back(trial(3))
    leases.put_back(trial(1))
    assert leases.next_waiting().id == 3
    leases.put_back(trial(3))  # lost again, by whoever says so twice: it waits once, and last
    assert leases.next_waiting().id == 1
    leases.end(1)
    assert leases.next_waiting().id == 3
    leases.end(3)
    assert leases.next_waiting() is None
    assert leases.find(1) is None
    assert leases.find(2) is not None


def test_a_holder_whose_trial_waits_has_it_back(leases, clock):
    leases.grant(trial(1), 5.0)
    clock.time += 6
    leases.put_back(trial(1))
    assert leases.find(1) is None
    leases.renew(trial(1, worker="a"))
    assert leases.next_waiting() is None
    lease = leases.find(1)
    assert (lease.trial.worker, lease.since, lease.until) == ("a", 1000.0, 1011.0)


def test_a_holder_from_before_this_process_waits_on(leases):
    leases.reset([trial(1)])
    leases.renew(trial(1, worker="a"))
    assert leases.find(1) is None
    assert leases.next_waiting().worker == "a"


def test_reset_agrees_with_the_record(leases):
    for number in (1, 2, 3, 4):
        leases.grant(trial(number), 5.0)
    leases.put_back(trial(4))
    leases.put_back(trial(3))
    leases.reset([trial(number) for number in (2, 3, 4, 6, 5)])  # 1 ended; 5 and 6 are of another process
    assert leases.find(1) is None
    assert leases.find(2) is not None
    order = []
    while (waiting := leases.next_waiting()) is not None:
        order.append(waiting.id)
        leases.end(waiting.id)
    assert order == [4, 3, 6, 5]


class Model(RuleBasedStateMachine):
    """Every trial is out, waits, or has ended; never two of them, whatever happens in whatever order."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.leases = Leases(self.clock)
        self.out, self.waiting, self.count = {}, [], 0  # id -> (seconds, last sign)
        self.known = {}  # id -> seconds of the last lease

    def pick(self, number):
        ids = sorted([*self.out, *self.waiting])
        return ids[number % len(ids)] if ids else None

    @rule(seconds=st.sampled_from([None, 1.0, 2.0, 7.5]))
    def ask(self, seconds):
        if self.waiting:
            number = self.waiting.pop(0)
            assert self.leases.next_waiting().id == number
        else:
            self.count = number = self.count + 1
        self.leases.end(number)
        self.leases.grant(trial(number), seconds)
        self.out[number] = (seconds, self.clock.time)
        self.known[number] = seconds

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0]))
    def wait(self, seconds):
        self.clock.time += seconds

    @rule(number=st.integers(0, 9))
    def renew(self, number):
        key = self.pick(number)
        if key is not None:
            self.leases.renew(trial(key))
            if key in self.out or key in self.known:
                self.waiting = [one for one in self.waiting if one != key]
                self.out[key] = (self.known[key], self.clock.time)

    @rule(number=st.integers(0, 9))
    def put_back(self, number):
        key = self.pick(number)
        if key is not None:
            self.leases.put_back(trial(key))
            self.out.pop(key, None)
            self.waiting = [*(one for one in self.waiting if one != key), key]

    @rule(number=st.integers(0, 9))
    def end(self, number):
        key = self.pick(number)
        if key is not None:
            self.leases.end(key)
            self.out.pop(key, None)
            self.waiting = [one for one in self.waiting if one != key]

    @rule(is_same_process=st.booleans())
    def reset(self, is_same_process):
        running = sorted([*self.out, *self.waiting])
        if not is_same_process:
            self.leases = Leases(self.clock)
            self.out, self.waiting, self.known = {}, running, {}
        self.leases.reset([trial(key) for key in running])

    @invariant()
    def agrees(self):
        waiting = self.leases.next_waiting()
        assert (waiting and waiting.id) == (self.waiting[0] if self.waiting else None)
        assert all(
            (self.leases.find(key) is not None) == (key in self.out) for key in range(1, self.count + 1)
        )
        late = [
            (sign + seconds, key)
            for key, (seconds, sign) in self.out.items()
            if seconds is not None and sign + seconds < self.clock.time
        ]
        assert [one.id for one in self.leases.expired()] == [key for _, key in sorted(late)]


TestModel = Model.TestCase


# --- in a study --------------------------------------------------------------------------------------------


def test_a_silent_worker_loses_its_trial_and_a_loud_one_keeps_it(place, space):
    clock = Clock()
    with Study.create(place, space, Random()) as study:
        study._loop.leases.clock = clock
        silent, loud = study.ask(worker="a", lease=10), study.ask(worker="b", lease=10)
        clock.time += 9
        study.renew(loud.id, token=loud.token)
        clock.time += 9
        study.report(loud.id, 0.5, step=1, token=loud.token)
        clock.time += 9
        again = study.ask(worker="c", lease=10)
        assert (again.id, again.decisions, again.token, again.worker) == (1, silent.decisions, 2, "c")
        assert study.ask().id == 3
        ((_, trial_id, text),) = study.journal()
        assert (trial_id, text) == (1, "attempt 1 was lost: a was silent for 10 s")
        with pytest.raises(StaleError, match=r"was handed out again as attempt 2 to c"):
            study.renew(silent.id, token=silent.token)


def test_a_clock_of_the_wall_that_jumps_breaks_no_lease(place, space, monkeypatch):
    """F13: an hour forth and back."""
    with Study.create(place, space, Random()) as study:
        study.ask(lease=60)
        for text in ("2100-01-01T00:00:00.000+00:00", "1990-01-01T00:00:00.000+00:00"):
            monkeypatch.setattr("pliant.study.trials.trial.now", lambda text=text: text)
            monkeypatch.setattr("pliant.study.loop.now", lambda text=text: text)
            other = study.ask(lease=60)
            assert other.attempts == 1
            told = study.tell(other.id, 0.5)
            assert (told.ended, told.seconds >= 0) == (text, True)
        assert study.journal() == []


@pytest.mark.parametrize("lease", [0, -1.5])
def test_a_lease_of_no_time(study, lease):
    with pytest.raises(
        FieldValueError, match=r"lease is a number of seconds above 0, or None for no limit; got"
    ):
        study.ask(lease=lease)
    assert study.counts()["running"] == 0


def test_a_pause_of_the_process_breaks_no_lease(leases, clock):
    """What passes between two looks of a server beyond its beat is not time in which a worker was silent."""
    leases.grant(trial(1), 4.0)
    leases.grant(trial(2), None)
    leases.now()
    leases.beat = 1.0
    for seconds, paused in ((1.0, 0.0), (600.0, 599.0), (0.5, 599.0), (3.0, 601.0)):
        clock.time += seconds
        assert leases.expired() == []
        assert leases.paused == paused
    clock.time += 0.501
    assert [late.id for late in leases.expired()] == [1]
    leases.beat = None
    leases.grant(trial(3), 4.0)
    clock.time += 4.001
    assert [late.id for late in leases.expired()] == [1, 3]


def test_many_leases_expire_in_turn(leases, clock):
    for number in range(250):
        leases.grant(trial(number + 1), 1.0)
    clock.time += 2.0
    for count in (100, 100, 50, 0):
        found = leases.expired()
        assert len(found) == count
        for one in found:
            leases.put_back(one)
    assert leases.next_waiting().id == 1
