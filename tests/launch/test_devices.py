"""GPUs of workers: how they are shared, and that each worker sees its own and keeps them."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.launch import Call, Ended, Job, Processes
from pliant.launch.devices import VISIBLE, find_gpus, share_gpus
from pliant.values.errors import LaunchError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="worker processes need Linux or macOS")


@given(st.integers(0, 16), st.integers(1, 5))
def test_no_two_workers_share_a_whole_gpu(count, each):
    gpus = [str(number) for number in range(count)]
    if count < each:
        with pytest.raises(LaunchError, match=f"more than the {count} GPUs"):
            share_gpus(gpus, each, None)
        return
    seats = share_gpus(gpus, each, None)
    used = [gpu for seat in seats for gpu in seat.split(",")]
    assert len(seats) == count // each
    assert used == gpus[: len(used)]


@given(st.integers(1, 8), st.integers(1, 10))
def test_a_gpu_is_shared_by_so_many_workers(count, parts):
    gpus = [f"GPU-{number}" for number in range(count)]
    assert share_gpus(gpus, 1 / parts, None) == [gpu for gpu in gpus for _ in range(parts)]


@pytest.mark.parametrize("each", [0, -1, 1.5, float("nan"), float("inf"), "two", None])
def test_bad_numbers(each):
    with pytest.raises(LaunchError, match=r"a whole number, or a part of one such as 0\.5"):
        share_gpus(["0", "1"], each, None)


def test_too_many_workers():
    with pytest.raises(
        LaunchError, match=r"3 workers with 1 GPUs each need more than the 2 GPUs.*nvidia-smi"
    ):
        share_gpus(["0", "1"], 1, 3)


def test_without_gpus(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(VISIBLE, raising=False)
    assert find_gpus() == []
    with pytest.raises(LaunchError, match="a worker with 1 GPUs need"):
        Processes(gpus_per_worker=1)


def seen(launcher, jobs):
    """Returns which GPUs each job saw, and its process."""
    found, running = {}, set(jobs)
    for job in jobs:
        launcher.start(Job(job, Call("pliant.testing.jobs:environment", VISIBLE)))
    while running:
        for event in launcher.poll(None):
            if isinstance(event, Ended):
                found[event.job] = event.outcome.value
                running.discard(event.job)
    return found


def test_each_worker_sees_its_own(monkeypatch):
    monkeypatch.setenv(VISIBLE, "4,5,6,7")
    with Processes(gpus_per_worker=2) as launcher:
        assert launcher.slots == 2
        by_process = {}
        for value in seen(launcher, [f"{number}" for number in range(12)]).values():
            by_process.setdefault(value["process"], set()).add(value["value"])
        assert all(len(gpus) == 1 for gpus in by_process.values())
        assert {gpu for gpus in by_process.values() for gpu in gpus} <= {"4,5", "6,7"}
        assert len(by_process) == len({gpu for gpus in by_process.values() for gpu in gpus})


def test_without_the_option_nothing_changes(monkeypatch):
    monkeypatch.setenv(VISIBLE, "4,5")
    with Processes(1) as launcher:
        assert seen(launcher, ["a"])["a"]["value"] == "4,5"
