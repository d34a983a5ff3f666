"""Commands in processes of their own: killed, interrupted, with output into a pipe."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

from pliant.study import Study

# Ends its process by a signal, the first time that it is to evaluate a trial whose number is in CALL.
SIGNALS = """
import os, pathlib
def end(number):
    calls = pathlib.Path("calls")
    calls.write_text(calls.read_text() + "." if calls.exists() else ".")
    if len(calls.read_text()) == int(os.environ.get("CALL", 0)):
        os.kill(os.getpid(), number)
"""


def history(path):
    with Study.open(path) as study:
        return [(t.id, t.decisions.values, t.reward, t.status) for t in study.trials()], study.best()[0].id


def attempts(path):
    with Study.open(path) as study:
        return [trial.attempts for trial in study.trials()]


@pytest.mark.parametrize("call", [1, 9, 30, 53])
def test_killed_search_goes_on_as_if_nothing_happened(pliant, pliant_process, darts, folder, call):
    pliant("search", "darts.py", "--baseline", "--trials", 30, "--study", "whole.db")
    text = darts.read_text().replace("def evaluate(program):", "def evaluate(program):\n    end(9)")
    darts.write_text(SIGNALS + text)
    killed = pliant_process("search", "darts.py", "--baseline", "--trials", 30, CALL=str(call))
    assert killed.returncode == -signal.SIGKILL
    resumed = pliant_process("search", "darts.py", "--baseline", "--trials", 30)
    assert resumed.returncode == 0, resumed.stderr
    assert history("darts.study.db") == history("whole.db")
    assert history("darts.study.random.db") == history("whole.random.db")
    again = attempts("darts.study.db") + attempts("darts.study.random.db")
    assert [i for i, count in enumerate(again, start=1) if count > 1] == [call]


@pytest.mark.parametrize(("call", "kept"), [(9, "darts.study.db"), (35, "darts.study.db")])
def test_interrupted_search_says_how_to_go_on(pliant, pliant_process, darts, call, kept):
    pliant("search", "darts.py", "--baseline", "--trials", 30, "--study", "whole.db")
    text = darts.read_text().replace(
        "def evaluate(program):", f"def evaluate(program):\n    end({int(signal.SIGINT)})"
    )
    darts.write_text(SIGNALS + text)
    stopped = pliant_process("search", "darts.py", "--baseline", "--trials", 30, CALL=str(call))
    assert stopped.returncode == 130
    assert stopped.stderr == ""
    assert stopped.stdout.endswith(
        f"Stopped. All trials so far are in {kept}. Run the same command to continue.\n"
    )
    resumed = pliant_process("search", "darts.py", "--baseline", "--trials", 30)
    assert re.search(f"continues after {call - 1} of 30|complete: 30 of 30", resumed.stdout)
    assert history("darts.study.db") == history("whole.db")
    assert history("darts.study.random.db") == history("whole.random.db")


def test_interrupted_before_there_is_a_study(pliant, folder):
    (folder / "task.py").write_text("raise KeyboardInterrupt\n")
    output = pliant("search", "task.py", status=130).output
    assert output == "\nStopped. Run the same command to continue.\n"


def test_log_has_no_control_characters_and_no_blanks_at_ends(pliant_process, darts):
    done = pliant_process("search", "darts.py", "--trials", 12, COLUMNS="100")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)
    assert not re.search(r" \n", done.stdout)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("search: trial ")][11].startswith(
        "search: trial 12/12: "
    )


def test_log_in_ascii(pliant_process, darts):
    done = pliant_process("search", "darts.py", "--trials", 3, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_script(pliant_process):
    done = pliant_process("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"pliant, version \d+\.\d+\.\d+\n", done.stdout)


def test_help_needs_nothing_heavy(environment):
    program = (
        "import sys, pliant.cli.main as m\n"
        "try:\n    m.main(['search', '--help'])\n"
        "except SystemExit:\n    print([n for n in ('torch', 'sqlalchemy', 'rich', 'numpy') if n in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
