"""What becomes of trials whose program fails, and of functions that do not do their part."""

from __future__ import annotations

import re

import pytest

from pliant.study import Study

HEAD = "import math, sys\nimport pliant as pg\ndef search_space():\n    return pg.Dict(x=pg.intv(0, 99))\n"

BAD_RESULTS = {
    "math.nan": r"evaluate returned nan of type float; a reward is a finite number",
    "math.inf": r"evaluate returned inf of type float",
    "None": r"evaluate returned None of type NoneType",
    "'0.9'": r"evaluate returned '0.9' of type str",
    "(1.0, 2.0)": r"evaluate returned \(1.0, 2.0\): (this algorithm takes one reward, got 2|trial \d+ has 2 rewards)",
    "(1.0, math.nan)": r"evaluate returned \(1.0, nan\) of type tuple",
    "1 / 0": r"ZeroDivisionError: division by zero \(task.py:6\)",
    "program.z": r"z.*\(task.py:6\)",
    "sys.exit('stop')": r"SystemExit: stop \(task.py:6\)",
}


@pytest.fixture
def task(folder):
    """Writes a file whose evaluate does ``good`` or, where x is odd, ``bad``."""

    def write(bad, good="float(program.x)", more=""):
        path = folder / "task.py"
        path.write_text(
            f"{HEAD}def evaluate(program):\n    return {bad} if program.x % 2 else {good}\n{more}\n"
        )
        return path

    return write


@pytest.mark.parametrize(("bad", "message"), BAD_RESULTS.items(), ids=BAD_RESULTS)
def test_search_goes_on_after_failures(pliant, task, bad, message):
    task(bad)
    output = pliant("search", "task.py", "--trials", 20, "--algorithm", "re").output
    with Study.open("task.study.db") as study:
        failed = list(study.trials("failed"))
        counts = study.counts()
    assert counts["failed"] + counts["completed"] == 20
    assert min(counts["failed"], counts["completed"]) > 0
    assert all(trial.decisions.values[0] % 2 for trial in failed)
    assert all(re.search(message, trial.reason) for trial in failed)
    assert re.search(rf"search: trial {failed[0].id}/20: failed: .*{message}", output)
    assert re.search(rf"{len(failed)} more failed; the last, trial {failed[-1].id}: .*{message}", output)


def test_first_failures_stop_the_search(pliant, task):
    task("1 / 0", "1 / 0")
    output = pliant("search", "task.py", "--trials", 20, status=1).output
    assert re.search(
        r"the first 5 trials all failed, so the search stops.*ZeroDivisionError.*\(task.py:6\)", output
    )
    assert re.search(r'File ".*task.py", line 6, in evaluate\n', output)
    task("float(program.x)")
    output = pliant("search", "task.py", "--trials", 20).output
    assert "continues after 5 of 20 trials" in output
    assert "Best of 15 trials" in output


def test_no_trial_has_a_reward(pliant, task):
    task("math.nan", "math.nan")
    output = pliant("search", "task.py", "--trials", 3, status=1).output
    assert re.search(r"all 3 trials of task.study.db failed; the last one: evaluate returned nan", output)
    output = pliant("search", "task.py", "--trials", 3, status=1).output
    assert re.search(r"all 3 trials of task.study.db failed.*--restart", output)


def test_failures_of_a_study_that_has_rewards_do_not_stop_it(pliant, task):
    task("1.0")
    pliant("search", "task.py", "--trials", 5, "--no-baseline")
    task("1 / 0", "1 / 0")
    assert "15 more failed" in pliant("search", "task.py", "--trials", 20, "--no-baseline").output


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("def test(program):\n    return 1 / 0", r"search: test failed: ZeroDivisionError: division by zero"),
        ("def test(program):\n    return 'good'", r"search: test failed: ValueError: could not convert"),
        ("def handmade():\n    return pg.Dict(y=1)", r"hand-made: evaluate failed: .*x.*\(task.py:6\)"),
        ("def handmade():\n    return pg.Dict(x=4.5)", r"hand-made: evaluate returned inf"),
    ],
)
def test_report_comes_though_a_comparison_fails(pliant, task, more, message):
    task("math.inf if program.x == 4.5 else 1.0", more=more)
    output = pliant("search", "task.py", "--trials", 5).output
    assert re.search(message, output)
    assert re.search(r"search +5 +", output)


def test_evaluation_leaves_no_trace(pliant, folder):
    text = HEAD + (
        "def evaluate(program):\n    assert 'spent' not in program\n    program.spent = True\n    return 1.0\n"
        "test = evaluate\n"
        "def handmade():\n    return pg.Dict(x=1)\n"
    )
    (folder / "task.py").write_text(text)
    output = pliant("search", "task.py", "--baseline", "--trials", 3).output
    assert len(re.findall(r" 1.0000 +1.0000\n", output)) == 3


def test_one_reward_among_several_says_how_many_are_wrong(pliant, task):
    task("5.0", good="(1.0, float(program.x))")
    pliant("search", "task.py", "--trials", 20, "--algorithm", "nsga2")
    with Study.open("task.study.db") as study:
        reasons = [trial.reason for trial in study.trials("failed")]
    assert reasons
    assert all(re.search(r"evaluate returned .*: trial \d+ has \d rewards?, and", one) for one in reasons)
