"""Runs teams of processes, and checks what must hold of a search that came to its end, whatever was killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from scripts import algorithm, reward_of

import pliant
from pliant.study import Study
from pliant.values.errors import StudyError

PROGRAM = Path(__file__).with_name("scripts.py")
PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
LIMIT = 180.0  # seconds for whatever is awaited, on a busy machine


def wait_for(what, condition):
    """Waits until a condition holds; returns its value."""
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {LIMIT:g} s for {what}"
        time.sleep(0.05)
    return found


@contextmanager
def team(place, names, trials, seconds=0.02, files=""):
    """Processes that search the same study, by name; whatever still runs at the end is killed.

    The last trials wait until ``ends_of``, so that no search is complete before a test has done what it is about.
    """
    with tempfile.TemporaryDirectory(prefix="pliant-team-") as folder:
        gate = Path(folder, "open")
        given = {
            "env": {**os.environ, "PYTHONPATH": PATHS, "PLIANT_GATE": str(gate), "PLIANT_FILES": str(files)},
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
        }
        command = [sys.executable, PROGRAM, str(place), str(trials), str(seconds)]
        found = {name: subprocess.Popen([*command, name], text=True, **given) for name in names}
        for process in found.values():
            process.gate = gate
        try:
            yield found
        finally:
            for process in found.values():
                process.kill()
                process.wait(60)
                process.stdout.close()


def ends_of(processes):
    """Lets processes end, and waits for them; returns the last line of each."""
    found = {}
    for process in processes.values():
        process.gate.touch()
    for name, process in processes.items():
        said = process.communicate(timeout=LIMIT)[0]
        found[name] = said.strip().splitlines()[-1] if said.strip() else ""
        assert process.returncode == 0, said
    return found


def count_ended(place):
    """Returns how many trials of a study have ended; 0 before it exists."""
    try:
        with Study.open(place) as study:
            return sum(study.counts().values()) - study.counts()["running"]
    except StudyError:
        return 0


def find_leader(place, processes):
    """Returns the name of the process that leads."""

    def find():
        with Study.open(place) as study:
            holder = study.info().holder or ""
        number = re.match(r"process (\d+) on", holder)
        return next((name for name, one in processes.items() if number and one.pid == int(number[1])), None)

    return wait_for("a leader", find)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()


def find_faults(place, trials):
    """Returns what is wrong with a complete search, as text; nothing where all holds."""
    faults = []
    with Study.open(place) as study:
        found = list(study.trials())
        events = study._store.read(lambda record: list(record.events_after(0)))
        space = study.space
        if not study.is_complete:
            faults.append(f"not complete: {study.counts()}")
    if [trial.id for trial in found] != list(range(1, trials + 1)):
        faults.append(f"numbers: {[trial.id for trial in found]}")
    faults += [
        f"trial {trial.id}: {trial.status}, {trial.reward}, {trial.reason}"
        for trial in found
        if trial.reward != reward_of(trial.decisions)
    ]
    if Counter(event.kind for event in events) != {"ask": trials, "tell": trials}:
        faults.append(f"events: {Counter(event.kind for event in events)}")
    alone = algorithm()  # proposes the same in the recorded order, though nobody kills it
    alone.setup(space)
    for event in events:
        if event.kind == "tell":
            alone.feedback(event.decisions, event.reward)
        elif alone.propose() != event.decisions:
            return [*faults, f"trial {event.trial} is another one"]
    return faults
