"""Keepers: no process survives when a launcher, keeper or job is killed, and no launcher waits for a dead one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from pliant.launch import Command, Commands, Ended, Job, Message, Processes, Started, tree
from pliant.testing.launchers import LauncherSuite, call, living, wait_until

SUITE = LauncherSuite()
PROGRAM = str(Path(__file__).with_name("long_jobs.py"))


def gone(pids):
    return not set(pids) & set(tree.table())


def wait_for_descendants(pid, count):
    found = set()

    def enough():
        found.update(tree.descendants([pid], tree.table()))
        return len(found) >= count

    assert wait_until(enough)
    return found


@pytest.fixture
def token():
    """A text among the arguments of processes that no test leaves behind, not even one that fails."""
    text = uuid.uuid4().hex
    yield text
    for pid in living(text):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", ["processes", "commands"])
@pytest.mark.parametrize("death", ["parent", "group", "parent and keeper", "interrupt", "terminate"])
def test_the_death_of_the_parent_leaves_nothing(kind, death, token):
    program = subprocess.Popen(
        [sys.executable, PROGRAM, kind, token],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with program.stdout:
        keeper, *jobs = map(int, program.stdout.readline().split())
        assert len(jobs) == 2
        below = wait_for_descendants(keeper, 8 if kind == "processes" else 4)
        if death == "group":
            os.killpg(program.pid, signal.SIGKILL)
        elif death == "parent and keeper":
            os.kill(keeper, signal.SIGSTOP)  # so that it has no chance to see to the rest
            os.kill(program.pid, signal.SIGKILL)
            os.kill(keeper, signal.SIGKILL)
            below = set(jobs)  # what these have started is beyond anybody's reach now
        else:
            numbers = {"parent": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
            os.kill(program.pid, numbers[death])
        program.wait(60)
        assert wait_until(lambda: gone({keeper, *below}))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_the_death_of_the_keeper_loses_its_jobs_and_a_new_one_takes_over(number, token):
    with Processes(1) as launcher:
        launcher.start(Job("a", call("spawn", {"token": token, "seconds": 600})))
        launcher.start(Job("b", call("echo", 1)))
        (started,) = [e for e in SUITE.wait_for(launcher, Message) if isinstance(e, Started)]
        first = launcher.keeper_pid
        os.kill(first, number)
        ended = SUITE.finish(launcher, ["a", "b"])
        assert {outcome.how for outcome in ended.values()} == {"lost"}
        assert "the keeper process of this job ended" in ended["a"].reason
        assert wait_until(lambda: gone([first, int(started.where.split()[1])]))
        launcher.start(Job("a", call("echo", 2)))
        assert SUITE.finish(launcher, ["a"])["a"].value == 2
        assert launcher.keeper_pid != first


def test_the_keeper_dies_between_jobs():
    with Commands(1) as launcher:
        os.kill(launcher.keeper_pid, signal.SIGKILL)
        wait_until(lambda: gone([launcher.keeper_pid]))
        launcher.start(Job("a", Command(("echo", "again"))))
        assert SUITE.finish(launcher, ["a"])["a"].tail == "again\n"


def test_an_idle_worker_that_dies_is_replaced():
    with Processes(1) as launcher:
        launcher.start(Job("a", call("pid")))
        first = SUITE.finish(launcher, ["a"])["a"].value
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: gone([first]))
        launcher.start(Job("b", call("pid")))
        outcome = SUITE.finish(launcher, ["b"])["b"]
        assert outcome.ok
        assert outcome.value != first


def test_a_launcher_that_is_forgotten_ends():
    launcher = Processes(1)
    launcher.start(Job("a", call("sleep", 600)))
    (started,) = SUITE.wait_for(launcher, Started)
    pids = [launcher.keeper_pid, int(started.where.split()[1])]
    del launcher
    assert wait_until(lambda: gone(pids))


def test_the_terminal_reaches_this_process_only():
    with Processes(1) as launcher:
        launcher.start(Job("a", call("sleep", 0.1)))
        (started,) = SUITE.wait_for(launcher, Started)
        worker = int(started.where.split()[1])
        assert wait_until(lambda: os.getsid(worker) == worker)
        assert os.getsid(launcher.keeper_pid) == launcher.keeper_pid


def test_two_hundred_jobs_with_workers_that_are_killed_all_end_once():
    killed = 0
    events = []
    with Processes(2) as launcher:
        for i in range(200):
            launcher.start(Job(str(i), call("echo" if i % 10 else "sleep", 0.01)))
        ended = {}
        while len(ended) < 200:
            for event in launcher.poll(None):
                events.append(event)
                if isinstance(event, Started) and int(event.job) % 10 == 0:
                    os.kill(int(event.where.split()[1]), signal.SIGKILL)
                    killed += 1
                elif isinstance(event, Ended):
                    assert event.job not in ended
                    ended[event.job] = event.outcome
    assert killed == 20
    assert {outcome.how for outcome in ended.values()} <= {"returned", "lost"}
    assert sum(outcome.how == "lost" for outcome in ended.values()) <= killed
    assert sum(outcome.ok for outcome in ended.values()) >= 180
