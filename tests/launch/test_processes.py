"""The pool of workers: what is loaded once, what is kept between calls, and what a pool refuses."""

from __future__ import annotations

import os

import pytest

from pliant.launch import Call, Command, Commands, Job, Limits, Processes, Started, tree
from pliant.testing.launchers import LauncherSuite, call, living, wait_until
from pliant.values.errors import LaunchError

SUITE = LauncherSuite()
MODULE = """
import os, threading
made_in = os.getpid()
warm = []
def warm_up(): warm.append(os.getpid())
def look(payload, channel): return [made_in, warm, os.getpid()]
def fail(): raise ValueError("no data set")
def bad_exit(): os._exit(7)
def start_thread(): threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "preloaded.py").write_text(MODULE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "preloaded"


def outcomes(launcher, *works):
    for i, work in enumerate(works):
        launcher.start(Job(str(i), work))
    ended = SUITE.finish(launcher, [str(i) for i in range(len(works))])
    return [ended[str(i)] for i in range(len(works))]


def test_preloaded_once_for_all_workers(module):
    with Processes(2, preload=(module, f"{module}:warm_up")) as launcher:
        found = [outcome.value for outcome in outcomes(launcher, *[Call(f"{module}:look")] * 4)]
        keeper = launcher.keeper_pid
    assert all(made_in == keeper and warm == [keeper] for made_in, warm, _ in found)
    assert keeper not in {pid for _, _, pid in found}


def test_one_name_to_preload(module):
    with Processes(1, preload=module) as launcher:
        assert outcomes(launcher, Call(f"{module}:look"))[0].value[0] == launcher.keeper_pid


@pytest.mark.parametrize(
    ("preload", "message"),
    [
        ("no_such_module", "preload='no_such_module': the module 'no_such_module' does not exist"),
        ("preloaded:warm", "is not a function, but of type list"),
        ("preloaded:warmup", "has no 'warmup'; did you mean 'warm_up'"),
        ("preloaded:fail", "preload failed with ValueError: no data set"),
        (
            "preloaded:start_thread",
            "left 2 threads running; a process with threads cannot be forked safely",
        ),
        ("preloaded:bad_exit", "ended before it was ready: exit code 7"),
        ((7,), r"preload must be names of modules or functions; got 7"),
    ],
)
def test_a_preload_that_fails(module, preload, message):
    with pytest.raises(LaunchError, match=message):
        Processes(1, preload=preload)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_numbers_of_workers(workers):
    with pytest.raises(LaunchError, match=r"workers must be an integer from 1, or None"):
        Processes(workers)


def test_other_arguments():
    for seconds in (-1, "5", None, float("nan")):
        with pytest.raises(LaunchError, match="grace_seconds must be a number of seconds from 0"):
            Processes(1, grace_seconds=seconds)
    for name in ("threads", "max_processes", "log_bytes"):
        with pytest.raises(LaunchError, match=f"{name} must be an integer from 1; got 0"):
            Processes(1, **{name: 0})
    for limits in ({"seconds": 0}, {"seconds": float("inf")}, {"memory": -1}, {"memory": "1G"}):
        with pytest.raises(
            LaunchError, match=r"must be a number above 0, or None for no limit; got .*Limits\(seconds=60"
        ):
            Limits(**limits)


def test_each_takes_its_kind_of_work():
    with Processes(1) as launcher, pytest.raises(LaunchError, match=r"got a Command\. Use Commands"):
        launcher.start(Job("a", Command(("echo",))))
    with Commands(1) as launcher, pytest.raises(LaunchError, match=r"got a Call\. Use Processes"):
        launcher.start(Job("a", call("echo")))


def test_as_many_workers_as_processors():
    with Processes() as launcher:
        assert launcher.slots == len(os.sched_getaffinity(0))


def test_a_worker_is_kept_and_a_fresh_one_is_not():
    with Processes(1) as launcher:
        assert len({outcome.value for outcome in outcomes(launcher, *[call("pid")] * 5)}) == 1
    with Processes(1, reuse=False) as launcher:
        assert len({outcome.value for outcome in outcomes(launcher, *[call("pid")] * 5)}) == 5


def test_a_worker_that_leaves_processes_is_not_kept():
    with Processes(1) as launcher:
        spawned, after = outcomes(launcher, call("spawn", {"token": "a-token", "seconds": 0}), call("pid"))
        assert spawned.ok
        assert spawned.value != after.value


def test_daemons_of_a_worker_that_lives_on_are_ended():
    """One that gave itself a session and lost its parent has no tie to the call but its environment."""
    with Processes(1) as launcher:
        (outcome,) = outcomes(launcher, call("daemon", "daemon-token"))
        assert outcome.ok
        launcher.start(Job("a", call("sleep", 600)))
        SUITE.wait_for(launcher, Started)
        assert wait_until(lambda: not living("daemon-token"))


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(threads):
    with Processes(1, preload="torch", threads=threads) as launcher:
        (outcome,) = outcomes(launcher, call("threads"))
    assert outcome.value == [str(threads), threads]


TRAINING = """
import torch
def step(payload=None, channel=None):
    layer = torch.nn.Linear(256, 256)
    loss = (layer(torch.ones(256, 256)) ** 2).mean()
    loss.backward()
    return float(loss.detach()) > 0
"""


def test_threads_of_torch_after_one_step_of_training(tmp_path, monkeypatch):
    """Forking is safe as long as the keeper has computed with one thread only."""
    (tmp_path / "one_step.py").write_text(TRAINING, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with Processes(2, preload="one_step:step", threads=2) as launcher:
        assert all(outcome.value for outcome in outcomes(launcher, *[Call("one_step:step")] * 4))


def test_descriptors_are_not_inherited():
    with Processes(3) as launcher:
        first = outcomes(launcher, *[call("descriptors")] * 3)
        for outcome in first:
            assert len(outcome.value) == 4  # the three streams, and the way to the keeper


def test_a_call_that_has_a_pool_of_its_own():
    with Processes(1) as launcher:
        (outcome,) = outcomes(launcher, call("pool", 3))
        keeper = launcher.keeper_pid
        assert outcome.value == [0, 1, 2]
    assert not tree.descendants([keeper], tree.table())
