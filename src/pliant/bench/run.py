"""Runs searches on tasks in parallel processes, and stores each run as soon as it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import final

from .curves import Curve
from .entrant import Entrant
from .records import Archive
from .registry import get_task
from .task import Task

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@final
@dataclass(frozen=True)
class Job:
    """One run to do."""

    task: str  # its name for ``get_task``
    data: Path | None  # the folder with tables; None for the default
    entrant: Entrant
    trials: int
    seed: int

    def run(self) -> Curve:
        """Runs the search."""
        return self.entrant.run(load_task(self.task, self.data), trials=self.trials, seed=self.seed)


@lru_cache(maxsize=4)
def load_task(name: str, data: Path | None) -> Task:
    """Returns a task, loaded once per process."""
    return get_task(name, data=data)


def plan(
    task: str,
    entrants: Sequence[Entrant],
    *,
    trials: int,
    seeds: Sequence[int],
    archive: Archive,
    data: Path | None = None,
) -> tuple[dict[str, dict[int, Curve]], list[Job]]:
    """Returns stored curves by label and seed, and missing jobs by seed; raises if an entrant cannot search the task."""
    loaded = load_task(task, data)
    known: dict[str, dict[int, Curve]] = {}
    for entrant in entrants:
        entrant.check(loaded)
        kept = archive.read(loaded, entrant, trials=trials)
        known[entrant.label] = {seed: kept[seed] for seed in seeds if seed in kept}
    jobs = [
        Job(task, data, entrant, trials, seed)
        for seed in seeds
        for entrant in entrants
        if seed not in known[entrant.label]
    ]
    return known, jobs


def run_jobs(jobs: Sequence[Job], *, workers: int) -> Iterator[tuple[Job, Curve]]:
    """Runs jobs, and yields each with its curve as it ends; leaving the loop, or an error of a job, ends the processes.

    One worker is this process.
    """
    if workers <= 1:
        for job in jobs:
            yield job, job.run()
        return
    waiting = iter(jobs)
    with _single_threads(), _open_pool(min(workers, len(jobs) or 1)) as pool:
        running: dict[Future[Curve], Job] = {}
        while True:
            for job in waiting:
                running[pool.submit(Job.run, job)] = job
                if len(running) > 2 * workers:
                    break
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()


def run_all(
    known: dict[str, dict[int, Curve]],
    jobs: Sequence[Job],
    *,
    archive: Archive,
    workers: int,
    on_curve: Callable[[Job, Curve], None] = lambda job, curve: None,
) -> dict[str, list[Curve]]:
    """Runs the jobs of ``plan``, stores each run in the archive, and returns all curves by label, in order of seeds.

    If it is stopped, only running jobs are lost: the next ``plan`` finds the others.
    """
    found = {label: dict(curves) for label, curves in known.items()}
    for job, curve in run_jobs(jobs, workers=workers):
        archive.add(load_task(job.task, job.data), job.entrant, curve)
        found[job.entrant.label][job.seed] = curve
        on_curve(job, curve)
    return {label: [curves[seed] for seed in sorted(curves)] for label, curves in found.items()}


def _begin_worker() -> None:
    """Makes a worker end on Ctrl-C without a traceback."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))


@contextmanager
def _open_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Opens a pool of fresh processes: a fork would copy the threads of a display, or of NumPy."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    try:
        with _interrupts_ignored():  # until the initializers of the workers have run
            for _ in range(workers):
                pool.submit(int)
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignores Ctrl-C, if this is the main thread, where signals can be set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _single_threads() -> Iterator[None]:
    """Sets the environment so that numeric libraries of new processes use one thread."""
    changed = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(changed, "1"))
    try:
        yield
    finally:
        for name in changed:
            os.environ.pop(name, None)
