"""How searches end early: the time limit, by an injected clock, and real signals at every stage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pliant.tabular import Settings, read_table
from pliant.tabular.search import SEARCHED, search_rows
from pliant.tabular.stop import Limit, Stop
from pliant.tabular.target import fit_target

SOURCE = Path(__file__).parents[2] / "src"


class Clock:
    """Shows one second more each time that somebody looks."""

    def __init__(self):
        self.looks = 0

    def __call__(self):
        self.looks += 1
        return float(self.looks)


@pytest.mark.parametrize("epochs", [40, 1000])
def test_the_clock_is_looked_at_before_each_step(people, small, epochs):
    """Training ends at the step at which the time is over, whatever is left of the epochs and trials."""
    table = read_table(people)
    target = fit_target(table, ["rich"])
    clock = Clock()
    settings = Settings(**{**small, "epochs": epochs, "trials": 4, "together": 4, "top": 2})
    rows = table.without(["rich", "income"]), target, target.encode(table), settings
    found = search_rows(*rows, limit=Limit(120, clock))
    assert found.score > 0.5
    assert (
        clock.looks < 120 + 4 + 2 + 4
    )  # after it, only once for each of the trials, the best, and what follows
    stopped = [entry for entry in found.leaderboard if entry.score is None]
    assert all("time was over" in entry.reason for entry in stopped)


def test_a_part_of_the_time():
    clock = Clock()
    limit = Limit(10, clock)
    assert limit.start == 1
    assert limit.left(share=SEARCHED) == pytest.approx(1 + 7 - 2)
    assert [limit.is_over(share=0.5) for _ in range(4)] == [False, False, False, True]
    assert not limit.is_over()


def test_signals():
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with Stop(passes=1) as stop:
            signal.raise_signal(signal.SIGINT)
            assert (stop.is_set, len(heard)) == (False, 1)
            signal.raise_signal(signal.SIGINT)
            assert (stop.is_set, len(heard)) == (True, 1)
            signal.raise_signal(signal.SIGINT)
            assert (stop.is_set, len(heard)) == (True, 2)
        signal.raise_signal(signal.SIGINT)
        assert len(heard) == 3
    finally:
        signal.signal(signal.SIGINT, before)
    with Stop() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set
        with pytest.raises(KeyboardInterrupt, match=r"^$"):  # where nothing handles the second one
            signal.raise_signal(signal.SIGTERM)


def test_in_another_thread_signals_are_left_alone():
    def work():
        with Stop() as stop:
            found.append((stop.is_set, signal.getsignal(signal.SIGINT)))

    found, own = [], signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, own)]


STAGES = """
import os, signal
import numpy as np
from pliant.tabular import finish, search, search_table
from pliant.tabular.training import loop
from pliant.zoo.tabular import make_space

def space(numbers, cardinalities, outputs):
    return make_space(numbers, cardinalities, outputs, widths=(32,), depths=(1,), embeds_numbers=False)

def interrupt(*calls):
    '''Sends this process a SIGINT when a function is called for the n-th time.'''
    def wrap(function):
        count = 0
        def wrapped(*args, **options):
            nonlocal count
            count += 1
            if count in calls:
                os.kill(os.getpid(), signal.SIGINT)
            return function(*args, **options)
        return wrapped
    return wrap

x = np.random.default_rng(0).normal(size=400)
table = {"x": x, "y": np.where(x > 0, "a", "b")}
for name, owner, attribute, calls in (
    ("reading", search, "read_table", (1,)),
    ("preparing", search, "fit_encoder", (1,)),
    ("making the space", search, "Template", (1,)),
    ("first candidates", loop.AdamW, "step", (3,)),
    ("first candidates, twice", loop.AdamW, "step", (3, 4)),
    ("the best, longer", search, "train_longer", (1,)),
    ("averaging", search, "average", (1,)),
    ("all rows", search, "refit", (1,)),
):
    kept = getattr(owner, attribute)
    setattr(owner, attribute, interrupt(*calls)(kept))
    try:
        found = search_table(
            table, "y", trials=4, together=2, epochs=20, top=2, space=space, seed=1, progress=False
        )
    except KeyboardInterrupt:
        print(name, "| nothing", flush=True)
    else:
        print(name, "|", len(found.leaderboard), len(found.members) > 0, found.score > 0.6, flush=True)
    setattr(owner, attribute, kept)
"""


def test_ctrl_c_at_every_stage():
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", STAGES], capture_output=True, text=True, env=env, timeout=580
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "reading | nothing",
        "preparing | nothing",
        "making the space | nothing",
        "first candidates | 2 True True",  # both are finished
        "first candidates, twice | 0 True True",  # what they had learned is kept, though they have not ended
        "the best, longer | 4 True True",
        "averaging | 4 True True",
        "all rows | 4 True True",
    ]
