"""A search on a cluster, for test_ray_faults.py to kill: ``ray_driver.py ADDRESS STUDY TOKEN KIND``.

Each evaluation leaves a process with the token among its arguments.  Prints the trials that ended, one a line.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pliant as pg
from pliant.launch import RayTasks

TRIALS = 16


class Task(pg.Object):
    x: int
    token: str


def make_space():
    return Task(x=pg.intv(0, 99), token=sys.argv[3] if __name__ == "__main__" else "")


def evaluate(task, feedback):
    if task.token:
        sleep = [sys.executable, "-c", "import time; time.sleep(600)", task.token]
        subprocess.Popen(sleep, start_new_session=True)
    for step in range(2):
        feedback.report(task.x / 2, step=step)
    time.sleep(0.3 if task.token else 0)
    return task.x, {"twice": 2 * task.x}


if __name__ == "__main__":
    address, study, token, kind = sys.argv[1:]
    with RayTasks(3, address=address, grace_seconds=0.5) as launcher:
        found = pg.search(
            make_space if kind == "function" else make_space(),
            evaluate,
            pg.generators.Random(seed=3),
            TRIALS,
            study=study,
            launcher=launcher,
            on_end=lambda trial: print(trial.id, flush=True),
        )
    assert found.ended == "complete"
    assert found.best_program.x == found.best_reward
