"""What a trial costs on a Ray cluster, beside a plain Ray task that does nothing either.

Run: python benchmarks/ray_overhead.py [--trials N] [--slots N] [--rounds N].  Starts a cluster on this machine.

Each side does the same trials, ``slots`` at once, a free slot filled at once; wall time per trial, since most of the
work is other processes'.  The sides take turns in each round; the table has the medians of the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

from pliant.algorithms import Random
from pliant.launch import Call, Ended, Job, Message, Processes, RayTasks
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.run import run

ECHO, REPORT = "pliant.testing.jobs:echo", "pliant.testing.jobs:report"


def plain(trials, slots):
    """The loop that one writes by hand with Ray: tasks out, `ray.wait`, results in."""
    task = ray.remote(lambda payload: payload)
    waiting, left, values = [], list(range(trials)), []
    while waiting or left:
        while left and len(waiting) < slots:
            waiting.append(task.remote(left.pop()))
        ready, waiting = ray.wait(waiting, num_returns=1)
        values += ray.get(ready)
    assert sorted(values) == list(range(trials))


def jobs(launcher, trials, function=ECHO):
    """The same by a launcher; with `report`, each trial also asks something and waits for the answer."""
    left, running, values = list(range(trials)), 0, []
    while running or left:
        while left and running < launcher.slots:
            number = left.pop()
            launcher.start(Job(str(number), Call(function, number if function == ECHO else [number])))
            running += 1
        for event in launcher.poll(None):
            if isinstance(event, Message):
                launcher.reply(event.job, event.payload)
            elif isinstance(event, Ended):
                running -= 1
                value = event.outcome.value
                values.append(value if function == ECHO else value[0])
    assert sorted(values) == list(range(trials))


def study(launcher, trials):
    """The same as a durable study: each proposal and reward is in its file before anything goes on."""
    space = flatten([integer("x", 0, 10**6)])

    def make_job(trial):
        return Job(f"{trial.id}.{trial.token}", Call(ECHO, trial.decisions["x"]))

    with (
        tempfile.TemporaryDirectory() as folder,
        Study.create(Path(folder, "a.db"), space, Random(seed=0), trials=trials) as made,
    ):
        assert run(made, launcher, make_job).how == "complete"
        assert made.counts()["completed"] == trials


def measure(sides, trials, rounds):
    """Seconds per trial of each side, a list of rounds."""
    times = {name: [] for name in sides}
    for work in sides.values():
        work(min(trials, 20))  # what is started once
    for number in range(rounds):
        names = list(sides)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begun = time.perf_counter()
            sides[name](trials)
            times[name].append((time.perf_counter() - begun) / trials)
    return times


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    ray.init(address="local", num_cpus=args.slots, include_dashboard=False, log_to_driver=False)
    with contextlib.ExitStack() as stack:
        on_ray = stack.enter_context(RayTasks(args.slots))
        here = stack.enter_context(Processes(args.slots))
        sides = {
            "plain Ray tasks": lambda trials: plain(trials, args.slots),
            "RayTasks": lambda trials: jobs(on_ray, trials),
            "RayTasks, one report each": lambda trials: jobs(on_ray, trials, REPORT),
            "a study over RayTasks": lambda trials: study(on_ray, trials),
            "Processes": lambda trials: jobs(here, trials),
            "a study over Processes": lambda trials: study(here, trials),
        }
        times = measure(sides, args.trials, args.rounds)
    ray.shutdown()
    base = statistics.median(times["plain Ray tasks"])
    print(
        f"Ray {ray.__version__}, Python {platform.python_version()}, {os.cpu_count()} processors; {args.slots} slots, ",
        end="",
    )
    print(f"{args.rounds} rounds of {args.trials} trials; load {os.getloadavg()[0]:.1f} at the end\n")
    print("| side | ms a trial | least | beside plain Ray, ms |\n| --- | ---: | ---: | ---: |")
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"| {name} | {1e3 * middle:.2f} | {1e3 * min(found):.2f} | {1e3 * (middle - base):+.2f} |")


if __name__ == "__main__":
    main()
