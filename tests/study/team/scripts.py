"""Processes of teams.  Run by test_files.py and test_servers.py as a program.

scripts.py PLACE TRIALS SECONDS NAME [GATE]    searches with pg.search, a trial at a time, and prints what it does; from trial
                                               20 on, trials wait until the file GATE exists
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pliant as pg
from pliant.study.team import member

SPACE = pg.Dict(a=pg.oneof(list(range(8))), b=pg.oneof(list(range(9))), lr=pg.floatv(0.0, 1.0))


def algorithm():
    return pg.algorithms.RegularizedEvolution(8, 3, seed=1)


def reward_of(decisions):
    return round(sum(decisions.values), 6)


def search(place, trials, seconds, name, gate=None):
    member.name_process = lambda: name

    def evaluate(program, feedback):
        print("start", name, feedback.id, flush=True)
        time.sleep(seconds)
        while gate and feedback.id >= 20 and not Path(gate).exists():
            time.sleep(0.02)
        reward = reward_of(feedback.decisions)
        print("told", name, feedback.id, flush=True)
        return reward

    found = pg.search(SPACE, evaluate, algorithm(), trials=trials, study=place, progress=False, attempts=1000)
    print("end", name, found.ended, len(found.trials), flush=True)


if __name__ == "__main__":
    search(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
