"""Trials of several processes: torchrun starts the script, rank 0 searches, and all ranks evaluate each trial together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pliant.study import Study

pytest.importorskip("torch")
SCRIPT = Path(__file__).with_name("rank_tasks.py")
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both ranks of a search saw, and the study."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    paths = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    given = {
        **os.environ,
        "PYTHONPATH": paths,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder / "a.db", folder / "files"],
            env={**given, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        ends = [one.communicate(timeout=120) for one in ranks]
    finally:
        for one in ranks:
            one.kill()
    assert [one.returncode for one in ranks] == [0, 0], ends
    with Study.open(folder / "a.db") as study:
        return [json.loads(said) for said, _ in ends], list(study.trials())


def test_all_ranks_see_the_same(found):
    (first, second), trials = found
    assert first["seen"] == second["seen"]
    assert [(one[1], one[2]) for one in first["seen"]] == [trial.decisions.values for trial in trials]
    assert {trial.id for trial in trials} == set(range(1, 9))


def test_the_rewards_and_the_stops_are_those_of_rank_0(found):
    (first, _), trials = found
    told = [trial for trial in trials if trial.told is not None]
    assert [trial.reward for trial in told] == pytest.approx(
        [2 * trial.decisions.values[0] + 1 for trial in told]
    )
    stopped = [one for one in first["seen"] if one[4]]
    assert stopped
    assert all(steps < 5 for *_, steps, _ in stopped)
    assert [one[0] for one in stopped] == [trial.id for trial in trials if trial.status == "stopped"]


def test_an_error_of_another_rank_fails_the_trial(found):
    (first, second), trials = found
    assert trials[2].status == "failed"
    assert "rank 1 of 2 failed: ValueError: out of memory" in trials[2].reason
    assert len(first["failed"]) == 1
    assert first["failed"] == second["failed"]


def test_all_ranks_return_what_was_found(found):
    (first, second), _ = found
    for name in ("best", "second"):
        assert first[name] == second[name]
    assert first["best"][2] == str(first["best"][1])
    assert len(first["second"]) == 2
    assert "which evaluate each trial together; leave out workers" in second["refused"]
