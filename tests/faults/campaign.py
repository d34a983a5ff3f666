"""Searches that are killed at many points, each opened again until all is told; prints a table of what held.

Run by `make faults`, all of it, and by test_campaign.py, a part; as a program of its own, so that forking starts from a
process without threads.  The numbers F1, F2, ... are those of the list of faults in README.md.

A point has passed when nothing that was told is lost, nothing is told twice, trials are numbered without gaps, and the
algorithm alone, told in the recorded order by a process that nobody kills, proposes, stops and goes on the same.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from functools import partial
from pathlib import Path

from conditions import find_difference, find_faults
from searches import (
    deaths_of,
    make_plain,
    make_stopping,
    run_child,
    search_by,
    search_by_hand,
)

from pliant.study import Study
from pliant.study.store import failpoint

CLIENTS = Path(__file__).parents[1] / "study" / "clients.py"
WIDTH = 66


def kill_at_random(new_place, *, make, search, trials, parallel, kills, seed, delay=0.01):
    """Kills searches at random until there were so many kills; returns the number of points, and the faults.

    The record of a search of one trial at a time is that of a search that nobody killed, event by event.
    """
    draw, points, faults, reference = random.Random(seed), 0, [], None
    if parallel == 1:
        reference = new_place()
        run_child(partial(search, reference, make, trials, 1))
    while points < kills:
        place, told, ended = new_place(), [], False
        work = partial(search, place, make, trials, parallel)
        while not ended:
            patience = draw.choice([0, 1, 3, 7]) if points < kills else None
            some, ended = run_child(work, patience=patience, delay=draw.random() * delay)
            told += some
            points += not ended
        faults += find_faults(place, make, trials, told)
        faults += find_difference(place, reference) if reference else []
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


def die_everywhere(new_place, *, make, search, trials, every, only=failpoint.POINTS):
    """Dies at each point once, at ``every`` passing of it or the first and the last few; then goes on."""
    points, faults, seen = 0, [], count_points(new_place, search, make, trials)
    for name in [name for name in only if name in seen]:
        numbers = range(1, seen[name] + 1)
        few = sorted({1, 2, seen[name] // 2 + 1, seen[name]} & set(numbers))
        for number in numbers if every else few:
            place = new_place()
            work = partial(search, place, make, trials, 1)
            told, ended = run_child(work, die=f"{name}:{number}")
            if ended:
                faults.append(f"{name}:{number} did not kill")
            some, ended = run_child(work)
            points += 1
            faults += [f"{name}:{number}: {fault}" for fault in find_faults(place, make, trials, told + some)]
    return points, faults


def kill_trainers(new_place, *, kind, trials):
    """F4: a fifth of the trials have trainers that are killed, some of them always; nothing else is."""
    place = new_place()
    told, _ = run_child(partial(search_by(kind, deaths=deaths_of), place, make_plain, trials, 4))
    with Study.open(place) as study:
        points = sum(trial.attempts - (trial.told is not None) for trial in study.trials())
    return points, find_faults(place, make_plain, trials, told, deaths=deaths_of)


def crowd(new_place, *, count, trials):
    """F8: so many processes ask for trials of one study and tell them; each trial is a point."""
    place, faults = str(new_place()), []
    serving = subprocess.Popen(
        [sys.executable, CLIENTS, "serve", place, str(trials)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with serving:
        assert serving.stdout.readline().strip() == "serving"
        command = [sys.executable, CLIENTS, "crowd", place, str(count)]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        serving.communicate("\n")
    faults += said["errors"] + [f"a client ended with {code}" for code in said["codes"] if code]
    if sorted(trial for _, trial, _ in said["told"]) != list(range(1, trials + 1)):
        faults.append(f"told were {len(said['told'])} trials")
    with Study.open(place) as study:
        counts = study.counts()
        if counts["completed"] + counts["stopped"] != trials or counts["running"]:
            faults.append(f"the study has {study.counts()}")
    return trials, faults


def reboot(new_place, *, make, trials, times):
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


def list_rows(*, quick, seed):
    """Returns what is done in each kind of store, by name: functions of how a new study gets its place."""
    kills, trials, small = (6, 40, 4) if quick else (60, 200, 5)
    at_random = partial(kill_at_random, search=search_by_hand, trials=trials, kills=kills, seed=seed)
    everywhere = partial(die_everywhere, trials=small, every=not quick)
    in_place = search_by("in place")
    rows = {
        "F1  {}: kill -9, 4 trials at once": partial(at_random, make=make_plain, parallel=4),
        "F2  {}: kill -9, 1 trial at once": partial(at_random, make=make_plain, parallel=1),
        "F22 {}: kill -9, trials that are stopped": partial(at_random, make=make_stopping, parallel=4),
        "F3  {}: each failpoint, by hand": partial(everywhere, make=make_stopping, search=search_by_hand),
        "F3  {}: each failpoint, by launcher": partial(everywhere, make=make_plain, search=in_place),
        "F12 {}: as after a reboot": partial(reboot, make=make_stopping, trials=trials // 4, times=3),
    }
    # Worker processes and Ray take longer to start: of them, test_parallel and test_ray_faults are what is quick.
    kinds = ["commands"] if quick else ["processes", "commands"]
    kinds += ["Ray"] if not quick and importlib.util.find_spec("ray") else []
    for kind in kinds:
        few = {"kills": 3 if quick or kind == "Ray" else 15, "delay": 0.5, "trials": trials // 4}
        count = 50 if kind == "Ray" else trials // 2
        search = partial(at_random, make=make_plain, search=search_by(kind), parallel=4)
        rows[f"F1  {{}}: kill -9, 4 at once by {kind}"] = partial(search, **few)
        rows[f"F4  {{}}: a fifth of the trainers killed, {kind}"] = partial(
            kill_trainers, kind=kind, trials=count
        )
    if not quick:
        rows["F3  {}: job failpoints, by processes"] = partial(
            everywhere, make=make_plain, search=search_by("processes"), only=("hand-over", "started", "ended")
        )
        rows["F8  {}: trials of 64 processes"] = partial(crowd, count=64, trials=2000)
    return rows


def try_row(work, place):
    """Returns the points and faults of a row, one of them its own failure."""
    try:
        return work(place)
    except AssertionError as error:
        return 1, [str(error)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a part of it, in seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="rows with this text in their name")
    parser.add_argument(
        "--postgres", default=os.environ.get("PLIANT_POSTGRES", ""), help="address of a server"
    )
    options = parser.parse_args()
    rows, names, failed = list_rows(quick=options.quick, seed=options.seed), [], []
    with tempfile.TemporaryDirectory() as folder:

        def new_file():
            return Path(folder, f"{uuid.uuid4().hex}.db")

        def new_name():
            names.append(f"faults_{uuid.uuid4().hex[:12]}")
            return f"{options.postgres}{'&' if '?' in options.postgres else '?'}study={names[-1]}"

        places = {"SQLite": new_file, **({"PostgreSQL": new_name} if options.postgres else {})}
        print(f"{'':{WIDTH}} points  passed  seconds")
        try:
            for pattern, work in rows.items():
                for kind, place in places.items():
                    name, start = pattern.format(kind), time.monotonic()
                    if options.only not in name:
                        continue
                    points, faults = try_row(work, place)
                    seconds = time.monotonic() - start
                    print(
                        f"{name:{WIDTH}} {points:6}  {max(points - len(faults), 0):6}  {seconds:7.1f}",
                        flush=True,
                    )
                    failed += [f"{name}: {fault}" for fault in faults]
        finally:
            drop(options.postgres, names)
    if not options.postgres:
        print("PostgreSQL was left out: PLIANT_POSTGRES names no server.")
    print(*failed, sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


def drop(url, names):
    """Removes studies from a server."""
    if not names:
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            connection.execute(f'DROP SCHEMA IF EXISTS "study_{name}" CASCADE')


if __name__ == "__main__":
    sys.exit(main())
