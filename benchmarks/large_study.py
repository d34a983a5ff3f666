"""What a study of a million trials costs beside one of a thousand: opening, ask and tell, the last trials, export.

    python benchmarks/large_study.py                                       # SQLite, in a temporary folder
    python benchmarks/large_study.py --postgres postgresql://user@host/db  # also there; the studies are removed at the end
    python benchmarks/large_study.py --folder data --sizes 1000 100000     # keeps the files for the next run

Each measurement is a process of its own.  Memory is the highest that it needed in all, Python and its packages included.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from pliant.algorithms import Random
from pliant.space import choice, flatten
from pliant.study import Study
from pliant.study.store.location import to_location
from pliant.study.store.postgres import remove_study
from pliant.study.store.record import Record
from pliant.study.store.rows import seal, trial_to_row
from pliant.study.store.tables import DIGESTED, events, states, trials
from pliant.study.trials.trial import end_trial, start_trial

SPACE = flatten([choice(f"p{i}", 4) for i in range(30)])
AT_ONCE = 5_000  # rows that are written at once
STEPS = 200  # of ask and of tell
ROUNDS = 5


# ------------------------------------------------------------------ studies of any size


def fill(path: Path, count: int) -> None:
    """Makes a study of ``count`` trials that were told, by its rows, as ``count`` transactions would take long."""
    draw, algorithm = random.Random(0), Random(seed=0)
    with Study.create(path, SPACE, algorithm) as study:
        pass
    algorithm = Random(seed=0)
    algorithm.setup(SPACE)

    def work(record: Record) -> None:
        for first in range(1, count + 1, AT_ONCE):
            found = list(make_rows(algorithm, draw, first, min(first + AT_ONCE, count + 1)))
            record.connection.execute(sa.insert(trials), [row for row, _ in found])
            record.connection.execute(sa.insert(events), [event for _, both in found for event in both])
        record.add_state(2 * count, json.dumps(algorithm.state(), separators=(",", ":")))

    with Study.open(path, SPACE, Random(seed=0)) as study:
        study._writer().step(work)


def make_rows(
    algorithm: Random, draw: random.Random, first: int, end: int
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Returns the row of each trial, and those of its events."""
    empty = dict.fromkeys(DIGESTED["events"])
    for number in range(first, end):
        metrics = {"latency": draw.random()} if number % 2 else {}
        trial = end_trial(
            start_trial(number, algorithm.propose()), draw.random(), None, 0.01, metrics=metrics
        )
        both = [(2 * number - 1, "ask"), (2 * number, "tell")]
        yield (
            trial_to_row(trial),
            [seal("events", {**empty, "seq": seq, "kind": kind, "trial": number}) for seq, kind in both],
        )


def copy(path: Path, place: str) -> None:
    """Copies a study of a file to a server, by COPY."""
    Study.create(place, SPACE, Random(seed=0), name=path.stem).close()
    source = sa.create_engine(f"sqlite:///{path}")
    with (
        Study.open(place, SPACE, Random(seed=0)) as study,
        study._store.transaction() as record,
        source.connect() as read,
    ):
        raw: Any = record.connection.connection.driver_connection
        for table in (states, trials, events):
            record.connection.execute(sa.delete(table))
            names = ", ".join(column.name for column in table.columns)
            with raw.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as rows:
                for row in read.execute(sa.select(table).execution_options(yield_per=AT_ONCE)):
                    rows.write_row(tuple(row))
    with Study.open(place, SPACE, Random(seed=0)) as study, study._store.transaction() as record:
        record.connection.exec_driver_sql("ANALYZE")


# ------------------------------------------------------------------ measurements, each in a process


def time_it(work: Callable[[], object], count: int = 1) -> tuple[float, float]:
    """Returns the wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        work()
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


def measure_open(place: str) -> list[tuple[float, float]]:
    """Opening to read, and to continue."""
    Study.open(place).close()  # imports
    both = [((), "read"), ((SPACE, Random(seed=0)), "go on")]
    return [
        min(time_it(lambda given=given: Study.open(place, *given).close()) for _ in range(ROUNDS))
        for given, _ in both
    ]


def measure_steps(place: str) -> list[tuple[float, float]]:
    """Ask, and tell."""
    asked: list[int] = []
    found = []
    with Study.open(place, SPACE, Random(seed=0)) as study:

        def ask() -> None:
            trial = study.ask()
            assert trial is not None
            asked.append(trial.id)

        for _ in range(ROUNDS):
            found.append((time_it(ask, STEPS), time_it(lambda: study.tell(asked.pop(), 0.5), STEPS)))
    return [min(both[at] for both in found) for at in (0, 1)]


def measure_last(place: str) -> list[tuple[float, float]]:
    """The last 20 trials."""
    with Study.open(place) as study:
        return [min(time_it(lambda: list(study.trials(last=20))) for _ in range(ROUNDS))]


def measure_best(place: str) -> list[tuple[float, float]]:
    """The best trial: the first time, which compares all trials with their digests, and later."""
    with Study.open(place) as study:
        return [time_it(study.best), time_it(study.best)]


def measure_csv(place: str) -> list[tuple[float, float]]:
    """All trials as CSV, into a file."""
    from pliant.study.export import write_csv

    with (
        Study.open(place) as study,
        open("/dev/shm/table.csv" if Path("/dev/shm").is_dir() else "table.csv", "w+", newline="") as file,
    ):
        found = time_it(lambda: write_csv(study, file))
        Path(file.name).unlink()
    return [found]


def measure_trials(place: str) -> list[tuple[float, float]]:
    """All trials, as objects."""
    with Study.open(place) as study:
        return [time_it(lambda: sum(1 for _ in study.trials()))]


MEASURES = {
    "open": (measure_open, ("open to read", "open to go on")),
    "steps": (measure_steps, ("ask", "tell")),
    "last": (measure_last, ("last 20 trials",)),
    "best": (measure_best, ("best trial, first", "best trial, again")),
    "csv": (measure_csv, ("all trials as CSV",)),
    "trials": (measure_trials, ("all trials as objects",)),
}


def run(name: str, place: str) -> dict[str, tuple[float, float, float]]:
    """Returns wall and CPU seconds, and the memory of the process in MB, by what was measured."""
    command = [sys.executable, __file__, "--work", name, place]
    done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {
        label: (*pair, done["memory"]) for label, pair in zip(MEASURES[name][1], done["found"], strict=True)
    }


def work(name: str, place: str) -> None:
    """Measures one thing, in a process of its own."""
    found = MEASURES[name][0](place)
    memory = next(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    sys.stdout.write(json.dumps({"found": found, "memory": memory}))


def show(kind: str, sizes: list[int], rows: dict[int, dict[str, tuple[float, float, float]]]) -> None:
    """Prints the table of one kind of place."""
    print(f"{kind:22}" + "".join(f"{f'{size:,} trials':>34}" for size in sizes))
    for label in rows[sizes[0]]:
        cells = [rows[size][label] for size in sizes]
        print(
            f"{label:22}"
            + "".join(f"{f'{say(wall)}, {say(cpu)} CPU, {memory:.0f} MB':>34}" for wall, cpu, memory in cells)
        )


def say(seconds: float) -> str:
    """Returns a time as text."""
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def main() -> None:
    """Makes the studies, measures, and prints a table for each kind of place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--postgres", help="the address of a database")
    parser.add_argument(
        "--only", nargs="+", choices=MEASURES, default=list(MEASURES), help="what is measured"
    )
    parser.add_argument("--folder", type=Path, help="where the files are kept; without it they are removed")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(exist_ok=True)
        files = {size: folder / f"{size}.db" for size in options.sizes}
        for size, file in files.items():
            if not file.exists():
                fill(file, size)
        rows = {
            size: {label: one for name in options.only for label, one in run(name, str(file)).items()}
            for size, file in files.items()
        }
        show("SQLite", options.sizes, rows)
        if options.postgres:
            rows = {}
            for size, file in files.items():
                place = f"{options.postgres}{'&' if '?' in options.postgres else '?'}study=large_{uuid.uuid4().hex[:8]}"
                try:
                    copy(file, place)
                    rows[size] = {
                        label: one for name in options.only for label, one in run(name, place).items()
                    }
                finally:
                    location: Any = to_location(place)
                    remove_study(location)
            show("PostgreSQL", options.sizes, rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
