"""`pliant watch`: what a view of a study shows, from look to look, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms import Random
from pliant.cli.watch.follow import Follower
from pliant.cli.watch.frame import draw_history, make_frame
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.values.errors import FieldValueError

SPACE = flatten([integer("x", 0, 99), choice("op", 2, literals=["'conv'", "'pool'"])])
HOSTILE = "gpu\x1b[2J\u202e0"


@pytest.fixture
def study(tmp_path):
    with Study.create(tmp_path / "seen.db", SPACE, Random(), trials=10, seed=0) as opened:
        for number in range(6):
            trial = opened.ask(worker=HOSTILE)
            if number == 2:
                opened.fail(trial.id, f"no memory {HOSTILE}", cause="memory")
            else:
                opened.tell(trial.id, number / 10, metrics={"latency\x1b[1m": 2.5})
        opened.report(opened.ask(worker=HOSTILE).id, 0.25, step=3)
        yield opened


def test_one_look(pliant, study):
    """All that is shown, and nothing that a terminal acts on."""
    output = pliant("watch", study.path, "--once").output
    assert "6/10 trials, 1 failed" in output
    assert "best 0.5000 (trial 6)" in output
    best = study.best()[0].decisions.params
    assert re.search(rf"x += {best['x']}\b", output)
    assert re.search(rf"op += {best['op']}".replace("'", ""), output)
    assert re.search(r"latency\\x1b\[1m : 2\.5000", output)
    assert re.search(r"7 +gpu\\x1b\[2J\\u202e0 .* step 3: 0\.2500", output)
    assert re.search(r"1 +memory +no memory gpu\\x1b\[2J", output)
    assert "0.0000 to 0.5000" in output
    assert not [c for c in output if c != "\n" and unicodedata.category(c).startswith("C")]


def test_a_study_that_no_process_writes(pliant, study):
    study.close()
    output = pliant("watch", study.path, "--once").output
    assert "not running" in output
    assert re.search(r"7 +waits to be handed out again", output)
    assert " left" not in output


@settings(max_examples=8, deadline=None)
@given(steps=st.lists(st.sampled_from(["ask", "tell", "fail", "look"]), max_size=20))
def test_many_looks_see_what_one_sees(tmp_path_factory, steps):
    with Study.create(tmp_path_factory.mktemp("w") / "a.db", SPACE, Random(), seed=1) as study:
        follower, running = Follower(study), []
        for step in steps:
            if step == "ask":
                running.append(study.ask())
            elif step == "look":
                follower.read()
            elif running:
                trial = running.pop(len(running) // 2)
                if step == "tell":
                    study.tell(trial.id, float(trial.decisions.values[0]))
                else:
                    study.fail(trial.id, "reason")
        frame, other = make_frame(study, follower, 2e9), make_frame(study, Follower(study), 2e9)
        assert frame == other
        assert (frame.done, frame.failed, len(frame.running)) == (
            sum(study.counts().values()) - len(running),
            study.counts()["failed"],
            len(running),
        )
        best = study.best()
        assert frame.best == (f"best {best[0].reward:.4f} (trial {best[0].id})" if best else "no reward yet")


def test_several_rewards(tmp_path, pliant):
    with Study.create(tmp_path / "a.db", SPACE, Random(), trials=3, maximize=False) as study:
        for number in range(3):
            study.tell(study.ask().id, (number, 2 - number))
        assert make_frame(study, Follower(study), 2e9).best == "3 on the front"
    assert "complete" in pliant("watch", study.path, "--once").output


def test_history_of_many_trials():
    assert draw_history((1.0, 1.0)) == "▁▁"
    assert draw_history(()) == ""


def test_elsewhere_a_line_is_printed(pliant, study):
    for _ in range(4):
        trial = study.ask() if study.info().proposed < 10 else None
        if trial is not None:
            study.tell(trial.id, 0.1)
    study.tell(7, 0.9)
    (line,) = pliant("watch", study.path).output.splitlines()
    assert line.startswith("seen: 10/10 trials, 1 failed, best 0.9000 (trial 7), ")
    assert line.endswith("complete")


def test_a_terminal(study, environment):
    """It is drawn again and again, until Ctrl-C."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "pliant", "watch", str(study.path), "--interval", "0.1"]
    with subprocess.Popen(
        command, stdout=follower, stderr=follower, env={**environment, "TERM": "xterm", "COLUMNS": "120"}
    ) as process:
        os.close(follower)
        seen = b""
        while seen.count(b"6/10 trials") < 2:
            seen += os.read(leader, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    os.close(leader)
    assert b"\x1b[2J" not in seen
    assert rb"gpu\x1b[2J" in seen


def test_mistakes(pliant, tmp_path, study):
    assert "no study" in pliant("watch", tmp_path / "none.db", status=1).output
    with pytest.raises(
        FieldValueError, match=r"trials\(after=\.\.\.\) takes the id of a trial, or 0; got -1"
    ):
        study.trials(after=-1)
    assert [trial.id for trial in study.trials("completed", after=3)] == [4, 5, 6]
