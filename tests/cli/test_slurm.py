"""Searches as jobs of Slurm: run by submitit's local executor, preempted, and submitted by a fake sbatch."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pliant
from pliant.study import Study
from pliant.values.errors import StudyError

pytest.importorskip("submitit", reason="jobs of Slurm need submitit")

PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
FILE = """
import time
import pliant as pg

def search_space():
    return pg.Dict(x=pg.intv(0, 50))

def evaluate(program):
    time.sleep(0.05)
    return -abs(program.x - 7)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.py").write_text(FILE)
    return tmp_path


def run(*arguments, folder, env=None, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "pliant", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": PATHS, **(env or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_two_jobs_search_together(folder):
    said = run("search", "small.py", "--trials", 30, "--slurm", 2, "--slurm-cluster", "local", folder=folder)
    assert said.startswith("Submitted 2 jobs: ")
    with Study.open(folder / "small.study.db") as study:
        assert study.is_complete
        assert study.counts()["completed"] == 30


def test_a_preempted_job_puts_its_trial_back(folder):
    from pliant.cli.slurm import SearchJob

    job = SearchJob(("small.py", "--trials", "400", "--workers", "1"), str(folder / "a.db"), None, 0, 60)
    script = (
        "import os, signal, sys\nfrom pliant.cli import slurm\n"
        f"job = slurm.SearchJob({job.command!r}, {job.place!r}, None, 0, 60)\n"
        "def end(*_):\n    job.checkpoint()\n    os._exit(7)\n"
        "signal.signal(signal.SIGUSR1, end)\njob()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": PATHS},
        cwd=folder,
        stdout=-3,
        stderr=-3,
    ) as process:
        end = time.monotonic() + 120
        while count(folder / "a.db") < 3:
            assert time.monotonic() < end, "waited 120 s for 3 trials"
            time.sleep(0.05)
        process.send_signal(signal.SIGUSR1)
        assert process.wait(120) == 7
    with Study.open(folder / "a.db") as study:
        assert study.info().holder is None  # it was closed
        assert not study.is_complete
        assert study.counts()["failed"] == 0
        assert [trial.attempts for trial in study.trials("completed")] == [1] * study.counts()["completed"]


def count(place):
    try:
        with Study.open(place) as study:
            return study.counts()["completed"]
    except StudyError:
        return 0


def test_no_trial_starts_that_cannot_end(folder):
    soon = str(time.time() + 4)  # less than the reserve
    run(
        "search",
        "small.py",
        "--trials",
        9,
        "--workers",
        1,
        folder=folder,
        env={"PLIANT_JOB_END": soon},
        status=1,
    )
    with Study.open(folder / "small.study.db") as study:
        assert sum(study.counts().values()) == 0


SBATCH = """#!/bin/sh
cp "$1" {folder}/submitted.sh
echo "Submitted batch job 4711"
"""


@pytest.fixture
def cluster(folder):
    """Fake programs of Slurm on the PATH."""
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {
        "sbatch": SBATCH.format(folder=folder),
        "srun": "#!/bin/sh\n",
        "sacct": "#!/bin/sh\n",
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def test_an_array_is_submitted(folder, cluster):
    options = [
        "--slurm-option",
        "timeout_min=240",
        "--slurm-option",
        "slurm_partition=gpu",
        "--slurm-server",
        "db",
    ]
    said = run("search", "small.py", "--slurm", 3, *options, "--minimize", folder=folder, env=cluster)
    assert said == "Submitted 3 jobs: 4711_0, 4711_1, 4711_2. Output: slurm/\n"
    script = (folder / "submitted.sh").read_text()
    for line in ("--array=0-2", "--time=240", "--partition=gpu", "--job-name=pliant", "--signal=USR2@90"):
        assert f"#SBATCH {line}" in script
    import pickle

    jobs = [
        pickle.loads(file.read_bytes()).function
        for file in sorted((folder / "slurm").rglob("*submitted.pkl"))
    ]
    assert sorted(job.index for job in jobs) == [0, 1, 2]
    assert jobs[0].command == ("small.py", "--minimize", "--workers", "1")
    assert (jobs[0].place, jobs[0].server, jobs[0].minutes) == ("small", str(folder / "db"), 240)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slurm", "2"], "cannot share the file 'small.study.db'. Add --slurm-server FOLDER"),
        (["--slurm-server", "db"], "add --slurm N"),
        (["--slurm", "1", "--slurm-option", "partition"], "--slurm-option is NAME=VALUE"),
        (["--slurm", "1", "--slurm-option", "slurm_partitoin=gpu"], "slurm_partitoin"),
        (["--slurm", "1", "--slurm-option", "timeout_min=4h"], "a number of minutes; got '4h'"),
    ],
)
def test_bad_options(folder, cluster, options, message):
    said = run("search", "small.py", *options, folder=folder, env=cluster, status=2)
    assert message in " ".join(said.split())
