"""F4 and F16 for commands: trainers that are killed from outside, or end in every way that there is; the search goes on."""

from __future__ import annotations

import os
import re
import signal
import sys
import uuid

import pytest

from pliant.algorithms import Random
from pliant.launch import Command, Commands, Job, Limits
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.run import Told, read_call, run
from pliant.testing.launchers import living, wait_until

SERVER = os.environ.get("PLIANT_POSTGRES", "")
SPACE = flatten([integer("x", 0, 999)])


@pytest.fixture(params=["sqlite", "postgres"] if SERVER else ["sqlite"])
def place(request, tmp_path):
    if request.param == "sqlite":
        yield tmp_path / "a.db"
        return
    import psycopg

    name = f"faults_{uuid.uuid4().hex[:12]}"
    yield f"{SERVER}{'&' if '?' in SERVER else '?'}study={name}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "study_{name}" CASCADE')


def read(trial, outcome):
    return Told(float(outcome.tail.splitlines()[-1])) if outcome.ok else read_call(trial, outcome)


def test_trainers_that_are_killed_from_outside(place, tmp_path):
    """Each such trial comes again at once, with the same decisions, until it has had its attempts; no process is left."""
    token, count, killed = uuid.uuid4().hex, 20, []
    program = 'echo $$ > "$1.new"; mv "$1.new" "$1"; sleep "$2" & wait; echo "$3"'

    def deaths(trial):
        return {0: 1, 1: 2, 2: 9}.get(trial.id % 8, 0)

    def mark_of(trial):
        return tmp_path / f"{trial.id}.{trial.token}"

    def make_job(trial):
        seconds = "600" if trial.attempts <= deaths(trial) else "0.01"
        argv = ("sh", "-c", program, token, str(mark_of(trial)), seconds, str(trial.decisions["x"]))
        return Job(f"{trial.id}.{trial.token}", Command(argv), attempt=trial.attempts)

    def kill(trial):
        mark = mark_of(trial)
        if trial.attempts <= deaths(trial) and mark not in killed and mark.exists():
            os.kill(int(mark.read_text()), signal.SIGKILL)
            killed.append(mark)
        return []

    alone = Random(seed=3)
    alone.setup(SPACE)
    with Study.create(place, SPACE, Random(seed=3), trials=count) as study:
        with Commands(3) as launcher:
            ending = run(study, launcher, make_job, read=read, watch=kill, attempts=3, tick=0.01)
        trials = list(study.trials())
        assert ending.how == "complete"
        assert len(study.journal()) == len(killed) == sum(min(deaths(trial), 3) for trial in trials)
    assert len(killed) >= count // 5
    for number, trial in enumerate(trials, 1):
        assert (trial.id, trial.decisions) == (number, alone.propose())
        assert trial.attempts == min(deaths(trial) + 1, 3)
        if deaths(trial) < 3:
            assert (trial.status, trial.reward) == ("completed", trial.decisions["x"])
        else:
            assert trial.status == "failed"
            assert re.search(r"ended from outside with SIGKILL.*\(attempt 3 of 3\)", trial.reason)
    assert wait_until(lambda: not living(token))


ENDS = {
    "exit 1": "echo no data; exit 1",
    "exit 137": "exit 137",
    "crash": "kill -SEGV $$",
    "slow": "sleep 600",
    "bomb": "for i in $(seq 400); do sleep 600 & done; wait",
    "flood": "head -c 1073741824 /dev/zero; echo; echo 0.5",
    "memory": "exec {python} -c 'import time; x = b\"x\" * (600 << 20); time.sleep(600)'",
    "missing": "exec no_such_program_at_all",
}
REASONS = {
    "exit 1": r"^exit code 1$",
    "exit 137": r"exit code 137: killed \(SIGKILL\), probably out of memory",
    "crash": r"^SIGSEGV: a segmentation fault",
    "slow": r"longer than its limit of 5 s",
    "bomb": r"more than 64 processes at once, and was killed",
    "memory": r"more than its limit of 300 MiB",
    "missing": r"exit code 127: a program was not found",
}


def test_trainers_that_end_in_every_way(place, tmp_path):
    """Why each ended is recorded, its log is bounded, and the others, which run at the same time, are not affected."""
    kinds = list(ENDS)

    def kind_of(trial):
        return kinds[(trial.id - 1) // 2] if trial.id % 2 else "good"

    def make_job(trial):
        text = ENDS.get(kind_of(trial), "echo 0.25").format(python=sys.executable)
        seconds, memory = (5 if kind_of(trial) == "slow" else None), 300 << 20
        work = Command(("sh", "-c", text), log=tmp_path / f"{trial.id}.log")
        return Job(f"{trial.id}.{trial.token}", work, Limits(seconds=seconds, memory=memory))

    with Study.create(place, SPACE, Random(), trials=2 * len(kinds)) as study:
        with Commands(2, grace_seconds=0.5, max_processes=64) as launcher:
            assert run(study, launcher, make_job, read=read, tick=0.01).how == "complete"
        for trial in study.trials():
            kind = kind_of(trial)
            assert trial.attempts == 1
            if kind in ("good", "flood"):
                assert trial.reward == (0.25 if kind == "good" else 0.5)
            else:
                assert (trial.status, bool(re.search(REASONS[kind], trial.reason))) == ("failed", True), trial
        notes = study.journal()  # what failed trials printed last, and nothing that was lost
        assert all(text.startswith("its last output:") for _, _, text in notes)
        assert {trial for _, trial, _ in notes} <= {trial.id for trial in study.trials("failed")}
    assert max(path.stat().st_size for path in tmp_path.glob("*.log")) < 4 << 20
