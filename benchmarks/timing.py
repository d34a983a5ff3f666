"""Measuring: jobs, interleaved rounds, ratios.  Knows nothing of what it times, and prints nothing.

Every side of an operation is timed in every round, one side right after another, so that a slow
moment of the machine hits all of them.  A ratio is the median of the rounds' ratios, a time the
median of the rounds' times.  Times are CPU seconds of this thread: on a shared machine they say what
the code costs, where wall time also says who else was running.

The garbage collector stays on, as in a user's program: objects with parent pointers are cycles, and
freeing them is part of their price.  What was made before the timing starts is frozen out of its way.
"""

from __future__ import annotations

import gc
import statistics
import time
import timeit
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, Protocol


@dataclass(frozen=True)
class Job:
    """One side of an operation: a statement to time, over names.

    Args:
      stmt: the statement; inlined into the timing loop, so that a call of it costs nothing more.
      names: what the statement may name.
      setup: run before each timing, untimed; may use ``names`` too.
      units: how many operations one run of the statement performs.
      number: how often to run it per timing; by default as often as fills the time budget.

    >>> fastest(Job("x + 1", {"x": 1}), budget=0.001) > 0
    True
    """

    stmt: str
    names: Mapping[str, Any]
    setup: str = "pass"
    units: int = 1
    number: int | None = None

    def timer(self) -> timeit.Timer:
        """Returns a timer of the statement, with the collector on and its debts paid."""
        setup = f"import gc; {self.setup}\ngc.enable(); gc.collect()"
        return timeit.Timer(self.stmt, setup, timer=time.thread_time, globals=dict(self.names))


class Timed(Protocol):
    """What can be measured: a ``Job``, or what keeps time elsewhere and answers as a timer does."""

    @property
    def units(self) -> int: ...
    @property
    def number(self) -> int | None: ...
    def timer(self) -> Any: ...


@dataclass
class Timing:
    """The times of one operation: for each side the seconds per unit of each round."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def median(self, side: str) -> float | None:
        """Returns the median seconds per unit of a side, or None when it was not timed."""
        found = self.seconds.get(side)
        return statistics.median(found) if found else None

    def ratio(self, slow: str, fast: str) -> float | None:
        """Returns how many times longer ``slow`` takes than ``fast``: the median of the rounds' ratios."""
        above, below = self.seconds.get(slow), self.seconds.get(fast)
        if not above or not below:
            return None
        return statistics.median(a / b for a, b in zip(above, below, strict=True))


def calibrate(job: Timed, budget: float) -> int:
    """Returns how often to run a job's statement so that it takes about ``budget`` seconds, at least once."""
    if job.number is not None:
        return job.number
    timer, number = job.timer(), 1
    while True:
        took = timer.timeit(number)
        if took >= budget / 2:
            return max(1, round(number * budget / took))
        number = max(2 * number, min(100 * number, round(number * budget / max(took, 1e-9))))


def fastest(job: Job, budget: float) -> float:
    """Returns the seconds per unit of one timing of a job."""
    number = calibrate(job, budget)
    return job.timer().timeit(number) / (number * job.units)


def measure(jobs: Mapping[str, Timed], *, rounds: int, budget: float) -> Timing:
    """Times the sides of one operation in interleaved rounds, each in another order.

    The order matters: a side pays for memory that the side before it gave back.

    Args:
      jobs: the sides by name.
      rounds: how many times each side is timed.
      budget: CPU seconds that one timing should take; a statement that takes longer runs once.
    """
    numbers = {side: calibrate(job, budget) for side, job in jobs.items()}
    timers = {side: job.timer() for side, job in jobs.items()}
    orders = list(permutations(jobs))
    timing = Timing({side: [] for side in jobs})
    gc.collect()
    gc.freeze()
    try:
        for r in range(rounds):
            for side in orders[r % len(orders)]:
                number = numbers[side]
                seconds = timers[side].timeit(number) / (number * jobs[side].units)
                timing.seconds[side].append(seconds)
    finally:
        gc.unfreeze()
    return timing
