"""F9 and F10: a log that is cut off at any byte, and a disk that is full or fails while a study is written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import RegularizedEvolution
from pliant.space import choice, flatten
from pliant.study import Study

SPACE = flatten([choice("a", 5), choice("b", 5)])
PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
EVERY = bool(os.environ.get("PLIANT_FAULTS"))  # every byte, as in `make faults`


def make():
    return RegularizedEvolution(4, 2, seed=1)


def propose_alone(rewards):
    """What the algorithm proposes when it is told these rewards in turn, and one more."""
    alone, proposed = make(), []
    alone.setup(SPACE)
    for reward in rewards:
        proposed.append(alone.propose())
        alone.feedback(proposed[-1], reward)
    return [*proposed, alone.propose()]


def test_a_log_that_is_cut_at_any_byte(tmp_path):
    """Of the last 4 KiB: at most the last step is missing, and the search goes on, closed and opened again."""
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    with Study.create(path, SPACE, make()) as study:
        for number in range(4):
            study.tell(study.ask().id, float(number))
        log = Path(f"{path}-wal").read_bytes()
        shutil.copy(path, tmp_path / "base.db")
    last, found = len(log), set()
    for cut in range(last - 4096, last + 1, 1 if EVERY else 256):
        shutil.copy(tmp_path / "base.db", copy)
        Path(f"{copy}-mark").unlink(missing_ok=True)
        Path(f"{copy}-wal").write_bytes(log[:cut])
        with Study.open(copy, SPACE, make()) as study:
            told = study.counts()["completed"]
            found.add(told)
            expected = propose_alone([float(number) for number in range(told)])
            assert [trial.decisions for trial in study.trials("completed")] == expected[:-1]
            assert study.ask().decisions == expected[-1]
            study.tell(told + 1, float(told))
        with Study.open(copy, SPACE, make()) as study:
            assert study.counts()["completed"] == told + 1
            assert study.ask().decisions == propose_alone([float(number) for number in range(told + 1)])[-1]
    assert found == {3, 4}  # the last `tell` is there as a whole, or not at all


PROGRAM = """
import resource, signal, sys
from pliant.algorithms import RegularizedEvolution
from pliant.study import Study
from pliant.values.errors import StudyError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
study = Study.open(sys.argv[1], None, RegularizedEvolution(4, 2, seed=1))
told = study.counts()["completed"]
try:
    while True:
        study.tell(study.ask().id, float(told))
        told += 1
except StudyError as error:
    print(told, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
def test_a_file_that_may_not_grow(tmp_path):
    """As on a disk that is full or fails: the error names the file, no trial is half written, and later it goes on."""
    path, told = tmp_path / "a.db", 0
    Study.create(path, SPACE, make()).close()
    size = path.stat().st_size
    for limit in range(size + 40_000, size + 150_000, 3_001 if EVERY else 27_001):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path), str(limit)],
            env={**os.environ, "PYTHONPATH": PATHS},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        count, _, message = done.stdout.partition(" ")
        assert f"{str(path)!r} could not be" in message
        assert "What was told before is kept" in message or "what was told before is kept" in message
        assert int(count) > told
        with Study.open(path, SPACE, make()) as study:
            told = study.counts()["completed"]
            assert told == int(count)
            expected = propose_alone([float(number) for number in range(told)])
            assert [trial.decisions for trial in study.trials("completed")] == expected[:-1]
            assert study.ask().decisions == expected[-1]
            told += 1
            study.tell(told, float(told - 1))
