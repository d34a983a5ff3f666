"""kill -9 at random moments: nothing that was told is lost, nothing is done twice, the search goes on the same."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import pliant
from pliant.study import Study
from pliant.values.errors import StudyError

PROGRAM = Path(__file__).with_name("crash.py")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the searches are forked, for speed")


@pytest.fixture(scope="module")
def crash():
    spec = importlib.util.spec_from_file_location("crash", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """All searches, killed again and again until they are done: (folder, what each run was told)."""
    folder = tmp_path_factory.mktemp("campaign")
    paths = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, PROGRAM, folder, "0"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_searches_were_killed(campaign):
    _, runs = campaign
    assert sum(len(of_search) - 1 for of_search in runs.values()) >= 15
    assert all(len(of_search) > 2 for of_search in runs.values())


@pytest.mark.parametrize(
    "name", ["random", "evolution", "sweep", "local", "evolution x4", "local x4", "median", "median x4"]
)
def test_nothing_is_lost_and_the_search_is_the_same(campaign, crash, name):
    folder, runs = campaign
    space, make, parallel = crash.setting(name)
    told = [trial_id for run in runs[name] for trial_id in run]
    assert len(told) == len(set(told))  # each is told once
    with Study.open(folder / f"{name}.db", space) as study:
        assert study.is_complete
        trials = [trial for trial in study.trials() if trial.told is not None]
        assert [trial.id for trial in trials] == list(range(1, crash.TRIALS + 1))
        assert set(told) <= {trial.id for trial in trials}
        assert len(told) >= crash.TRIALS - len(
            runs[name]
        )  # a kill may come between `tell` and our hearing of it
        assert [trial.reward for trial in trials] == [crash.reward_of(trial.decisions) for trial in trials]
        most = max(trial.attempts for trial in trials)
        again = sum(trial.attempts - 1 for trial in trials)
        assert most <= len(runs[name])
        assert again <= parallel * (len(runs[name]) - 1)  # only what was out when the process died

    # The algorithm alone, in one process that nobody kills, told in the recorded order.
    alone = make()
    alone.setup(space)
    connection = sqlite3.connect(folder / f"{name}.db")
    events = connection.execute(
        "SELECT seq, kind, trial, step, reward, stop FROM events ORDER BY seq"
    ).fetchall()
    connection.close()
    assert [event[0] for event in events] == list(range(1, len(events) + 1))
    ends = [trial for _, kind, trial, *_ in events if kind != "report"]
    assert len(ends) == 2 * crash.TRIALS
    if parallel == 1:
        assert ends == [i for i in range(1, crash.TRIALS + 1) for _ in "ab"]
    stops = 0
    for _, kind, trial_id, step, reward, stop in events:
        trial = trials[trial_id - 1]
        if kind == "ask":
            assert alone.propose() == trial.decisions
            assert alone.parent(trial.decisions) == trial.parent
        elif kind == "report":
            assert reward == crash.report_of(trial.decisions, step)
            assert alone.report(trial.decisions, reward, step=step) == bool(stop)
            stops += stop
        else:
            alone.feedback(trial.decisions, trial.reward)
    if name.startswith("median"):
        assert stops > 10
        assert sum(trial.parent is not None for trial in trials) > 10
        for trial in trials:
            steps = [report.step for report in trial.reports]
            assert steps == list(range(1, len(steps) + 1))
            assert trial.should_stop or len(steps) == crash.REPORTS


def test_a_killed_writer_leaves_the_study_to_the_next_at_once(tmp_path, crash):
    space, make, _ = crash.setting("random")
    path = tmp_path / "a.db"
    text = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import crash; from pliant.study import Study\n"
        "space, make, _ = crash.setting('random')\n"
        "study = Study.create(sys.argv[2], space, make()); study.ask(); print('open', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", text, PROGRAM.parent, path],
        env={**os.environ, "PYTHONPATH": str(Path(pliant.__file__).parents[1])},
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(
            StudyError,
            match=rf"is being written by process {holder.pid} on \S+, since 2.*close it there.*Study\.open\(path\)",
        ):
            Study.open(path, space, make())
        with Study.open(path) as study:  # reading needs nobody's leave
            assert study.counts()["running"] == 1
    finally:
        holder.kill()
        holder.wait(60)
        holder.stdout.close()
    with Study.open(path) as study:
        assert f"process {holder.pid}" in study.info().holder
    with Study.open(path, space, make()) as study:
        assert (study.ask().id, study.ask().id) == (1, 2)
        assert f"process {os.getpid()}" in study.info().holder
