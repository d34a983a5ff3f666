"""A study on a launcher: every outcome of a job, reports, early stops, limits, Ctrl-C, and jobs that can never run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import Algorithm, Random, RegularizedEvolution
from pliant.launch import Call, Ended, InPlace, Job, Launcher, Limits, Message, Outcome, Processes, Started
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.run import Failed, Lost, Seen, Told, read_call, run
from pliant.values.errors import FieldTypeError, LaunchError, StudyError

TASKS = str(Path(__file__).with_name("tasks.py"))
PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def line():
    return flatten([integer("x", 0, 999)])


def job_of(trial, payload, limits=Limits()):  # noqa: B008 - frozen
    return Job(f"{trial.id}.{trial.token}", Call(f"{TASKS}:act", payload), limits, trial.attempts)


def jobs_of(payloads, **options):
    return lambda trial: job_of(trial, payloads[(trial.id - 1) % len(payloads)], **options)


class Strict(Algorithm):
    """Stops whatever reports less than 1."""

    def _propose(self):
        return self.space.sample(self.random)

    def _report(self, decisions, reward, step):
        return reward < 1


class Scripted(Launcher):
    """Jobs that end as a function says, or when they are cancelled; nothing runs."""

    def __init__(self, outcome=lambda job: Outcome("returned", 1.0), slots=2):
        self.slots, self.outcome = slots, outcome
        self.jobs, self.events, self.most, self.cancelled, self.replies = {}, deque(), 0, [], []

    def start(self, job):
        self.jobs[job.id] = job
        self.most = max(self.most, len(self.jobs))
        self.events.append(Started(job.id, "nowhere"))
        found = self.outcome(job)
        if isinstance(found, Outcome):
            self.end(job.id, found)

    def end(self, job_id, outcome):
        self.events.append(Ended(job_id, outcome))

    def poll(self, timeout):
        if not self.events and timeout:
            time.sleep(min(timeout, 0.01))
        events = list(self.events)
        self.events.clear()
        for event in events:
            if isinstance(event, Ended):
                del self.jobs[event.job]
        return events

    def reply(self, job_id, message):
        self.replies.append(message)

    def cancel(self, job_id, reason):
        self.cancelled.append((job_id, reason))
        if job_id in self.jobs and not any(isinstance(e, Ended) and e.job == job_id for e in self.events):
            self.end(job_id, Outcome("cancelled", reason=reason))

    def close(self):
        pass


# --- outcomes ----------------------------------------------------------------------------------------------

OUTCOMES = [
    ({"do": "return", "value": 0.5}, "completed", 0.5, None),
    ({"do": "return", "value": {"reward": 2, "metrics": {"loss": 1}}}, "completed", 2.0, None),
    ({"do": "return", "value": None}, "failed", None, r"no reward: .*got None"),
    ({"do": "return", "value": "good"}, "failed", None, r"no reward: .*got 'good'"),
    ({"do": "return", "value": float("nan")}, "failed", None, r"no reward: .*finite number; got nan"),
    ({"do": "return", "value": {"reward": 1, "metrics": {"loss": "low"}}}, "failed", None, r"'loss'"),
    ({"do": "return", "value": {"reward": 1, "metrics": 3}}, "failed", None, r"metrics is a dict"),
    ({"do": "return", "value": {"failed": "diverged", "metrics": {"loss": 9}}}, "failed", None, "^diverged$"),
    ({"do": "return", "value": {"failed": "no", "metrics": {"loss": None}}}, "failed", None, "^no$"),
    ({"do": "raise", "value": "no such layer"}, "failed", None, "^ValueError: no such layer$"),
]
DEATHS = [
    ({"do": "exit", "value": 3}, "failed", None, "exit.* 3"),
    ({"do": "die", "value": 1}, "completed", 1.0, None),
    ({"do": "die", "value": 9}, "failed", None, r"SIGKILL.*\(attempt 3 of 3\)"),
]


@pytest.fixture(scope="module")
def processes():
    with Processes(2, grace_seconds=0.5) as launcher:
        yield launcher


@pytest.mark.parametrize("name", ["in place", "processes"])
def test_every_outcome(name, path, line, processes):
    launcher = InPlace() if name == "in place" else processes
    cases = OUTCOMES if name == "in place" else [*OUTCOMES, *DEATHS]
    ended = []
    with Study.create(path, line, Random(), trials=len(cases)) as study:
        ending = run(study, launcher, jobs_of([case[0] for case in cases]), on_end=ended.append, tick=0.01)
        assert (ending.how, ending.message) == ("complete", "All trials have ended.")
        for trial, (payload, status, reward, reason) in zip(study.trials(), cases, strict=True):
            assert (trial.status, trial.reward) == (status, reward), payload
            if reason is None:
                assert trial.reason is None
            else:
                assert re.search(reason, trial.reason)
        assert sorted(trial.id for trial in ended) == [trial.id for trial in study.trials()]
        assert all(trial.ended for trial in ended)
        if name == "processes":
            assert [study.trial(len(cases) + i).attempts for i in (-2, -1, 0)] == [1, 2, 3]
            lost = [text for _, trial_id, text in study.journal() if trial_id == len(cases)]
            assert [text[:19] for text in lost] == [f"attempt {i} was lost:" for i in (1, 2, 3)]
        assert study.trial(2).metrics == {"loss": 1.0}
        assert study.trial(8).metrics == {"loss": 9.0}
    if name == "in place":
        launcher.close()


def test_over_its_time(path, line, processes, tmp_path):
    payload = {"do": "sleep", "value": 60, "folder": str(tmp_path)}
    with Study.create(path, line, Random(), trials=1) as study:
        run(study, processes, jobs_of([payload], limits=Limits(seconds=0.2)), tick=0.01)
        assert (study.trial(1).status, study.trial(1).attempts) == ("failed", 1)
        assert "longer than its limit of 0.2 s" in study.trial(1).reason


def test_several_rewards():
    assert read_call(None, Outcome("returned", [1, 2])) == Told((1, 2))
    assert read_call(None, Outcome("returned", {"reward": [1], "metrics": None})) == Told((1,))
    for how in ("raised", "exited", "timeout", "memory", "cancelled"):
        cause = how if how in ("timeout", "memory") else "error"
        assert read_call(None, Outcome(how, reason="why")) == Failed("why", cause=cause)
    for said, cause in (("skipped", "skipped"), ("reward", "reward"), ("stopped", "error"), (None, "error")):
        returned = Outcome("returned", {"failed": "why", "cause": said})
        assert read_call(None, returned) == Failed("why", cause=cause)
    assert read_call(None, Outcome("lost", reason="why")) == Lost("why")


def test_a_slot_is_filled_as_soon_as_it_is_free(path, line):
    launcher = Scripted(slots=3)
    with Study.create(path, line, Random(), trials=20) as study:
        assert run(study, launcher, jobs_of([None])).how == "complete"
        assert launcher.most == 3
        assert study.counts()["completed"] == 20


def test_the_same_trials_as_the_algorithm_alone(path, line, processes):
    """With one worker, in the order of proposal; with more, told in the order of the record."""
    for number, launcher in enumerate([InPlace(), processes]):
        file = path.with_name(f"{number}.db")
        alone = RegularizedEvolution(5, 2, seed=1)
        alone.setup(line)
        with Study.create(file, line, RegularizedEvolution(5, 2, seed=1), trials=25) as study:
            run(
                study,
                launcher,
                lambda trial: job_of(trial, {"do": "return", "value": trial.decisions["x"] % 97}),
                tick=0.01,
            )
            trials = list(study.trials())
            with study._store.transaction() as record:
                events = list(record.events_after(0))
        for event in events:
            if event.kind == "ask":
                assert event.decisions == alone.propose()
            else:
                alone.feedback(event.decisions, event.reward)
        assert [trial.reward for trial in trials] == [trial.decisions["x"] % 97 for trial in trials]


# --- reports -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["in place", "processes"])
def test_reports_are_answered(name, path, line, processes):
    launcher = InPlace() if name == "in place" else processes
    good = [{"reward": 3, "step": 1, "metrics": {"loss": 2}}, {"reward": 2, "step": 2}]
    stops = [{"reward": 2, "step": 1}, {"reward": 0.5, "step": 2}, {"reward": 3, "step": 3}]
    wrong = [
        {"step": 1},
        {"reward": "x", "step": 1},
        {"reward": 1},
        [1],
        None,
        {"reward": 1, "step": 1, "metrics": [1]},
        {"reward": 1, "step": "one"},
    ]
    payloads = [{"do": "report", "value": value} for value in (good, stops, wrong)]
    with Study.create(path, line, Strict(), trials=3) as study:
        run(study, launcher, jobs_of(payloads), tick=0.01)
        first, second, third = study.trials()
        assert [(r.step, r.reward, r.stop, r.metrics) for r in first.reports] == [
            (1, 3, False, {"loss": 2.0}),
            (2, 2, False, None),
        ]
        assert (first.reward, first.metrics) == (2.0, {"errors": 0.0})
        assert ([r.reward for r in second.reports], second.reward) == ([2.0, 0.5], 2.0)
        assert second.should_stop
        assert (third.reports, third.metrics) == ((), {"errors": float(len(wrong))})
    if name == "in place":
        launcher.close()


def test_a_study_that_cannot_be_written_is_no_fault_of_the_trial(path, line, monkeypatch):
    launcher = Scripted(
        lambda job: launcher.events.append(Message(job.id, {"reward": 1, "step": 1})), slots=1
    )
    with Study.create(path, line, Random(), trials=2) as study:

        def break_down(*arguments, **options):
            raise StudyError("the disk is full.")

        monkeypatch.setattr(study, "report", break_down)
        with pytest.raises(StudyError, match="the disk is full"):
            run(study, launcher, jobs_of([None]))
        assert study.counts()["running"] == 1
        assert launcher.replies == []


def test_what_a_command_writes_is_watched_and_its_job_ended(path, line):
    launcher = Scripted(lambda job: None)  # runs until it is cancelled
    looks = {}

    def watch(trial):
        looks[trial.id] = looks.get(trial.id, 0) + 1
        step = looks[trial.id]
        if step == 2:
            return [Seen(2, float("nan")), Seen(2.5, 1.5)]
        return [Seen(step, 2 if step < 4 else 0.25, {"loss": step})]

    with Study.create(path, line, Strict(), trials=2) as study:
        assert run(study, launcher, jobs_of([None]), watch=watch, tick=0.01).how == "complete"
        for trial in study.trials():
            assert [(r.step, r.reward) for r in trial.reports][:4] == [(1, 2), (2.5, 1.5), (3, 2), (4, 0.25)]
            assert (trial.status, trial.reward, trial.metrics) == ("stopped", 0.25, {"loss": 4.0})
    assert launcher.cancelled == [
        ("1.1", "the algorithm stopped this trial early"),
        ("2.1", "the algorithm stopped this trial early"),
    ]


def test_a_job_that_ends_by_itself_as_it_is_stopped_counts_by_its_outcome(path, line):
    launcher = Scripted(lambda job: None, slots=1)

    def watch(trial):
        if not trial.id % 2:
            launcher.end(f"{trial.id}.1", Outcome("returned", 7.0))
        return [Seen(1, 0.0)]

    launcher.cancel = lambda job_id, reason: (
        job_id == "1.1" and launcher.end(job_id, Outcome("exited", reason="exit code 1"))
    )
    with Study.create(path, line, Strict(), trials=2) as study:
        run(study, launcher, jobs_of([None]), watch=watch, tick=0.01)
        assert (study.trial(1).status, study.trial(1).reason) == ("failed", "exit code 1")
        assert study.trial(2).reward == 7.0


def test_a_trial_that_is_stopped_without_a_constrained_metric_has_failed(path, line):
    launcher = Scripted(lambda job: None)
    with Study.create(path, line, Strict(), trials=1, constraints=["latency <= 1"]) as study:
        run(study, launcher, jobs_of([None]), watch=lambda trial: [Seen(1, 0.0)], tick=0.01)
        assert "was told without 'latency'" in study.trial(1).reason


# --- ends --------------------------------------------------------------------------------------------------


def test_too_many_failures(path, line):
    launcher = Scripted(lambda job: Outcome("exited", reason="exit code 1"))
    with Study.create(path, line, Random(), trials=50) as study:
        ending = run(study, launcher, jobs_of([None]), max_failures=4, tick=0.01)
        assert (ending.how, ending.message) == (
            "failures",
            "Stopped: 4 trials failed, and max_failures is 4.",
        )
        assert study.counts() == {"running": 0, "completed": 0, "stopped": 0, "failed": 4}
        again = run(study, launcher, jobs_of([None]), max_failures=4)  # those before count, too
        assert (again.how, study.counts()["failed"]) == ("failures", 4)
        assert run(study, Scripted(), jobs_of([None]), max_failures=6).how == "complete"


def test_lost_attempts_are_no_failures(path, line):
    launcher = Scripted(
        lambda job: Outcome("lost", reason="node 3 died") if job.attempt < 3 else Outcome("returned", 1.0)
    )
    with Study.create(path, line, Random(), trials=5) as study:
        assert run(study, launcher, jobs_of([None]), max_failures=1).how == "complete"
        assert [trial.attempts for trial in study.trials("completed")] == [3] * 5


def test_attempts_are_counted(path, line):
    launcher = Scripted(lambda job: Outcome("lost", reason="node 3 died"))
    with Study.create(path, line, Random(), trials=2) as study:
        run(study, launcher, jobs_of([None]), attempts=2)
        assert [trial.reason for trial in study.trials("failed")] == ["node 3 died (attempt 2 of 2)"] * 2


def test_why_an_algorithm_has_nothing_left(path):
    from pliant.algorithms import Sweep

    with Study.create(path, flatten([integer("x", 1, 3)]), Sweep()) as study:
        assert "3" in run(study, Scripted(), jobs_of([None])).message
        assert study.counts()["completed"] == 3


def test_a_job_that_can_never_run(path, line):
    """The trial is not to blame: when the function is mended, the same study, still open, goes on from it."""

    def make_job(function):
        return lambda trial: Job(f"{trial.id}.{trial.token}", Call(function, 0.5))

    with Study.create(path, line, Random(), trials=3) as study, InPlace() as launcher:
        for _ in range(4):
            with pytest.raises(LaunchError, match="is a lambda"):
                run(study, launcher, make_job(lambda payload, channel: 0.5))
        assert study.counts() == {"running": 1, "completed": 0, "stopped": 0, "failed": 0}
        assert run(study, launcher, make_job("pliant.testing.jobs:echo")).how == "complete"
        assert [trial.attempts for trial in study.trials("completed")] == [5, 1, 1]


def test_a_job_that_is_not_found_where_it_runs(path, line):
    with Study.create(path, line, Random(), trials=1) as study, InPlace() as launcher:
        run(study, launcher, lambda trial: Job(f"{trial.id}.{trial.token}", Call("no_such_module:f")))
        assert "the module 'no_such_module' does not exist" in study.trial(1).reason


def test_what_the_caller_gives_fails(path, line):
    """The trial is put back, and the study, still open, goes on from it."""

    def fail(*_):
        raise KeyError("of the caller")

    with Study.create(path, line, Random(), trials=4) as study:
        with pytest.raises(KeyError, match="of the caller"):
            run(study, Scripted(), fail)
        with pytest.raises(KeyError, match="of the caller"):
            run(study, Scripted(), jobs_of([None]), read=fail)
        with pytest.raises(
            FieldTypeError, match=r"make_job returns a Job; for trial \d it returned a value of type int"
        ):
            run(study, Scripted(), lambda trial: 5)
        launcher = Scripted()
        launcher.start = fail
        with pytest.raises(KeyError, match="of the caller"):
            run(study, launcher, jobs_of([None]))
        assert study.counts()["failed"] == 0
        with pytest.raises(KeyError, match="of the caller"):
            run(study, Scripted(slots=1), jobs_of([None]), on_end=fail)
        assert study.counts()["completed"] == 1
        assert run(study, Scripted(), jobs_of([None])).how == "complete"
        assert study.counts() == {"running": 0, "completed": 4, "stopped": 0, "failed": 0}
        assert {
            text for _, _, text in study.journal() if not text.endswith("the search was stopped")
        } == set()


def test_jobs_that_do_not_end_do_not_hold_it(path, line):
    launcher = Scripted(lambda job: None)
    launcher.cancel = lambda job_id, reason: launcher.events.append(Message(job_id, {"reward": 1, "step": 1}))
    polls = []
    poll = launcher.poll
    launcher.poll = lambda timeout: polls.append(timeout) or poll(timeout)

    def watch(trial):
        raise KeyboardInterrupt

    with Study.create(path, line, Random(), trials=4) as study:
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            run(study, launcher, jobs_of([None]), watch=watch)
        assert launcher.replies == [{"stop": True}] * 2
        assert polls[-1] == 5.0
        assert run(study, Scripted(), jobs_of([None])).how == "complete"


def test_a_study_that_is_open_for_reading(path, line):
    Study.create(path, line, Random(), trials=4).close()
    with Study.open(path) as study, pytest.raises(StudyError, match="is open for reading"):
        run(study, Scripted(), jobs_of([None]))


# --- Ctrl-C ------------------------------------------------------------------------------------------------

PROGRAM = """
import json, sys
from functools import partial
from pliant.algorithms import Random
from pliant.launch import Call, Job, Processes
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.run import run

path, tasks, folder = sys.argv[1:]

def make_job(trial):
    payload = {"do": "sleep", "value": 600.0, "folder": folder}
    return Job(f"{trial.id}.{trial.token}", Call(f"{tasks}:act", payload))

with Study.open_or_create(path, flatten([integer("x", 0, 999)]), Random(), trials=100) as study:
    with Processes(2, grace_seconds=0.5) as launcher:
        try:
            ending = run(study, launcher, make_job, tick=0.05, on_interrupt=partial(print, flush=True))
            print(json.dumps([ending.how, ending.message]))
        except KeyboardInterrupt:
            print(json.dumps(["twice", ""]))
"""


@pytest.fixture
def interrupted(path, line, tmp_path, until):
    """Returns a function that starts a search with two jobs, and sends it a signal; both jobs run."""
    started = []

    def start(number):
        process = popen(path, tmp_path)
        started.append(process)
        until(lambda: len(list(tmp_path.glob("*.pid"))) == 2, "two jobs run", process=process)
        process.send_signal(number)
        assert process.stdout.readline() == "2\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def popen(path, folder):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), TASKS, str(folder)],
        env={**os.environ, "PYTHONPATH": PATHS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_what_runs_is_waited_for(path, line, tmp_path, number, interrupted):
    process = interrupted(number)
    (tmp_path / "go").touch()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out) == [
        "interrupted",
        "Stopped: all started trials have ended; the study can be continued.",
    ]
    with Study.open(path, line, Random()) as study:
        counts = study.counts()
        assert counts["running"] == 0
        assert counts["completed"] == 2
        assert study.ask().id == 3


def test_twice_it_ends_at_once(path, line, tmp_path, interrupted):
    process = interrupted(signal.SIGINT)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < 20
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)[0] == "twice"
    pids = [int(file.stem) for file in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)
    with Study.open(path, line, Random()) as study:
        assert study.counts() == {"running": 2, "completed": 0, "stopped": 0, "failed": 0}
        assert [text for _, _, text in study.journal()] == ["attempt 1 was lost: the search was stopped"] * 2
        assert [study.ask().id for _ in range(3)] == [1, 2, 3]


def test_whoever_asked_hears_what_is_waited_for(path, line):
    launcher, said = Scripted(lambda job: None), []

    def watch(trial):
        if said:
            launcher.end(f"{trial.id}.1", Outcome("returned", 1.0))
        else:
            signal.raise_signal(signal.SIGINT)
        return []

    def on_interrupt(count):
        said.append(count)

    # the second trial's look would be the second Ctrl-C
    launcher.slots = 1
    with Study.create(path, line, Random(), trials=4) as study:
        ending = run(study, launcher, jobs_of([None]), watch=watch, on_interrupt=on_interrupt, tick=0.01)
        assert (ending.how, said) == ("interrupted", [1])


def test_one_while_a_job_starts(path, line):
    """The job counts, and no other starts."""
    launcher, said = Scripted(), []
    start = launcher.start
    launcher.start = lambda job: [signal.raise_signal(signal.SIGINT), start(job)]
    with Study.create(path, line, Random(), trials=4) as study:
        ending = run(study, launcher, jobs_of([None]), on_interrupt=said.append)
        assert (ending.how, said, study.counts()["completed"]) == ("interrupted", [1], 1)


def test_more_of_them_do_not_disturb_the_end(path, line):
    launcher = Scripted(lambda job: None)
    cancel = launcher.cancel

    def cancel_under_fire(job_id, reason):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        cancel(job_id, reason)

    def watch(trial):
        signal.raise_signal(signal.SIGINT)
        return []

    launcher.cancel = cancel_under_fire
    with Study.create(path, line, Random(), trials=4) as study:
        with pytest.raises(KeyboardInterrupt, match=r"^$") as caught:
            run(study, launcher, jobs_of([None]), watch=watch, tick=0.01)
        assert caught.value.__context__ is None
        assert len(launcher.cancelled) == 2
        assert run(study, Scripted(), jobs_of([None])).how == "complete"


def test_after_an_error_none_disturbs_the_end(path, line):
    launcher = Scripted(lambda job: None)
    cancel = launcher.cancel
    launcher.cancel = lambda *given: [signal.raise_signal(signal.SIGINT) for _ in "12"] and cancel(*given)

    def watch(trial):
        raise KeyError("of the caller")

    with (
        Study.create(path, line, Random(), trials=4) as study,
        pytest.raises(KeyError, match="of the caller"),
    ):
        run(study, launcher, jobs_of([None]), watch=watch)
