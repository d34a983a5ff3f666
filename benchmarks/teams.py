"""Trials a second of processes that share one study, beside Optuna, at equal durability: all commits reach the disk.

    python benchmarks/teams.py                                   # the whole table, in less than 6 minutes on two idle cores
    python benchmarks/teams.py --processes 8 --only "Pliant" --seconds 10
    python benchmarks/teams.py --neps-python peers/bin/python    # with a Python that has neural-pipeline-search as well

Each process asks and tells trials that cost nothing, so that only the sharing is measured.  The places: a file of SQLite and a
PostgreSQL server for Pliant; the same server and a journal file for Optuna; a folder for NePS, whose ask cannot be told from
its tell: their sum is shown.  All numbers are of one run on one machine; its load is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

LIMIT = 300


def run_pliant(place: str):
    """Returns a function that runs one trial, and returns the seconds of its proposal."""
    from pliant.algorithms import Random
    from pliant.space import flatten, floating
    from pliant.study.team.member import join

    study = join(
        place, flatten([floating(f"x{i}", 0.0, 1.0) for i in range(5)]), Random(seed=1), trials=10**6
    )

    def turn() -> float | None:
        start = time.perf_counter()
        trial = study.ask()
        seconds = time.perf_counter() - start
        if trial is None:
            return None
        study.tell(trial.id, sum(trial.decisions.values))
        return seconds

    return turn


def run_optuna(place: str):
    """Returns the same for Optuna."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = place if "://" in place else JournalStorage(JournalFileBackend(place))
    study = optuna.create_study(
        storage=storage,
        study_name="bench",
        sampler=optuna.samplers.RandomSampler(),
        direction="maximize",
        load_if_exists=True,
    )
    space = {f"x{i}": optuna.distributions.FloatDistribution(0.0, 1.0) for i in range(5)}

    def turn() -> float | None:
        start = time.perf_counter()
        trial = study.ask(space)
        seconds = time.perf_counter() - start
        study.tell(trial, sum(trial.params.values()))
        return seconds

    return turn


def run_neps(place: str, seconds: float, ready: str, go: str) -> None:
    """One process of NePS, which calls the function of a trial itself; prints what it did."""
    import logging

    import neps

    logging.disable()
    asked: list[float] = []
    times = {"last": 0.0, "end": 0.0}

    def finish() -> None:
        sys.stdout.write(json.dumps({"asked": asked, "faults": 0}) + "\n")
        sys.stdout.flush()
        os._exit(0)

    def evaluate(**values: float) -> float:
        now = time.perf_counter()
        if not times["end"]:
            wait_to_begin(ready, go)
            times["end"] = time.perf_counter() + seconds
        elif now >= times["end"]:
            finish()
        else:
            asked.append(now - times["last"])
        times["last"] = time.perf_counter()
        return -sum(values.values())

    class Space(neps.PipelineSpace):
        x0, x1, x2, x3, x4 = [neps.Float(0.0, 1.0) for _ in range(5)]

    neps.run(
        evaluate_pipeline=evaluate,
        pipeline_space=Space(),
        root_directory=place,
        optimizer="random_search",
        evaluations_to_spend=10**6,
    )


def wait_to_begin(ready: str, go: str) -> None:
    """Says that a process is ready, and waits for the others."""
    Path(ready).touch()
    while not Path(go).exists():
        time.sleep(0.01)


RUNS = {"pliant": run_pliant, "optuna": run_optuna}


def work(kind: str, place: str, seconds: float, ready: str, go: str) -> None:
    """One process: waits for the others, then runs trials for some seconds; prints what it did."""
    turn, faults = RUNS[kind](place), 0
    turn()
    wait_to_begin(ready, go)
    end, asked = time.perf_counter() + seconds, []
    while time.perf_counter() < end:
        try:
            found = turn()
        except Exception:  # noqa: BLE001  # counted, as those of a locked database
            faults += 1
            continue
        if found is None:
            time.sleep(0.001)
        else:
            asked.append(found)
    sys.stdout.write(json.dumps({"asked": asked, "faults": faults}) + "\n")


def measure(
    kind: str, place: str, count: int, seconds: float, python: str = sys.executable
) -> tuple[float, float, int]:
    """Returns trials a second, the 99th percentile of a proposal in ms, and the number of errors."""
    with tempfile.TemporaryDirectory() as folder:
        go = Path(folder, "go")
        ready = [Path(folder, f"ready{number}") for number in range(count)]
        processes = []
        for one in ready:  # the first makes the study
            command = [python, __file__, "--work", kind, place, str(seconds), str(one), str(go)]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            end = time.monotonic() + LIMIT
            while one is ready[0] and not one.exists() and time.monotonic() < end:
                time.sleep(0.02)
        end = time.monotonic() + LIMIT
        while not all(one.exists() for one in ready) and time.monotonic() < end:
            time.sleep(0.02)
        go.touch()
        said = [json.loads(one.communicate(timeout=LIMIT)[0]) for one in processes]
    asked = sorted(seconds for one in said for seconds in one["asked"])
    late = asked[int(0.99 * (len(asked) - 1))] if asked else float("nan")
    return len(asked) / seconds, 1000 * late, sum(one["faults"] for one in said)


def has_neps(python: str) -> bool:
    """Returns whether a Python has NePS."""
    code = "import importlib.util as u, sys; sys.exit(u.find_spec('neps') is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def main() -> None:
    """Prints the table."""
    from pliant.study.team.database import Database

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--only", default="", help="rows with this text in their name")
    parser.add_argument(
        "--neps-python", default=sys.executable, help="a Python that has neural-pipeline-search"
    )
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':30} processes  trials/s   p99 of ask, ms  errors")
    folder = Path(tempfile.mkdtemp(prefix="pliant-bench-"))
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    with tempfile.TemporaryDirectory() as files, Database(folder) as database:
        for count in options.processes:
            name = uuid.uuid4().hex[:8]
            subprocess.run(
                [str(database._programs / "createdb"), "--maintenance-db", database.address, name], check=True
            )
            other = database.address.rpartition("/")[0] + f"/{name}"
            rows = {
                "Pliant, file": ("pliant", f"{files}/{name}.db"),
                "Pliant, PostgreSQL": ("pliant", f"{database.address}?study=s{name}"),
                "Optuna, PostgreSQL (RDB)": (
                    "optuna",
                    other.replace("postgresql://", "postgresql+psycopg://"),
                ),
                "Optuna, journal file": ("optuna", f"{files}/{name}.log"),
            }
            if has_neps(options.neps_python):
                rows["NePS, folder"] = ("neps", f"{files}/{name}-neps")
            for label, (kind, place) in rows.items():
                if options.only not in label:
                    continue
                python = options.neps_python if kind == "neps" else sys.executable
                rate, late, faults = measure(kind, place, count, options.seconds, python)
                print(f"{label:30} {count:9}  {rate:8.1f}  {late:15.1f}  {faults:6}", flush=True)
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        kind, place, seconds, *files = sys.argv[2:]
        if kind == "neps":
            run_neps(place, float(seconds), *files)
        else:
            work(kind, place, float(seconds), *files)
    else:
        main()
