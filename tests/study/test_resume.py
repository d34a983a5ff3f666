"""Closed or cut off at any point and opened again, a study proposes what it would have proposed anyhow."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms import (
    Algorithm,
    Deduplicate,
    Exhausted,
    HillClimb,
    LocalSearch,
    Random,
    RegularizedEvolution,
    Sweep,
)
from pliant.algorithms.fidelity import ASHA, HalvingStopping, MedianStopping
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.trials import learner
from pliant.values.errors import StudyError

SPACE = flatten(
    [
        choice("op", [choice("k", 3), None, integer("n", 1, 40)]),
        choice("a", 4, picks=2, distinct=True),
        choice("b", 3, values=[1, 2, 4]),
    ]
)
ALGORITHMS = {
    "random": lambda: Random(seed=1),
    "without replacement": lambda: Random(seed=2, replace=False),
    "evolution": lambda: RegularizedEvolution(4, 2, seed=3),
    "sweep": Sweep,
    "local search": lambda: LocalSearch(seed=4),
    "first improvement": lambda: LocalSearch(seed=5, first_improvement=True),
    "hill climb": lambda: HillClimb(seed=6),
    "deduplicated": lambda: Deduplicate(RegularizedEvolution(3, 2, seed=7)),
    "median stopping": lambda: MedianStopping(RegularizedEvolution(4, 2, seed=8), min_trials=1),
    "halving": lambda: HalvingStopping(ASHA(budget="b", eta=2, seed=9), eta=2),
}
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from([0, 0, 10, 30])),  # seconds of the lease; 0 for ever
    st.tuples(st.sampled_from(["tell", "tell", "fail", "report", "report"]), st.integers(0, 5)),
    st.tuples(st.sampled_from(["put_back", "renew"]), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.sampled_from([5, 11, 31])),
    st.tuples(st.just("enqueue"), st.integers(0, 5)),
    st.just(("learn", 0)),
    st.sampled_from([("close", 0), ("crash", 0)]),
)


def score(decisions):
    return float(hash(decisions.values) % 1000)  # of numbers, so the same in every process


class Interleaving:
    """A study beside the algorithm alone, told in the same order, in a process that is never left.

    What is out, what waits to be handed out again, and who may be silent for how long is kept here a second time.
    """

    def __init__(self, folder, name, maximize):
        self.folder, self.make, self.maximize = folder, ALGORITHMS[name], maximize
        self.sign = 1 if maximize else -1
        self.alone = self.make()
        self.alone.setup(SPACE)
        self.path = Path(folder, "0.db")
        self.study = Study.create(self.path, SPACE, self.make(), maximize=maximize)
        self.draw = random.Random(0)
        self.time, self.count = 0.0, 0
        self.decisions, self.attempts = {}, {}  # of all that run
        self.out = {}  # id -> (seconds, when silent for too long)
        self.waiting, self.queue, self.lost = [], [], {}
        self.learned = set()  # numbers of trials
        self.set_clock()

    def set_clock(self):
        self.study._loop.leases.clock = lambda: self.time

    def feedback(self, decisions, reward):
        self.alone.feedback(decisions, None if reward is None else self.sign * reward)

    def pick(self, number):
        return sorted(self.decisions)[number % len(self.decisions)]

    def lose(self, trial_id, limit):
        """A trial whose worker was lost; at its limit it has failed."""
        self.lost[trial_id] = self.out.pop(trial_id, self.lost.get(trial_id))
        self.waiting = [other for other in self.waiting if other != trial_id]
        if self.attempts[trial_id] < limit:
            self.waiting.append(trial_id)
        else:
            self.feedback(self.end(trial_id), None)

    def end(self, trial_id):
        self.out.pop(trial_id, None)
        self.lost.pop(trial_id, None)
        self.waiting = [other for other in self.waiting if other != trial_id]
        return self.decisions.pop(trial_id)

    def hear(self, trial_id):
        """A sign of life: whoever had a trial that waits has it back, if that was in this process."""
        lease = self.out.get(trial_id) or self.lost.pop(trial_id, None)
        if lease is not None:
            self.waiting = [other for other in self.waiting if other != trial_id]
            self.out[trial_id] = (lease[0], self.time + lease[0] if lease[0] else None)

    def ask(self, seconds):
        late = [
            (until, key) for key, (_, until) in self.out.items() if until is not None and until < self.time
        ]
        for _, trial_id in sorted(late):
            self.lose(trial_id, 3)
        trial = self.study.ask(lease=seconds or None)
        if self.waiting:
            assert trial.id == self.waiting.pop(0)
            assert trial.decisions == self.decisions[trial.id]
            self.attempts[trial.id] += 1
        else:
            self.count += 1
            expected = self.queue.pop(0) if self.queue else self.alone.propose()
            assert (trial.id, trial.decisions) == (self.count, expected)
            self.attempts[trial.id] = 1
        assert trial.attempts == self.attempts[trial.id]
        self.lost.pop(trial.id, None)
        self.decisions[trial.id] = trial.decisions
        self.out[trial.id] = (seconds, self.time + seconds if seconds else None)

    def tell(self, number):
        trial_id = self.pick(number)
        decisions = self.end(trial_id)
        self.study.tell(trial_id, score(decisions), token=self.attempts[trial_id])
        self.feedback(decisions, score(decisions))

    def fail(self, number):
        trial_id = self.pick(number)
        self.study.fail(trial_id, "why", token=self.attempts[trial_id])
        self.feedback(self.end(trial_id), None)

    def report(self, number):
        trial_id = self.pick(number)
        decisions, reward = self.decisions[trial_id], self.draw.random()
        stop = self.study.report(trial_id, reward, step=number)
        assert stop == self.alone.report(decisions, self.sign * reward, step=number)
        assert (number, reward, stop, None) in self.study.trial(trial_id).reports
        self.hear(trial_id)

    def renew(self, number):
        trial_id = self.pick(number)
        self.study.renew(trial_id, token=self.attempts[trial_id])
        self.hear(trial_id)

    def put_back(self, number):
        trial_id = self.pick(number)
        trial = self.study.put_back(trial_id, "gone", attempts=2 + number % 2)
        self.lose(trial_id, 2 + number % 2)
        assert (trial.status == "running") == (trial_id in self.decisions)

    def wait(self, seconds):
        self.time += seconds

    def enqueue(self, number):
        decisions = SPACE.sample(random.Random(number))
        self.study.enqueue(decisions)
        self.queue.append(decisions)

    def learn(self, _):
        """From itself: what has ended is told once more, which is nonsense, and kept in order all the same."""
        ended = [trial for trial in self.study.trials() if trial.ended and trial.id not in self.learned]
        assert self.study.learn_from(self.study) == len(ended)
        for trial in ended:
            self.learned.add(trial.id)
            self.feedback(trial.decisions, trial.reward)

    def close(self, _):
        self.study.close()
        self.study = Study.open(self.path, SPACE, self.make())
        self.set_clock()
        # All may be told or asked for; asking comes in order.
        self.waiting, self.out, self.lost = sorted(self.decisions), {}, {}

    def crash(self, number):
        """What a killed process leaves is what is in its files now."""
        copy = Path(self.folder, f"{number}.db")
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.path}{suffix}", f"{copy}{suffix}")
        self.study.close()
        self.path = copy
        self.close(0)


@given(
    name=st.sampled_from(sorted(ALGORITHMS)),
    steps=st.lists(STEPS, max_size=60),
    interval=st.sampled_from([1, 2, 7, 64]),
    maximize=st.booleans(),
)
@settings(max_examples=80)
def test_any_interleaving_proposes_the_same(name, steps, interval, maximize):
    """Against the algorithm alone, told in the same order, in a process that is never left."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "MIN_EVENTS", interval)
        patch.setattr(learner, "BYTES_PER_EVENT", 1 << 20)
        both = Interleaving(folder, name, maximize)
        for at, (action, number) in enumerate(steps, 1):
            if action in ("tell", "fail", "report", "renew", "put_back") and not both.decisions:
                continue
            getattr(both, action)(at if action == "crash" else number)
        both.study.close()


@pytest.mark.parametrize("name", ["sweep", "without replacement", "deduplicated"])
def test_exhaustion_survives(tmp_path, name):
    small, make = flatten([choice("a", 3), choice("b", 2)]), ALGORITHMS[name]
    seen = []
    Study.create(tmp_path / "a.db", small, make()).close()
    while True:
        with Study.open(tmp_path / "a.db", small, make()) as study:
            trial = study.ask()
            if trial is None:
                break
            seen.append(trial.decisions)
            study.tell(trial.id, score(trial.decisions))
    assert len(seen) == len(set(seen)) == 6


def test_running_trials_come_again_first_and_in_order(tmp_path):
    with Study.create(tmp_path / "a.db", SPACE, Random(), trials=6) as study:
        asked = [study.ask() for _ in range(5)]
        study.tell(2, 0.0)
        study.fail(4, "lost")
    with Study.open(tmp_path / "a.db", SPACE, Random()) as study:
        assert not study.is_complete
        again = [study.ask() for _ in range(3)]
        assert [(trial.id, trial.attempts) for trial in again] == [(1, 2), (3, 2), (5, 2)]
        assert [trial.decisions for trial in again] == [asked[i].decisions for i in (0, 2, 4)]
        assert all(new.started >= old.started for new, old in zip(again, asked[::2], strict=True))
        assert study.trial(3) == again[1]
        assert (study.ask().id, study.ask()) == (6, None)


def test_a_trial_of_a_process_before_may_be_told_without_being_asked_for(tmp_path):
    """A worker that outlived the coordinator reports to the next one."""
    with Study.create(tmp_path / "a.db", SPACE, Random(), trials=3) as study:
        study.ask(), study.ask()
    with Study.open(tmp_path / "a.db", SPACE, Random()) as study:
        told = study.tell(1, 0.5)
        assert (told.status, told.attempts, told.seconds) == ("completed", 1, None)
        assert [study.ask().id, study.ask().id, study.ask()] == [2, 3, None]


def test_a_budget_can_be_raised(tmp_path):
    with Study.create(tmp_path / "a.db", SPACE, Random(), trials=2) as study:
        while trial := study.ask():
            study.tell(trial.id, 0.0)
    with Study.open_or_create(tmp_path / "a.db", SPACE, Random()) as study:
        assert study.is_complete
    with Study.open_or_create(tmp_path / "a.db", SPACE, Random(), trials=3) as study:
        assert not study.is_complete
        assert (study.ask().id, study.ask()) == (3, None)


def test_open_or_create_makes_a_study_of_what_an_interrupted_making_left(tmp_path):
    for number, prepare in enumerate([lambda file: file.touch(), make_empty_database]):
        file = tmp_path / f"{number}.db"
        prepare(file)
        with Study.open_or_create(file, SPACE, Random(), trials=1) as study:
            assert study.ask().id == 1


def make_empty_database(file):
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    assert file.stat().st_size > 0


def test_the_same_algorithm_object_can_be_used_again(tmp_path):
    algorithm, alone = HillClimb(), HillClimb()
    alone.setup(SPACE)
    with Study.create(tmp_path / "a.db", SPACE, algorithm) as study:
        study.tell(study.ask().id, 1.0)
        alone.feedback(alone.propose(), 1.0)
    algorithm.propose()  # elsewhere; where it stands is taken from the file
    with Study.open(tmp_path / "a.db", SPACE, algorithm) as study:
        assert study.ask().decisions == alone.propose()


# --- snapshots ---------------------------------------------------------------------------------------------


def read(path, query):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_snapshots_are_far_between_and_one_is_kept(tmp_path):
    with Study.create(tmp_path / "a.db", SPACE, Random()) as study:
        at = set()
        for _ in range(100):
            study.tell(study.ask().id, 0.0)
            ((seq, size),) = read(tmp_path / "a.db", "SELECT seq, length(state) FROM states")
            at.add(seq)
        assert at == {0, 64, 128, 192}
        assert size < 64 * 256
    assert read(tmp_path / "a.db", "SELECT seq FROM states") == [(200,)]  # closing saves the next a replay


def test_large_states_are_saved_less_often(tmp_path):
    class Large(Algorithm):
        def _propose(self):
            return self.space.sample(self.random)

        def _state(self):
            return {"ballast": "x" * 256 * 100}

    with Study.create(tmp_path / "a.db", SPACE, Large()) as study:
        at = {}
        for _ in range(240):
            study.tell(study.ask().id, 0.0)
            at.update(read(tmp_path / "a.db", "SELECT seq, length(state) FROM states"))
    (_, first), (second, size), *rest = at.items()
    assert second == first // 256 >= 100
    assert [seq - second for seq, _ in rest] == [(size // 256) * (i + 1) for i in range(len(rest))]
    assert rest


def test_slow_algorithms_are_saved_more_often(tmp_path, monkeypatch):
    monkeypatch.setattr(learner, "MAX_REPLAY_SECONDS", 0.0)
    with Study.create(tmp_path / "a.db", SPACE, Random()) as study:
        study.ask()
        assert read(tmp_path / "a.db", "SELECT seq FROM states") == [(1,)]


def test_the_record_is_numbers_and_json(tmp_path):
    """Nothing that is loaded runs: no pickles, and no names of classes to import."""
    with Study.create(tmp_path / "a.db", SPACE, RegularizedEvolution(3, 2)) as study:
        for _ in range(5):
            study.tell(study.ask().id, 0.0)
    for table, column in [
        ("study", "space"),
        ("study", "algorithm"),
        ("trials", "decisions"),
        ("states", "state"),
    ]:
        for (text,) in read(tmp_path / "a.db", f"SELECT {column} FROM {table}"):
            json.loads(text)
    assert read(tmp_path / "a.db", "SELECT kind, trial FROM events ORDER BY seq") == [
        (kind, trial) for trial in range(1, 6) for kind in ("ask", "tell")
    ]


# --- failures in the middle of a step ----------------------------------------------------------------------


class Fragile(Algorithm):
    """Draws a number, and then fails where it is told to: it is left elsewhere than where it was."""

    fails_at = ""

    def _setup(self):
        self.told = 0

    def _propose(self):
        found = self.space.sample(self.random)
        if self.fails_at == "propose":
            raise OSError("no more")
        return found

    def _feedback(self, decisions, reward):
        self.told += 1
        self.random.random()
        if self.fails_at == "feedback":
            raise KeyboardInterrupt

    def _state(self):
        return {"told": self.told}

    def _restore(self, state):
        self.told = state["told"]


def test_a_failing_algorithm_is_put_back(tmp_path):
    algorithm, alone = Fragile(), Fragile()
    alone.setup(SPACE)
    with Study.create(tmp_path / "a.db", SPACE, algorithm) as study:
        for trial_id in range(1, 40):
            algorithm.fails_at = "propose"
            with pytest.raises(OSError, match="no more"):
                study.ask()
            algorithm.fails_at = ""
            trial, decisions = study.ask(), alone.propose()
            assert (trial.id, trial.decisions) == (trial_id, decisions)
            algorithm.fails_at = "feedback"
            with pytest.raises(KeyboardInterrupt, match=r"^$"):
                study.tell(trial_id, 1.0)
            assert study.trial(trial_id).status == "running"
            algorithm.fails_at = ""
            study.tell(trial_id, 1.0)
            alone.feedback(decisions, 1.0)
        assert algorithm.told == 39


def test_a_full_disk_loses_nothing(tmp_path):
    alone = HillClimb()
    alone.setup(SPACE)
    failures = 0
    with Study.create(tmp_path / "a.db", SPACE, HillClimb(), trials=200) as study:
        connection = study._store.record.connection.connection.driver_connection
        (limit,) = connection.execute("PRAGMA page_count").fetchone()

        def insist(step, *arguments):
            """Takes a step; as long as the disk is full, frees some space and takes it again."""
            nonlocal limit, failures
            while True:
                connection.execute(f"PRAGMA max_page_count={limit}")
                with suppress(Full):
                    return expect_full(step, *arguments)
                failures, limit = failures + 1, limit + 1

        while trial := insist(study.ask):
            insist(study.tell, trial.id, score(trial.decisions))
        assert failures > 5
        assert study.counts() == {"running": 0, "completed": 200, "stopped": 0, "failed": 0}
        for trial in study.trials():
            decisions = alone.propose()
            assert trial.decisions == decisions
            alone.feedback(decisions, score(decisions))


class Full(Exception):
    pass


def expect_full(step, *arguments):
    outcome = None
    try:
        outcome = step(*arguments)
    except StudyError as error:
        if "the disk is full. Free some space and run again: what was told before is kept" in f"{error}":
            raise Full from error
        raise
    return outcome


def test_exhausted_is_not_a_failure():
    assert not issubclass(Exhausted, StopIteration)  # inside a generator it would end the loop in silence


def test_opening_makes_two_connections(path, space, monkeypatch):
    """One to the study, and one to its lock; a reader makes one."""
    Study.create(path, space, Random()).close()
    connect, made = sqlite3.connect, []

    def count(*arguments, **options):
        made.append(arguments)
        return connect(*arguments, **options)

    monkeypatch.setattr(sqlite3, "connect", count)
    for opens, expected in (
        (lambda: Study.open_or_create(path, space, Random()), 2),
        (lambda: Study.open(path, space, Random()), 2),
        (lambda: Study.open(path), 1),
        (lambda: Study.open_or_create(path.with_name("new.db"), space, Random()), 2),
    ):
        made.clear()
        opens().close()
        assert len(made) == expected
