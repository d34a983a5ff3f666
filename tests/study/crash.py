"""Searches in child processes, each killed at a moment of its own, and opened again until all is told.

Run by test_kill.py as a program, so that forking starts from a process without threads.  Prints one JSON
object: what each run was told before it died.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

from pliant.algorithms import LocalSearch, Random, RegularizedEvolution, Sweep
from pliant.algorithms.fidelity import ASHA, MedianStopping
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study

FINITE = flatten(
    [choice("op", [choice("k", 3), None, integer("n", 1, 9)]), choice("a", 5, picks=2), choice("b", 6)]
)
MIXED = flatten(
    [choice("op", [floating("lr", 1e-4, 1, scale="log"), None]), choice("a", 4), integer("n", 1, 64)]
)
SEARCHES = {
    "random": (MIXED, lambda: Random(seed=1)),
    "evolution": (MIXED, lambda: RegularizedEvolution(10, 4, seed=2)),
    "sweep": (FINITE, Sweep),
    "local": (MIXED, lambda: LocalSearch(seed=3)),
    "median": (MIXED, lambda: MedianStopping(ASHA(budget="n", seed=4), min_trials=3)),
}
TRIALS = 120
PARALLEL = {
    "random": 1,
    "evolution": 1,
    "sweep": 1,
    "local": 1,
    "evolution x4": 4,
    "local x4": 4,
    "median": 1,
    "median x4": 4,
}
REPORTS = 3  # at most, of each trial of the search that stops trials


def reward_of(decisions):
    return random.Random(str(decisions.values)).random()


def report_of(decisions, step):
    return random.Random(f"{decisions.values}/{float(step)}").random()


def setting(name):
    space, make = SEARCHES[name.split()[0]]
    return space, make, PARALLEL[name]


def search(path, name, say):
    """Tells the reward of one of the trials that are out, any of them, and asks for the next."""
    space, make, parallel = setting(name)
    pick = random.Random(os.getpid())
    with Study.open_or_create(path, space, make(), trials=TRIALS) as study:
        out = []
        while True:
            while len(out) < parallel and (trial := study.ask(attempts=None)):
                out.append(trial)
            if not out:
                return
            trial = out.pop(pick.randrange(len(out)))
            if name.startswith("median"):
                for step in range(1, REPORTS + 1):
                    if study.report(trial.id, report_of(trial.decisions, step), step=step):
                        break
            study.tell(trial.id, reward_of(trial.decisions))
            say(f"{trial.id}\n".encode())


def run_once(path, name, patience, delay):
    """Runs a search in a child, and kills it when it told ``patience`` trials and ``delay`` seconds passed.

    Returns what it told, and whether it came to its end.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            search(path, name, lambda line: os.write(writer, line))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is to show it
            os.write(writer, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as lines:
        told = [next(lines, "") for _ in range(patience)]
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        told += lines
        _, status = os.waitpid(child, 0)
    was_killed = os.WIFSIGNALED(status)
    assert was_killed or os.WEXITSTATUS(status) == 0, told[-1]
    return [int(line) for line in told if line.strip()], not was_killed


def main(folder, seed):
    draw = random.Random(seed)
    found = {}
    for name in PARALLEL:
        path = os.path.join(folder, f"{name}.db")
        runs, ended = [], False
        while not ended:
            told, ended = run_once(path, name, draw.choice([0, 1, 3, 10, 20, 30]), draw.random() * 0.008)
            runs.append(told)
        found[name] = runs
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
