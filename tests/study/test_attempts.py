"""A trial whose process ends, or whose turn raises, again and again: it fails after a number of attempts, and the search goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pliant
import pliant as pg
from pliant.algorithms import Sweep
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.client import connect
from pliant.study.serve import serve
from pliant.values.errors import EvaluationError, FieldTypeError, FieldValueError

SPACE = flatten([integer("x", 0, 5)])
BAD = 3  # the trial that ends its process

# Arguments: loop, how the bad trial ends, path, attempts.
PROGRAM = f"""
import os, signal, sys
import pliant as pg
from pliant.algorithms import Sweep
from pliant.study import Study
from pliant.study.client import connect

loop, how, path, attempts = sys.argv[1], sys.argv[2], sys.argv[3], eval(sys.argv[4])
signal.signal(signal.SIGINT, signal.default_int_handler)


def end(trial):
    print(trial, flush=True)
    if trial != {BAD}:
        return
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "raise":
        raise ValueError("no such layer")
    if how == "sys.exit":
        sys.exit(4)
    if how == "interrupt":
        signal.raise_signal(signal.SIGINT)


def evaluate(program):
    end(program.x + 1)
    return program.x


space = pg.Dict(x=pg.intv(0, 5))
if loop == "sample":
    for program, feedback in pg.sample(space, "sweep", 6, study=path, attempts=attempts):
        end(feedback.id)
        feedback(program.x)
elif loop == "with":
    with Study.open_or_create(path, pg.abstract_search_space(space), Sweep(), trials=6) as study:
        while trial := study.ask(attempts=attempts):
            end(trial.id)
            study.tell(trial.id, trial.decisions["x"])
elif loop == "connect":
    with connect(path) as client:
        for trial in client:
            end(trial.id)
            client.tell(trial.id, trial.decisions["x"], token=trial.token)
elif loop == "search":
    pg.search(space, lambda program: evaluate(program), "sweep", 6, study=path, attempts=attempts)
"""


@pytest.fixture
def start(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    place = str(Path(pliant.__file__).parents[1])

    def run(loop, how, attempts=3):
        done = subprocess.run(
            [sys.executable, program, loop, how, tmp_path / "a.db", repr(attempts)],
            env={**os.environ, "PYTHONPATH": place},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return [int(line) for line in done.stdout.split()], done

    return run


@pytest.mark.parametrize(
    ("loop", "how"),
    [
        ("sample", "exit"),
        ("sample", "kill"),
        ("sample", "raise"),
        ("sample", "sys.exit"),
        ("with", "exit"),
        ("with", "raise"),
        ("with", "sys.exit"),
        ("search", "exit"),
        ("search", "kill"),
    ],
)
def test_a_trial_that_ends_its_process_fails_after_three_attempts(start, tmp_path, loop, how):
    seen = [start(loop, how) for _ in range(3)]
    assert [run for run, _ in seen] == [[1, 2, BAD], [BAD], [BAD]]
    assert all(done.returncode != 0 for _, done in seen)
    with Study.open(tmp_path / "a.db") as study:
        assert study.trial(BAD).status == "running"  # it fails when the next process asks
    seen, done = start(loop, how)
    assert seen == [4, 5, 6], done.stderr
    assert done.returncode == 0, done.stderr
    with Study.open(tmp_path / "a.db") as study:
        assert study.is_complete
        lost = [f"attempt {i} was lost: its process ended, or its loop raised an error" for i in (1, 2)]
        assert [(trial, text) for _, trial, text in study.journal()] == [(BAD, text) for text in lost]
        assert study.counts() == {"running": 0, "completed": 5, "stopped": 0, "failed": 1}
        trial = study.trial(BAD)
        assert (trial.attempts, trial.cause) == (3, "lost")
        assert "no attempt had a result: in attempt 3 its process ended" in trial.reason
        assert "at most 3 attempts" in trial.reason


@pytest.mark.parametrize("loop", ["sample", "with"])
def test_an_interrupted_attempt_does_not_count(start, tmp_path, loop):
    for number in range(5):
        seen, done = start(loop, "interrupt")
        assert seen == ([1, 2, BAD] if number == 0 else [BAD])
        assert "KeyboardInterrupt" in done.stderr
    with Study.open(tmp_path / "a.db") as study:
        assert (study.trial(BAD).attempts, study.trial(BAD).cause) == (5, "interrupted")
    seen, _ = start(loop, "")
    assert seen == [BAD, 4, 5, 6]
    with Study.open(tmp_path / "a.db") as study:
        assert study.counts()["completed"] == 6
        assert study.trial(BAD).cause is None


@pytest.mark.parametrize(("attempts", "runs"), [(1, 1), (2, 2), (None, 5)])
def test_the_number_of_attempts(start, tmp_path, attempts, runs):
    for _ in range(runs):
        assert start("sample", "exit", attempts)[0][-1] == BAD
    seen, _ = start("sample", "exit", attempts)
    assert seen == ([BAD] if attempts is None else [4, 5, 6])


@pytest.mark.parametrize("how", ["exit", "kill", "raise"])
def test_clients_of_a_server(start, tmp_path, how):
    with Study.create(tmp_path / "a.db", SPACE, Sweep(), trials=6) as study, serve(study, attempts=2):
        assert start("connect", how)[0] == [1, 2, BAD]
        assert start("connect", how)[0] == [BAD]
        seen, done = start("connect", how)
        assert seen == [4, 5, 6], done.stderr
        assert study.is_complete
        assert (study.trial(BAD).cause, study.trial(BAD).attempts) == ("lost", 2)
        assert "disconnected (attempt 2 of 2)" in study.trial(BAD).reason


def test_a_server_that_is_closed_interrupts_its_clients(path):
    with Study.create(path, SPACE, Sweep(), trials=2) as study:
        for number in range(1, 6):
            server, client = serve(study), connect(path, patience=0.0)
            trial = client.ask()
            assert (trial.id, trial.attempts) == (1, number)
            server.close()
            client.close()
        assert study.trial(1).status == "running"


def open_again(path, **options):
    study = Study.open(path, SPACE, Sweep())
    return study, study.ask(**options)


def test_a_study_that_is_left_without_an_error_only_interrupts(path):
    Study.create(path, SPACE, Sweep(), trials=2).close()
    for number in range(1, 6):
        study, trial = open_again(path)
        assert (trial.id, trial.attempts) == (1, number)
        study.close()
    with Study.open(path) as read:
        assert read.trial(1).cause == "interrupted"
    study, trial = open_again(path)
    assert (trial.cause, study.trial(1).cause) == (None, None)
    with pytest.raises(ZeroDivisionError, match="division"), study:
        1 / 0  # noqa: B018  # the loop fails
    study, trial = open_again(path)
    assert trial.id == 2  # five attempts were interrupted, and then one was lost
    assert study.trial(1).cause == "lost"
    study.close()


def test_those_that_fail_are_passed_on(path):
    with Study.create(path, SPACE, Sweep(), trials=3, reuse=True) as study:
        study.enqueue([0])
        study.tell(study.ask().id, 1.0)
        assert study.ask().decisions["x"] == 1  # after a copy of trial 1
        assert study.trial(2).copied_from == 1
    ended = []
    study, trial = open_again(path, attempts=1, on_end=ended.append)
    assert trial.attempts == 2  # it was interrupted
    with pytest.raises(ZeroDivisionError, match="division"), study:
        1 / 0  # noqa: B018
    study, trial = open_again(path, attempts=1, on_end=ended.append)
    assert trial is None
    assert [(one.id, one.status, one.cause) for one in ended] == [(3, "failed", "lost")]
    assert study.is_complete
    study.close()


def test_an_error_of_what_it_is_passed_to(path):
    with Study.create(path, SPACE, Sweep(), trials=3) as study:
        study.ask()
        study.put_back(1, "its worker left", attempts=2)
    study = Study.open(path, SPACE, Sweep())
    with pytest.raises(RuntimeError, match="stop"), study:
        study.ask(attempts=1, on_end=refuse)
    with Study.open(path) as study:
        assert [(one.status, one.cause) for one in study.trials()] == [
            ("failed", "lost"),
            ("running", "interrupted"),
        ]


def refuse(trial):
    raise RuntimeError("stop")


@pytest.mark.parametrize("attempts", [0, -1, 2.0, "3", True])
def test_what_a_number_of_attempts_is(path, attempts):
    said = r"attempts=\.\.\.\) takes an integer of at least 1; got"
    space = pg.Dict(x=pg.intv(0, 5))
    with Study.create(path, SPACE, Sweep(), trials=2) as study:
        for call in (
            lambda: study.ask(attempts=attempts),
            lambda: serve(study, attempts=attempts),
            lambda: pg.sample(space, attempts=attempts),
            lambda: pg.search(space, lambda program: 1, attempts=attempts),
        ):
            with pytest.raises((FieldTypeError, FieldValueError), match=said):
                call()
        assert study.info().proposed == 0


# ------------------------------------------------------------------ a complete study of failures


def fail(program):
    raise ValueError(f"no layer {program.x}")


def loop(path, **options):
    for program, feedback in pg.sample(pg.Dict(x=pg.intv(0, 5)), "sweep", study=path, **options):
        with feedback.catch(ValueError):
            fail(program)


def test_a_complete_study_of_failures_says_so(path, capsys):
    loop(path, trials=3)
    said = r"is complete, and all 3 trials of it failed\. The last one: ValueError: no layer 2\nFix this, and give more trials, such as trials=6; or start"
    with pytest.raises(EvaluationError, match=said):
        loop(path, trials=3)
    with pytest.raises(EvaluationError, match=said):
        pg.search(pg.Dict(x=pg.intv(0, 5)), fail, "sweep", 3, study=path)
    with Study.open(path) as study:
        assert study.info().proposed == 3
    loop(path, trials=6)  # what it advises
    with pytest.raises(EvaluationError, match="all 6 trials of it failed"):
        loop(path, trials=6)


def test_a_complete_study_of_an_algorithm_that_has_nothing_left(path):
    loop(path, trials=None)
    with pytest.raises(EvaluationError, match=r"all 6 trials of it failed.*\nFix this, and start over with"):
        loop(path, trials=None)


@pytest.mark.parametrize("reward", [None, 1.0])
def test_other_complete_studies_return(path, reward):
    for _ in range(2):
        for _, feedback in pg.sample(pg.Dict(x=pg.intv(0, 5)), "sweep", 3, study=path):
            feedback.skip("too large") if reward is None else feedback(reward)
    with Study.open(path) as study:
        assert study.info().proposed == 3
