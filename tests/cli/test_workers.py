"""`pliant search --workers`: the same search in worker processes, with limits, constraints, reuse, and Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import click
import pytest

from pliant.cli.options import Size
from pliant.study import Study

TASK = """
import os, sys, time
import pliant as pg

def search_space():
    return pg.Dict(x=pg.intv(0, 99), op=pg.oneof(["left", "right"]))

def evaluate(program, feedback=None, scale=2):
    {body}
"""


@pytest.fixture
def task(folder):
    """Writes a file whose evaluate has a body."""

    def write(body):
        (folder / "task.py").write_text(TASK.format(body=body))
        return "task.py"

    return write


def trials(path="task.study.db"):
    with Study.open(path) as study:
        return list(study.trials())


def test_one_worker_is_the_same_search(pliant, darts):
    """With one trial after another the algorithm hears the same in the same order."""
    pliant("search", "darts.py", "--baseline", "--trials", 20, "--study", "here.db")
    given = ["--baseline", "--trials", 20, "--study", "there.db", "--workers", 1]
    output = pliant("search", "darts.py", *given).output
    assert "1 worker. Ctrl-C once: finish running trials, then stop. Twice: stop now." in output
    for name in ("{}.db", "{}.random.db"):
        here, there = (
            [(t.decisions.values, t.reward) for t in trials(name.format(k))] for k in ("here", "there")
        )
        assert here == there
    assert re.search(r"search +20 +-?\d", output)
    assert re.search(r"hand-made +1 +-8\.5000", output)


def test_workers_share_the_work(pliant, task):
    task("""os.close(os.open(f'pid{os.getpid()}', os.O_CREAT))
    end = time.monotonic() + 120.0
    while time.monotonic() < end and sum(name.startswith('pid') for name in os.listdir()) < 3:
        time.sleep(0.01)
    return program.x, {'pid': os.getpid()}""")
    pliant("search", "task.py", "--trials", 24, "--no-baseline", "--workers", 3)
    found = trials()
    assert [trial.reward for trial in found] == [trial.decisions["x"] for trial in found]
    pids = {trial.metrics["pid"] for trial in found}
    assert len(pids) == 3
    assert os.getpid() not in pids


def test_what_goes_wrong_is_said_as_in_place(pliant, task):
    """The reason is that of the user's line, and the search goes on."""
    task(
        "return 1 / (program.x % 2) if program.op == 'left' else (float('nan') if program.x % 2 else sys.exit('no'))"
    )
    for name, more in (("here.db", []), ("there.db", ["--workers", 1])):
        pliant(
            "search", "task.py", "--trials", 20, "--no-baseline", "--algorithm", "tpe", "--study", name, *more
        )
    here, there = [[(t.reward, t.reason) for t in trials(name)] for name in ("here.db", "there.db")]
    assert here == there
    reasons = {reason for _, reason in there if reason}
    assert reasons == {
        "ZeroDivisionError: division by zero (task.py:9)",
        "evaluate returned nan of type float; a reward is a finite number",
        "SystemExit: no (task.py:9)",
    }


def test_first_failures_stop_the_search(pliant, task):
    task("return 1 / 0")
    output = pliant("search", "task.py", "--trials", 20, "--workers", 2, status=1).output
    assert re.search(r"the first 5 trials all failed, so the search stops\..*ZeroDivisionError", output)
    assert "Traceback" in output
    assert "return 1 / 0" in output


@pytest.mark.parametrize("more", [[], ["--workers", 2]])
def test_reports_stop_trials(pliant, task, more):
    task("""for step in range(1, 9):
        if feedback.report(-program.x, step=step):
            break
    return -program.x, {'steps': step, 'scale': scale}""")
    algorithm = "median_stopping(min_trials=2)"
    pliant("search", "task.py", "--trials", 20, "--no-baseline", "--algorithm", algorithm, *more)
    steps = [trial.metrics["steps"] for trial in trials()]
    assert min(steps) < max(steps) == 8
    assert {trial.metrics["scale"] for trial in trials()} == {2.0}


@pytest.mark.parametrize("more", [[], ["--workers", 1]])
def test_constraints_and_reuse(pliant, task, more):
    task("""with open('calls', 'a') as calls:
        calls.write('.')
    return program.x, {'latency': program.x}""")
    given = ["--no-baseline", "--constraint", "latency <= 60", "--reuse", "--algorithm", "hill_climb"]
    output = pliant("search", "task.py", "--trials", 40, *given, *more).output
    found = trials()
    for trial in found:
        assert (trial.status == "failed") == (trial.decisions["x"] > 60)
    assert max(trial.reward for trial in found if trial.reward is not None) <= 60
    copies = [trial for trial in found if trial.copied_from]
    with open("calls") as calls:
        assert len(calls.read()) == 40 - len(copies)
    assert re.search(r"\nThe winner, trial \d+:\n\n  Dict\(x=(60|[1-5]?\d), ", output)


@pytest.mark.parametrize("more", [[], ["--workers", 1]])
def test_a_constrained_metric_that_is_missing(pliant, task, more):
    task("return program.x, {'latencies': 3}")
    output = pliant("search", "task.py", "--constraint", "latency <= 60", *more, status=1).output
    assert "the study has the constraint 'latency <= 60', and trial 5 was told without 'latency'" in output


def test_limits(pliant, task):
    task("""if program.op == 'left' and program.x % 3:
        hold = bytearray(1 << 30) if program.x % 3 == 1 else None
        time.sleep(60)
    return 1.0""")
    limits = ["--seconds", 8, "--memory", "600M", "--algorithm", "tpe"]
    pliant("search", "task.py", "--trials", 12, "--no-baseline", "--workers", 4, *limits)
    kinds = set()
    for trial in trials():
        kind = trial.decisions["op"] == 0 and trial.decisions["x"] % 3
        kinds.add(int(kind))
        if not kind:
            assert trial.reward == 1.0
        else:
            assert (
                "more than its limit of 600 MiB" if kind == 1 else "longer than its limit of 8 s"
            ) in trial.reason
    assert kinds == {0, 1, 2}


def test_limits_need_workers(pliant, darts):
    output = pliant("search", "darts.py", "--seconds", 5, status=2).output
    assert "--seconds limits evaluations in worker processes" in output
    assert "add --workers 1" in output


def test_a_worker_that_dies_is_not_the_trials_fault_at_once(pliant, task):
    task("""if not os.path.exists('died'):
        os.mkdir('died'); os.kill(os.getpid(), 9)
    return program.x""")
    pliant("search", "task.py", "--trials", 6, "--no-baseline", "--workers", 1)
    assert [trial.status for trial in trials()] == ["completed"] * 6
    assert [trial.attempts for trial in trials()] == [2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("count", [1, 2])
def test_ctrl_c(task, folder, environment, pliant, count, until):
    """Once: what runs is waited for. Twice: it is ended. Either way nothing is left running, and the search goes on."""
    task(
        """os.close(os.open(f'started{os.getpid()}', os.O_CREAT))
    end = time.monotonic() + 300.0
    while time.monotonic() < end and not os.path.exists('quick'):
        time.sleep(0.01)
    return program.x"""
    )
    arguments = ["search", "task.py", "--trials", "9", "--no-baseline", "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "pliant", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until(lambda: len(list(folder.glob("started*"))) == 2, "two evaluations run", process=process)
        process.send_signal(signal.SIGINT)
        line = process.stderr.readline()
        assert line == "finishing 2 evaluations, then stopping; Ctrl-C again stops them now\n"
        if count == 1:
            (folder / "quick").touch()
        else:
            process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "Stopped. All trials so far are in task.study.db. Run the same command" in output
    for path in folder.glob("started*"):
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", path.name.removeprefix("started")], stdout=-1, text=True
        )
        assert state.stdout.strip()[:1] in ("", "Z")  # gone, or a zombie that nobody asked for yet
    ended = [trial for trial in trials() if trial.ended]
    assert bool(ended) == (count == 1)
    (folder / "quick").touch()
    pliant(*arguments)
    assert [trial.reward for trial in trials()] == [trial.decisions["x"] for trial in trials()]
    assert len(trials()) == 9


def test_a_study_in_a_database(pliant, darts):
    address = os.environ.get("PLIANT_POSTGRES", "")
    if not address:
        pytest.skip(
            "PLIANT_POSTGRES is not set: it names a server, such as postgresql://postgres@127.0.0.1:5432/postgres"
        )
    mark = "&" if "?" in address else "?"
    place = f"{address}{mark}study=cli_{os.getpid()}"
    given = ["--trials", 6, "--study", place, "--workers", 1, "--restart", "--baseline"]
    output = pliant("search", "darts.py", *given).output
    assert "Best of 6 trials" in output
    listed = pliant("study", "list", address, "--format", "csv").output
    assert f"cli_{os.getpid()}," in listed
    assert f"cli_{os.getpid()}_random," in listed
    pliant("study", "resume", place, "darts.py", "--trials", 8)
    assert len(pliant("study", "export", place).output.splitlines()) == 9
    pliant("study", "rm", place, f"{place}_random", "--yes")
    assert "no study found at" in pliant("study", "show", place, status=1).output


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), ("2k", 2048), ("500M", 500 * 2**20), ("1.5 GiB", 3 * 2**29), ("2GB", 2**31), ("1T", 2**40)],
)
def test_sizes(text, count):
    assert Size().convert(text, None, None) == count


@pytest.mark.parametrize("text", ["", "0", "G", "-1G", "2X", "1e9", "nan", "9" * 400, "9999999T"])
def test_sizes_that_are_none(text):
    with pytest.raises(click.BadParameter, match="is not a size; write 500M or 2G"):
        Size().convert(text, None, None)


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e999", "9" * 5000])
def test_limits_are_finite_numbers(pliant, text):
    """Of the time and memory of an evaluation, and of every other option that takes a number with decimals."""
    for command, option in (
        (("search", "x.py", "--workers", "1"), "--seconds"),
        (("nas", "search-in-local", "--local_output_dir=x"), "--trial_timeout"),
        (("nas", "search-in-local", "--local_output_dir=x"), "--trial_memory"),
        (("nas", "search-in-local", "--local_output_dir=x"), "--target_latency"),
        (("nas", "search-proxy-task"), "--desired_accuracy"),
        (("nas", "search-proxy-task"), "--desired_accuracy_correlation"),
    ):
        output = " ".join(pliant(*command, f"{option}={text}", status=2).output.split())
        assert "is not a finite number" in output or "is not in the range" in output
        assert len(output) < 3000


@pytest.mark.parametrize("given", [[], ["--workers", 1]])
def test_files_of_trials(pliant, task, folder, given):
    task("""(feedback.folder / 'state').write_text('begun')
    feedback.save('x.txt', str(program.x).encode())
    return program.x""")
    kept = ["--keep", "best(2)", "--artifacts", "files"]
    pliant("search", "task.py", "--trials", 8, "--algorithm", "random", *kept, *given)
    with Study.open("task.study.db") as study:
        best = study.best(2)
        assert study.artifacts.place == str((folder / "files").resolve())
        assert study.artifacts.trials(folders=True) == sorted(trial.id for trial in best)
        assert best[0].artifact("x.txt").read_text() == str(best[0].decisions["x"])
    output = pliant("search", "task.py", "--keep", "bests", *given, status=1).output
    assert "keep is 'best', 'best(3)', 'front' or 'all'; got 'bests'; did you mean 'best'?" in output
