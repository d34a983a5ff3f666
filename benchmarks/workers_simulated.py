"""How many workers one study serves: a simulated queue with measured times, checked against runs of 1 to 8 processes.

    python benchmarks/workers_simulated.py                      # about two minutes
    python benchmarks/workers_simulated.py --seconds 10 --trial 10 --workers 100 1000 10000

All requests of a study pass one process, the leader: that is the queue.  Measured in this run: how long the leader takes for an
``ask`` and a ``tell`` (each is a transaction that reaches the disk), what it computes for a request in addition, and how long a request is
under way.  Simulated: workers that ask, evaluate, tell and ask again; one queue, served in the order of arrival.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROCESSES = (1, 2, 4, 8)
LEADER_TRIAL = 0.25  # seconds of the leader's own trials while the way of a request is measured


@dataclass(frozen=True)
class Times:
    """What was measured, in seconds.

    Attributes:
      ask: how long the leader took, for each proposal.
      tell: likewise for each result.
      handling: what the leader computes for a request of another process in addition.
      way: the rest of a request: sockets, and the process that waits.
    """

    ask: list[float]
    tell: list[float]
    handling: float
    way: float

    @property
    def trial(self) -> float:
        """What one trial of another process takes of the leader."""
        return statistics.fmean(self.ask) + statistics.fmean(self.tell) + 2 * self.handling


@dataclass(frozen=True)
class Outcome:
    """What workers saw: trials a second, how busy the leader was, and the time from asking to the trial."""

    rate: float
    busy: float
    asked: list[float]

    @property
    def late(self) -> float:
        """The 99th percentile of an ask."""
        return sorted(self.asked)[int(0.99 * len(self.asked))] if self.asked else 0.0


def simulate(times: Times, workers: int, trial: float, seconds: float, *, leads: bool = False) -> Outcome:
    """Simulates workers for some seconds, after as many that are not counted.

    Args:
      times: of the requests.
      workers: how many there are.
      trial: seconds of one trial.
      seconds: how long.
      leads: whether the first worker is the leader, whose requests take no way.
    """
    draw = random.Random(0)
    # An event: its time, the worker, and what it does: send a request, or have it arrive.
    events = [(draw.random() * (trial + times.way), one, "send", "ask") for one in range(workers)]
    heapq.heapify(events)
    since, asked = [0.0] * workers, list[float]()
    free, busy, told, end = 0.0, 0.0, 0, 2 * seconds
    while events:
        now, worker, what, request = heapq.heappop(events)
        if now > end:
            break
        is_far = not (leads and worker == 0)
        if what == "send":
            since[worker] = now if request == "ask" else since[worker]
            heapq.heappush(events, (now + (times.way / 2 if is_far else 0.0), worker, "arrive", request))
            continue
        # Served in the order of arrival: the time of the end is known when a request arrives.
        service = draw.choice(times.ask if request == "ask" else times.tell) + (
            times.handling if is_far else 0.0
        )
        free = max(free, now) + service
        back = free + (times.way / 2 if is_far else 0.0)
        if free > seconds:
            busy += service
        if request == "ask":
            if now > seconds:
                asked.append(back - since[worker])
            heapq.heappush(events, (back + trial, worker, "send", "tell"))
        else:
            told += seconds < free <= end
            heapq.heappush(events, (back, worker, "send", "ask"))
    return Outcome(told / seconds, min(busy / seconds, 1.0), asked)


# ------------------------------------------------------------------ real processes


def work(place: str, trial: float, leader_trial: float, seconds: float, ready: str, go: str) -> None:
    """One process of a team: runs trials that sleep; prints what it did, and what the leader's steps took."""
    from pliant.algorithms import Random
    from pliant.space import flatten, floating
    from pliant.study import Study
    from pliant.study.team.member import join

    steps: dict[str, list[float]] = {"ask": [], "tell": []}
    for name, taken in steps.items():
        step = getattr(Study, name)

        def timed(
            self: Study, *given: Any, _step: Any = step, _taken: list[float] = taken, **more: Any
        ) -> Any:
            start = time.perf_counter()
            try:
                return _step(self, *given, **more)
            finally:
                _taken.append(time.perf_counter() - start)

        setattr(Study, name, timed)
    space = flatten([floating(f"x{i}", 0.0, 1.0) for i in range(5)])
    with join(place, space, Random(seed=1), trials=10**6) as study:
        first = study.ask()
        assert first is not None
        study.tell(first.id, 0.5)
        Path(ready).touch()
        while not Path(go).exists():
            time.sleep(0.01)
        for taken in steps.values():
            taken.clear()
        rest = leader_trial if study.leads else trial
        asked, told, cpu, end = [], [], time.process_time(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            found = study.ask()
            if found is None:
                continue
            asked.append(time.perf_counter() - start)
            time.sleep(rest)
            start = time.perf_counter()
            study.tell(found.id, 0.5)
            told.append(time.perf_counter() - start)
        cpu = time.process_time() - cpu
        done = {"asked": asked, "told": told, "leads": study.leads, "steps": steps, "cpu": cpu}
        sys.stdout.write(json.dumps(done) + "\n")


def run(count: int, trial: float, seconds: float, leader_trial: float | None = None) -> list[dict[str, Any]]:
    """Runs real processes on one study in a file; returns what each printed, the leader first."""
    with tempfile.TemporaryDirectory() as folder:
        go, place = Path(folder, "go"), str(Path(folder, "study.db"))
        processes = []
        for number in range(count):
            ready = Path(folder, f"ready{number}")
            given = [place, trial, trial if leader_trial is None else leader_trial, seconds, ready, go]
            command = [sys.executable, __file__, "--work", *map(str, given)]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            while not ready.exists():
                if processes[-1].poll() is not None:
                    raise SystemExit("a process of the team ended early")
                time.sleep(0.02)
        go.touch()
        found = [json.loads(process.communicate()[0]) for process in processes]
    return sorted(found, key=lambda one: not one["leads"])


def measure(seconds: float) -> Times:
    """Measures the steps of a leader alone, and the requests of one other process while the leader is almost idle."""
    (alone,) = run(1, 0.0, seconds)
    leader, other = run(2, 0.0, seconds, LEADER_TRIAL)
    steps, requests = leader["steps"], len(other["asked"]) + len(other["told"])
    cpu_of_step = alone["cpu"] / (len(alone["asked"]) + len(alone["told"]))
    handling = max(leader["cpu"] / requests - cpu_of_step, 0.0)
    whole = statistics.fmean([*other["asked"], *other["told"]])
    inside = statistics.fmean([*steps["ask"], *steps["tell"]])
    return Times(alone["steps"]["ask"], alone["steps"]["tell"], handling, max(whole - inside - handling, 0.0))


def main() -> None:
    """Measures, checks the simulation against real runs, and prints what many workers see."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each real run")
    parser.add_argument(
        "--trial", type=float, default=10.0, help="seconds of a trial of the simulated workers"
    )
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[10, 100, 300, 1000, 2000, 3000, 5000, 10000]
    )
    parser.add_argument("--processes", type=int, nargs="+", default=list(PROCESSES))
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    times = measure(options.seconds)
    ask, tell = statistics.fmean(times.ask), statistics.fmean(times.tell)
    print(
        f"measured, ms: ask {ask * 1e3:.2f}, tell {tell * 1e3:.2f}, handling of a request {times.handling * 1e3:.2f}, "
        f"its way {times.way * 1e3:.2f}"
    )
    print("\nprocesses  seconds of a trial  trials/s, real  simulated  ratio")
    for trial in (0.0, 0.05):
        for count in options.processes:
            done = run(count, trial, options.seconds)
            real = sum(len(one["told"]) for one in done) / options.seconds
            thought = simulate(times, count, trial, 30.0, leads=True).rate
            print(f"{count:9}  {trial:18g}  {real:14.1f}  {thought:9.1f}  {real / thought:5.2f}", flush=True)
    print(
        f"\nworkers of {options.trial:g} s trials  trials/s  leader busy  p99 of ask, ms  of their time at work"
    )
    for count in options.workers:
        seconds = max(4 * options.trial, 4 * count * times.trial, 20.0)  # so long that queues no longer grow
        found = simulate(times, count, options.trial, seconds)
        used = found.rate * options.trial / count
        print(
            f"{count:{len(f'workers of {options.trial:g} s trials')}}  {found.rate:8.1f}  {found.busy:10.0%}   "
            f"{found.late * 1e3:13.1f}  {used:21.0%}",
            flush=True,
        )
    most = (options.trial + times.way * 2 + times.trial) / times.trial
    print(
        f"\nThe leader is busy all the time from about {most:.0f} workers: a trial takes {times.trial * 1e3:.2f} ms of it."
    )
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        place, *numbers = sys.argv[2:]
        work(place, *map(float, numbers[:3]), *numbers[3:])
    else:
        main()
