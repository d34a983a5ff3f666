"""What the workers of test_parallel.py evaluate, found by its name.  No tests here."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pliant as pg


def make_space():
    return pg.Dict(x=pg.intv(0, 99), y=pg.oneof(["a", "b", "c"]), z=pg.floatv(0.0, 1.0))


def score(program):
    return random.Random(f"{program.x} {program.y} {program.z}").random()


def give_gpu(program):
    return float(os.environ["CUDA_VISIBLE_DEVICES"])


def give_number(program):
    return score(program)


def give_metrics(program):
    return score(program), {"size": program.x}


def give_several(program):
    return program.x, -program.z


def give_nothing(program):
    return None


def give_text(program):
    return "good"


def give_bad_metrics(program):
    return 1.0, {"size": "large"}


def fail(program):
    raise ValueError(f"no such layer: {program.y}")


def give_nan_metric(program):
    return 2.0, {"size": float("nan"), "depth": 3}


def give_small(program):
    """Of few values, so that a search comes to the same program again."""
    return float(program.x), {"latency": program.x}


def report(program, feedback):
    """Reports three times unless it is stopped; returns nothing, as it was told."""
    for step in (1, 2, 3):
        if feedback.report(program.x * step, step=step):
            break
    feedback(float(program.x))


def report_nonsense(program, feedback):
    feedback.report(float("nan"), step=1)


def skip(program, feedback):
    feedback.skip("too large")


def deaths_of(program):
    """How often the worker of a program is killed before it may answer."""
    return random.Random(f"deaths of {program.x} {program.z}").choice([0, 0, 0, 0, 1, 2, 9])


def die_at_random(program):
    mark = Path(os.environ["PLIANT_TEST_FOLDER"], f"{program.x}-{program.z}")
    tries = len(mark.read_text()) if mark.exists() else 0
    if tries < deaths_of(program):
        mark.write_text("x" * (tries + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return score(program)


def note_process(program):
    """Leaves its process number behind, and takes a moment."""
    Path(os.environ["PLIANT_TEST_FOLDER"], f"{os.getpid()}.pid").touch()
    time.sleep(0.02)
    return score(program)


def oversleep(program):
    """Takes longer than any limit of the tests."""
    time.sleep(60)
    return 0.0
