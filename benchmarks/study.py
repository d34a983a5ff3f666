"""What a durable trial costs: studies on SQLite beside the raw floor and Optuna's storage, on one disk, in one run.

    python benchmarks/study.py              # everything; fills Optuna's storage first, which takes minutes
    python benchmarks/study.py --optuna 0   # without Optuna

CPU is that of the process; wall times depend on the disk and on who else is running, so that they stand beside the floor,
which is measured in the same rounds.  Prints a table with targets, and whether they are met.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from pliant.algorithms import Random
from pliant.launch import Call, Job, Processes
from pliant.space import choice, flatten
from pliant.study import Study, Trial
from pliant.study.client import connect
from pliant.study.run import run
from pliant.study.serve import serve

POINTS, CANDIDATES = 30, 4
SIZES = (100, 1_000, 10_000)
SPACE = flatten([choice(f"p{i}", CANDIDATES) for i in range(POINTS)])
CLIENTS, CLIENT_TRIALS, WARM_TRIALS = 8, 2_000, 300


@dataclass
class Cost:
    """CPU and wall milliseconds per trial, a number of each for every round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def time(self, step: Callable[[], object], count: int) -> None:
        """Does a step ``count`` times, and notes what one took on average."""
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            step()
        self.cpu.append((time.process_time() - cpu) / count * 1e3)
        self.wall.append((time.perf_counter() - wall) / count * 1e3)


@dataclass(frozen=True)
class Row:
    """A line of the table; ``is_met`` is None for what has no target."""

    name: str
    value: str
    target: str = ""
    is_met: bool | None = None


def ratio(slow: list[float], fast: list[float]) -> float:
    """Returns the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


# ------------------------------------------------------------------ ask and tell


def fill(path: Path, count: int) -> None:
    """Makes a study of ``count`` trials that were told."""
    draw = random.Random(0)
    with Study.create(path, SPACE, Random(seed=0)) as study:
        done = 0
        while done < count:
            with study.together():
                for _ in range(min(500, count - done)):
                    trial = study.ask()
                    assert trial is not None
                    study.tell(trial.id, draw.random())
                    done += 1


def step_of(study: Study) -> Callable[[], object]:
    """Returns one ask and one tell."""

    def step() -> None:
        trial = study.ask()
        assert trial is not None
        study.tell(trial.id, 0.5)

    return step


def open_floor(path: Path) -> sqlite3.Connection:
    """Returns a bare database with durable transactions, as those of a study are."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE trials (id INTEGER PRIMARY KEY, decisions TEXT, reward REAL)")
    return connection


def floor_of(connection: sqlite3.Connection) -> Callable[[], object]:
    """Returns what a durable trial cannot do without: a row is written, and later changed, each for good."""

    def step() -> None:
        text = json.dumps([random.randrange(CANDIDATES) for _ in range(POINTS)])
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("INSERT INTO trials (decisions) VALUES (?)", [text]).lastrowid
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE trials SET reward = 0.5 WHERE id = ?", [found])
        connection.execute("COMMIT")

    return step


def optuna_of(path: Path, count: int) -> Callable[[], object]:
    """Returns one ask with all suggestions and one tell of Optuna, in a storage of ``count`` trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = {f"p{i}": optuna.distributions.CategoricalDistribution(range(CANDIDATES)) for i in range(POINTS)}
    study = optuna.create_study(storage=f"sqlite:///{path}", sampler=optuna.samplers.RandomSampler(seed=0))
    done = optuna.trial.create_trial(params=dict.fromkeys(kinds, 0), distributions=kinds, value=0.5)
    study.add_trials([done] * count)

    def step() -> None:
        trial = study.ask()
        for name in kinds:
            trial.suggest_categorical(name, range(CANDIDATES))
        study.tell(trial, 0.5)

    return step


def measure_steps(folder: Path, *, rounds: int, optuna: int) -> list[Row]:
    """Ask and tell, in studies of several sizes, the floor and Optuna, one right after another in each round."""
    costs = {name: Cost() for name in (*SIZES, "floor", "optuna")}
    with ExitStack() as stack:
        steps: dict[int | str, tuple[Callable[[], object], int]] = {}
        for size in SIZES:
            fill(folder / f"{size}.db", size)
            study = stack.enter_context(Study.open(folder / f"{size}.db", SPACE, Random(seed=0)))
            steps[size] = step_of(study), 30
        floor = stack.enter_context(closing(open_floor(folder / "floor.db")))
        steps["floor"] = floor_of(floor), 30
        if optuna:
            steps["optuna"] = optuna_of(folder / "optuna.db", optuna), 2
        for number in range(rounds + 1):
            for name, (step, count) in steps.items():
                cost = costs[name] if number else Cost()  # the first round warms up
                cost.time(step, count)
    return list(_say_steps(costs, optuna))


def _say_steps(costs: dict[int | str, Cost], optuna: int) -> list[Row]:
    middle, floor = costs[SIZES[1]], costs["floor"]
    rows = []
    for size in SIZES:
        cpu = statistics.median(costs[size].cpu)
        wall = statistics.median(costs[size].wall)
        rows.append(
            Row(f"ask + tell at {size:,} trials", f"{cpu:.2f} ms CPU, {wall:.2f} ms", "<= 1 ms CPU", cpu <= 1)
        )
    cpu, wall = statistics.median(floor.cpu), statistics.median(floor.wall)
    rows.append(Row("raw floor: two transactions", f"{cpu:.2f} ms CPU, {wall:.2f} ms"))
    growth = ratio(costs[SIZES[-1]].cpu, costs[SIZES[0]].cpu)
    rows.append(Row(f"{SIZES[-1]:,} over {SIZES[0]} trials, CPU", f"{growth:.2f}x", "<= 1.5x", growth <= 1.5))
    over = ratio(middle.wall, floor.wall)
    rows.append(Row(f"wall over the floor at {SIZES[1]:,}", f"{over:.1f}x", "<= 5x", over <= 5))
    if optuna:
        cpu, wall = statistics.median(costs["optuna"].cpu), statistics.median(costs["optuna"].wall)
        less = ratio(costs["optuna"].cpu, middle.cpu)
        rows.append(Row(f"Optuna, SQLite, at {optuna:,} trials", f"{cpu:.0f} ms CPU, {wall:.0f} ms"))
        rows.append(Row("Optuna's CPU over ours", f"{less:.0f}x", ">= 100x", less >= 100))
    return rows


# ------------------------------------------------------------------ many clients, opening, workers


def measure_clients(folder: Path) -> list[Row]:
    """Client processes that ask and tell one study as fast as they can.  Forks, so call it before threads start."""
    path = folder / "clients.db"
    reader, writer = os.pipe()
    children = []
    for _ in range(CLIENTS):
        child = os.fork()
        if not child:
            _be_client(path, writer)
        children.append(child)
    os.close(writer)
    with Study.create(path, SPACE, Random(seed=0), trials=CLIENT_TRIALS) as study, serve(study):
        with os.fdopen(reader) as lines:
            said = lines.read().split()
        errors = sum(os.waitpid(child, 0)[1] != 0 for child in children)
        ended = sorted(trial.ended or "" for trial in study.trials())
    seconds = (_seconds(ended[-1]) - _seconds(ended[0])) or 1e-9
    rate = len(ended) / seconds
    exact = sorted(map(int, said)) == list(range(1, CLIENT_TRIALS + 1))
    return [
        Row(f"{CLIENTS} clients: durable trials a second", f"{rate:.0f}", ">= 300", rate >= 300),
        Row(f"{CLIENTS} clients: errors", str(errors), "0", errors == 0),
        Row(f"{CLIENTS} clients: told once each", f"{len(said):,}", f"{CLIENT_TRIALS:,}", exact),
    ]


def _be_client(path: Path, writer: int) -> None:
    status = 1
    try:
        with connect(path) as client:
            told = []
            for trial in client:
                client.tell(trial.id, 0.5, token=trial.token)
                told.append(trial.id)
        os.write(writer, "".join(f"{number}\n" for number in told).encode())
        status = 0
    finally:
        os._exit(status)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def measure_opening(folder: Path) -> list[Row]:
    """Opening a large study, to read and to go on."""
    path, rows = folder / f"{SIZES[-1]}.db", []
    for name, given in (("read", ()), ("go on", (SPACE, Random(seed=0)))):
        found = []
        for _ in range(5):
            start = time.perf_counter()
            Study.open(path, *given).close()
            found.append(time.perf_counter() - start)
        seconds = statistics.median(found)
        rows.append(Row(f"opening {SIZES[-1]:,} trials to {name}", f"{seconds:.2f} s", "< 1 s", seconds < 1))
    return rows


def make_job(trial: Trial) -> Job:
    """Returns a call that does nothing."""
    return Job(f"{trial.id}.{trial.token}", Call("pliant.testing.jobs:echo", 0.5))


def measure_workers(folder: Path) -> list[Row]:
    """Trials that do nothing, in one worker process: asked, sent, returned and told, one after another."""
    ended: list[float] = []
    with (
        Study.create(folder / "workers.db", SPACE, Random(seed=0), trials=WARM_TRIALS) as study,
        Processes(1) as launcher,
    ):
        run(study, launcher, make_job, on_end=lambda trial: ended.append(time.perf_counter()))
    each = statistics.median(b - a for a, b in pairwise(ended)) * 1e3
    return [Row("a trial that does nothing, warm worker", f"{each:.2f} ms", "< 5 ms", each < 5)]


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--optuna", type=int, default=1_000, help="trials in Optuna's storage; 0: without Optuna"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where: on the disk to measure")
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        rows = measure_clients(folder)  # first, as it forks
        rows = measure_steps(folder, rounds=options.rounds, optuna=options.optuna) + rows
        rows += measure_opening(folder) + measure_workers(folder)
    width = max(len(row.name) for row in rows)
    for row in rows:
        met = "" if row.is_met is None else "yes" if row.is_met else "NO"
        print(f"{row.name:{width}}  {row.value:>24}  {row.target:>12}  {met}")


if __name__ == "__main__":
    main()
