"""Searches that are killed at many points, each opened again until all is told; prints a table of what held.

Run by `make faults`, all of it, and by test_campaign.py, a part; as a program of its own, so that forking starts from a
process without threads.  The numbers F1, F2, ... are those of the list of faults in README.md.

A point has passed when nothing that was told is lost, nothing is told twice, trials are numbered without gaps, and the
algorithm alone, told in the recorded order by a process that nobody kills, proposes, stops and goes on the same.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from functools import partial
from pathlib import Path

from pliant.algorithms import RegularizedEvolution
from pliant.algorithms.fidelity import ASHA, MedianStopping
from pliant.launch import Call, InPlace, Job
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study, failpoint, run

SPACE = flatten(
    [choice("op", [floating("lr", 1e-4, 1, scale="log"), None]), choice("a", 4), integer("n", 1, 64)]
)


def make_plain():
    return RegularizedEvolution(10, 4, seed=2)


def make_stopping():
    return MedianStopping(ASHA(budget="n", seed=4), min_trials=3)


def reward_of(decisions):
    return random.Random(str(decisions.values)).random()


def report_of(decisions, step):
    return random.Random(f"{decisions.values}/{float(step)}").random()


# --- searches that may be killed ---------------------------------------------------------------------------


def search_by_hand(place, make, trials, parallel, say):
    """Tells the reward of one of the trials that are out, any of them, and asks for the next."""
    pick = random.Random(os.getpid())
    with Study.open_or_create(place, SPACE, make(), trials=trials) as study:
        out = []
        while True:
            while len(out) < parallel and (trial := study.ask()):
                out.append(trial)
            if not out:
                return
            trial = out.pop(pick.randrange(len(out)))
            if make is make_stopping:
                for step in (1, 2, 3):
                    if study.report(trial.id, report_of(trial.decisions, step), step=step):
                        break
            study.tell(trial.id, reward_of(trial.decisions))
            say(trial.id)


def search_by_launcher(place, make, trials, parallel, say):
    """The same by a launcher, which has one slot."""

    def make_job(trial):
        reward = reward_of(trial.decisions)
        return Job(f"{trial.id}.{trial.token}", Call("pliant.testing.jobs:echo", reward))

    with Study.open_or_create(place, SPACE, make(), trials=trials) as study, InPlace() as launcher:
        run.run(study, launcher, make_job, on_end=lambda trial: say(trial.id), tick=0.01)


def run_child(work, *, die="", patience=None, delay=0.0):
    """Does the work in a fork that dies at a failpoint, or is killed after having told ``patience`` trials.

    Returns what it told, and whether it came to its end.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            failpoint.arm(die)
            work(lambda trial_id: os.write(writer, f"{trial_id}\n".encode()))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is to show it
            os.write(writer, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as lines:
        told = []
        if patience is not None:
            told += [next(lines, "") for _ in range(patience)]
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        told += lines
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 9, -signal.SIGKILL):
        raise AssertionError(f"a search failed: {told[-1:]}")
    return [int(line) for line in told if line.strip()], code == 0


# --- what must hold ----------------------------------------------------------------------------------------


def find_faults(place, make, trials, told):
    """Returns what is wrong with a search that came to its end, as text; nothing where all holds."""
    faults = []
    if doubled := [key for key, count in Counter(told).items() if count > 1]:
        faults.append(f"told twice: {doubled}")
    with Study.open(place, SPACE) as study:
        found = list(study.trials())
        events = study._store.read(lambda record: list(record.events_after(0)))
        if not study.is_complete:
            faults.append("not complete")
    if [trial.id for trial in found] != list(range(1, trials + 1)):
        faults.append(f"numbers: {[trial.id for trial in found]}")
    completed = {trial.id for trial in found if trial.status == "completed"}
    if lost := set(told) - completed or set(range(1, trials + 1)) - completed:
        faults.append(f"lost: {sorted(lost)}")
    if any(trial.reward != reward_of(trial.decisions) for trial in found):
        faults.append("another reward than was told")
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        faults.append("events have gaps")
    if Counter(event.kind for event in events)["tell"] != trials:
        faults.append("not one end for each trial")
    return faults + find_divergence(make, found, events)


def find_divergence(make, trials, events):
    """Returns where the algorithm alone does something else, told in the recorded order."""
    alone = make()
    alone.setup(SPACE)
    for event in events:
        if event.kind == "ask":
            if alone.propose() != event.decisions:
                return [f"trial {event.trial} is another one"]
            if alone.parent(event.decisions) != trials[event.trial - 1].parent:
                return [f"trial {event.trial} goes on from another one"]
        elif event.kind == "report":
            if event.reward != report_of(event.decisions, event.step):
                return [f"trial {event.trial} reported something else"]
            if alone.report(event.decisions, event.reward, step=event.step) != event.stop:
                return [f"trial {event.trial} was stopped otherwise"]
        else:
            alone.feedback(event.decisions, event.reward)
    return []


# --- the rows ----------------------------------------------------------------------------------------------


def kill_at_random(new_place, make, *, trials, parallel, kills, seed):
    """Kills searches at random until there were so many kills; returns the number of points, and the faults."""
    draw, points, faults = random.Random(seed), 0, []
    while points < kills:
        place, told, ended = new_place(), [], False
        work = partial(search_by_hand, place, make, trials, parallel)
        while not ended:
            patience = draw.choice([0, 1, 3, 7]) if points < kills else trials + 1
            some, ended = run_child(work, patience=patience, delay=draw.random() * 0.01)
            told += some
            points += not ended
        faults += find_faults(place, make, trials, told)
    return points, faults


def count_points(new_place, search, make, trials):
    """Returns how often a search that is not killed comes by each point, counted in a fork."""
    place = new_place()
    reader, writer = os.pipe()
    if not os.fork():
        os.close(reader)
        counted = Counter()
        failpoint.arm("")
        failpoint.reach = lambda name: counted.update([name])
        for module in [value for value in sys.modules.values() if hasattr(value, "reach")]:
            module.reach = failpoint.reach
        try:
            search(place, make, trials, 1, lambda trial_id: None)
        finally:
            os.write(writer, "".join(f"{name}:{count}\n" for name, count in counted.items()).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        found = [line.split(":") for line in lines]
    os.wait()
    return {name: int(count) for name, count in found}


def die_everywhere(new_place, make, *, search, trials, every):
    """Dies at each point once, at ``every`` passing of it or the first and the last few; then goes on."""
    points, faults, seen = 0, [], count_points(new_place, search, make, trials)
    for name, count in seen.items():
        numbers = range(1, count + 1)
        for number in numbers if every else sorted({1, 2, count // 2 + 1, count} & set(numbers)):
            place = new_place()
            work = partial(search, place, make, trials, 1)
            told, ended = run_child(work, die=f"{name}:{number}")
            if ended:
                faults.append(f"{name}:{number} did not kill")
            some, ended = run_child(work)
            points += 1
            faults += [f"{name}:{number}: {fault}" for fault in find_faults(place, make, trials, told + some)]
    return points, faults


def reboot(new_place, make, *, trials, times):
    """F12: everything that only a running system has is gone: locks, shared memory."""
    faults = []
    for number in range(times):
        place = new_place()
        work = partial(search_by_hand, place, make, trials, 4)
        told, _ = run_child(work, patience=trials // 2 + number % 3)
        if isinstance(place, Path):
            for suffix in ("-shm", "-lock"):
                place.with_name(place.name + suffix).unlink(missing_ok=True)
        some, _ = run_child(work)
        faults += find_faults(place, make, trials, told + some)
    return times, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a part of it, in seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--postgres", default=os.environ.get("PLIANT_POSTGRES", ""), help="address of a server"
    )
    options = parser.parse_args()
    kills, trials, small = (6, 40, 4) if options.quick else (60, 200, 8)
    rows, width = [], 66
    with tempfile.TemporaryDirectory() as folder:
        count, names = iter(range(10**6)), []

        def new_file():
            return Path(folder, f"{next(count)}.db")

        def new_name():
            names.append(f"faults_{uuid.uuid4().hex[:12]}")
            return f"{options.postgres}{'&' if '?' in options.postgres else '?'}study={names[-1]}"

        places = {"SQLite": new_file, **({"PostgreSQL": new_name} if options.postgres else {})}
        for kind, place in places.items():
            at_random = partial(kill_at_random, place, trials=trials, kills=kills, seed=options.seed)
            everywhere = partial(die_everywhere, place, trials=small, every=not options.quick)
            rows += [
                (f"F1  {kind}: kill -9, 4 at once", partial(at_random, make_plain, parallel=4)),
                (f"F2  {kind}: kill -9, 1 at once", partial(at_random, make_plain, parallel=1)),
                (
                    f"F22 {kind}: kill -9, trials that are stopped",
                    partial(at_random, make_stopping, parallel=4),
                ),
                (
                    f"F3  {kind}: each failpoint, by hand",
                    partial(everywhere, make_stopping, search=search_by_hand),
                ),
                (
                    f"F3  {kind}: each failpoint, by launcher",
                    partial(everywhere, make_plain, search=search_by_launcher),
                ),
                (
                    f"F12 {kind}: as after a reboot",
                    partial(reboot, place, make_stopping, trials=trials // 4, times=3),
                ),
            ]
        print(f"{'':{width}} points  passed  seconds")
        failed = []
        for name, work in rows:
            start = time.monotonic()
            points, faults = work()
            print(
                f"{name:{width}} {points:6}  {points - len(faults):6}  {time.monotonic() - start:7.1f}",
                flush=True,
            )
            failed += [f"{name}: {fault}" for fault in faults]
        if options.postgres:
            drop(options.postgres, names)
        else:
            print("PostgreSQL was left out: PLIANT_POSTGRES names no server.")
    print(*failed, sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


def drop(url, names):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            connection.execute(f'DROP SCHEMA IF EXISTS "study_{name}" CASCADE')


if __name__ == "__main__":
    sys.exit(main())
