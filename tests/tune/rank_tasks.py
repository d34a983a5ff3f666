"""A search by several processes that torchrun starts.  Run by test_ranks.py as a program.

rank_tasks.py STUDY FILES    prints a line of JSON with what this rank saw
"""

from __future__ import annotations

import json
import sys

import torch
import torch.distributed as distributed

import pliant as pg
from pliant.algorithms import MedianStopping, Random

SPACE = pg.Dict(lr=pg.floatv(0.0, 1.0), width=pg.intv(1, 9))
seen = []


def evaluate(program, feedback):
    """Averages over the ranks, as DDP does; later trials are stopped early, and one fails in rank 1."""
    rank, trial = distributed.get_rank(), feedback.id
    total = torch.tensor([program.lr + rank])
    distributed.all_reduce(total)
    steps = 0
    for step in range(1, 6):
        steps = step
        if feedback.report(float(total) - 10 * (trial > 4) if rank == 0 else -99.0, step=step):
            break
    if rank == 0:
        feedback.save("lr.txt", str(program.lr).encode())
    seen.append((trial, program.lr, program.width, steps, feedback.should_stop))
    distributed.barrier()
    if trial == 3 and rank == 1:
        raise ValueError("out of memory")
    inner = pg.search(SPACE, lambda one: one.width, Random(), 2, progress=False)  # of each rank alone
    assert len(inner.trials) == 2
    return float(total) if rank == 0 else float("nan")


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    algorithm = MedianStopping(Random(seed=1), min_trials=2)
    found = pg.search(SPACE, evaluate, algorithm, 8, study=sys.argv[1], artifacts=sys.argv[2], progress=False)
    second = pg.search(SPACE, lambda program: program.width, Random(), 2, progress=False)
    said = {
        "rank": distributed.get_rank(),
        "seen": seen,
        "best": [found.best_reward, found.best_program.lr, found.best.artifact("lr.txt").read_text()],
        "failed": [trial.reason for trial in found.trials if trial.status == "failed"],
        "second": [trial.decisions.values for trial in second.trials],
    }
    try:
        pg.search(SPACE, evaluate, workers=2)
    except TypeError as error:
        said["refused"] = str(error)
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    distributed.destroy_process_group()
