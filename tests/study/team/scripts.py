"""Processes of teams.  Run by test_files.py and test_servers.py as a program.

scripts.py PLACE TRIALS SECONDS NAME    searches with pg.search, a trial at a time, and prints what it does

The last five trials wait until the file PLIANT_GATE exists.  With PLIANT_FILES, a folder, each trial saves a file there and
writes into its working folder, which must survive the death of its process.  PLIANT_SILENCE: see ``mailbox``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pliant as pg
from pliant.study.team import mailbox, member

SPACE = pg.Dict(a=pg.oneof(list(range(8))), b=pg.oneof(list(range(9))), lr=pg.floatv(0.0, 1.0))


def algorithm():
    return pg.algorithms.RegularizedEvolution(8, 3, seed=1)


def reward_of(decisions):
    return round(sum(decisions.values), 6)


def work(feedback, reward):
    """Saves a file in a trial; raises where an earlier attempt had a folder, and it is lost."""
    attempt = feedback.folder.name
    assert [path.name for path in feedback.folder.parent.iterdir()] == [attempt]
    begun = feedback.folder / "begun"
    with begun.open("a") as out:
        out.write(f"{feedback.id}\n")
    assert set(begun.read_text().split()) == {str(feedback.id)}
    feedback.save("reward.txt", str(reward).encode())


def search(place, trials, seconds, name):
    member.name_process = lambda: name
    mailbox.SILENCE = float(os.environ.get("PLIANT_SILENCE", mailbox.SILENCE))
    gate, files = os.environ.get("PLIANT_GATE"), os.environ.get("PLIANT_FILES")
    kept = {"artifacts": files, "keep": "best(3)"} if files else {}

    def evaluate(program, feedback):
        print("start", name, feedback.id, flush=True)
        time.sleep(seconds)
        while gate and feedback.id > trials - 5 and not Path(gate).exists():
            time.sleep(0.02)
        reward = reward_of(feedback.decisions)
        if kept:
            work(feedback, reward)
        print("told", name, feedback.id, flush=True)
        return reward

    found = pg.search(
        SPACE, evaluate, algorithm(), trials=trials, study=place, progress=False, attempts=1000, **kept
    )
    print("end", name, found.ended, len(found.trials), flush=True)


if __name__ == "__main__":
    search(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
