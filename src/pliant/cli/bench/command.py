"""The commands ``pliant bench run``, which compares algorithms on a task, and ``pliant bench list``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import click

from pliant.values.errors import FieldValueError, quote

if TYPE_CHECKING:
    from rich.console import Console


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tournament:
    """A benchmark, by the options of ``pliant bench run``."""

    task: str
    algorithms: list[str]
    trials: int
    runs: int
    budgets: list[int]
    seed: int
    out: Path
    data: Path | None
    workers: int
    plot: bool

    def run(self, console: Console) -> None:
        """Does the missing runs, and prints and writes the results; raises PliantError for what cannot be run."""
        from pliant.bench.entrant import Named
        from pliant.bench.records import Archive
        from pliant.bench.run import load_task, plan, run_all

        from ..console import print_line
        from .display import Display
        from .report import print_results, write_pictures, write_tables

        entrants = [Named(text) for text in self.algorithms]
        archive = Archive(self.out / "runs")
        seeds = range(self.seed, self.seed + self.runs)
        known, jobs = plan(
            self.task, entrants, trials=self.trials, seeds=seeds, archive=archive, data=self.data
        )
        task = load_task(self.task, self.data)
        print_line(console, f"{task.name}: {str(task.space).splitlines()[0]}")
        kept = sum(map(len, known.values()))
        workers = min(self.workers, max(len(jobs), 1))
        print_line(
            console,
            f"{len(entrants)} algorithms, {self.runs} runs of {self.trials} trials each: "
            f"{kept} stored, {len(jobs)} to do in {workers} process{'es' * (workers > 1)}",
        )
        with Display(console, len(jobs)) as display:
            curves = run_all(
                known,
                jobs,
                archive=archive,
                workers=workers,
                on_curve=lambda job, curve: display.add(job.entrant.label),
            )
        print_results(console, task, curves, self.budgets)
        written = write_tables(self.out, task, curves, self.budgets)
        if self.plot:
            written += write_pictures(self.out, task, curves, trials=self.trials, console=console)
        print_line(console, "Written: " + ", ".join(str(path) for path in written))


def split_algorithms(text: str) -> list[str]:
    """Splits a list of algorithms at commas outside brackets.

    >>> split_algorithms("random, re(population_size=20, tournament_size=5),ppo")
    ['random', 're(population_size=20, tournament_size=5)', 'ppo']

    Raises:
      FieldValueError: an entry is empty or occurs twice.
    """
    cuts, depth = [-1], 0
    for at, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth <= 0:
            cuts.append(at)
    names = [text[start + 1 : end].strip() for start, end in zip(cuts, [*cuts[1:], len(text)])]
    if not all(names):
        raise FieldValueError(
            f"--algorithms takes names separated by commas, such as 'random,re,tpe'; got {text!r}, with an empty name."
        )
    for name in names:
        if names.count(name) > 1:
            raise FieldValueError(
                f"--algorithms has {name!r} twice. To compare settings, give options, such as "
                f"'{name.partition('(')[0]},{name.partition('(')[0]}(OPTION=VALUE)'."
            )
    return names


def read_budgets(text: str | None, trials: int) -> list[int]:
    """Returns the budgets in ``text``, ascending; by default four up to ``trials``.

    >>> read_budgets("100,30", 300), read_budgets(None, 60)
    ([30, 100], [10, 20, 40, 60])

    Raises:
      FieldValueError: an entry is not an integer from 1 to ``trials``.
    """
    from pliant.bench.curves import check_budgets, default_budgets

    if text is None:
        return default_budgets(trials)
    try:
        budgets = [int(part) for part in text.split(",")]
    except ValueError:
        raise FieldValueError(
            f"--budgets takes numbers of trials separated by commas, such as '100,200,300'; got {quote(text)}."
        ) from None
    return check_budgets(budgets, trials)


@click.group()
def bench() -> None:
    """Compare search algorithms on benchmark tasks with known optima."""


@bench.command(name="list")
def list_tasks() -> None:
    """List the tasks and the algorithms."""
    from ..console import make_console
    from .report import print_names

    print_names(make_console())


@bench.command()
@click.option("--task", required=True, metavar="NAME", help="The task: see `pliant bench list`.")
@click.option(
    "--algorithms", required=True, metavar="NAME,...", help="Algorithms: names, or NAME(OPTION=VALUE, ...)."
)
@click.option(
    "--trials", type=click.IntRange(min=1), default=300, show_default=True, help="Evaluations in each run."
)
@click.option(
    "--runs", type=click.IntRange(min=1), default=100, show_default=True, help="Runs of each algorithm."
)
@click.option(
    "--budgets",
    metavar="N,...",
    help="Numbers of trials at which to show results.  [default: four up to --trials]",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the first run; each next run adds 1."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("bench"), show_default=True,
    help="The folder for runs, tables and pictures.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path), help="The table, or its folder.  [default: $PLIANT_DATA]"
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one for each core]")
@click.option("--plot/--no-plot", default=True, help="Draw the curves (PNG and SVG).  [default: yes]")
def run(
    *,
    task: str,
    algorithms: str,
    trials: int,
    runs: int,
    budgets: str | None,
    seed: int,
    out: Path,
    data: Path | None,
    workers: int | None,
    plot: bool,
) -> None:
    """Run algorithms on a task, many times each, and show their results at several budgets.

    Results are those of the incumbent, the trial with the best validation reward so far; its test score is not shown to
    the algorithm. Each run is stored in --out as it ends: after a stop, the same command continues, and more --runs
    or algorithms reuse the stored runs.
    """
    from ..console import make_console, print_line

    console = make_console()
    try:
        Tournament(
            task=task,
            algorithms=split_algorithms(algorithms),
            trials=trials,
            runs=runs,
            budgets=read_budgets(budgets, trials),
            seed=seed,
            out=out,
            data=data,
            workers=workers or os.cpu_count() or 1,
            plot=plot,
        ).run(console)
    except KeyboardInterrupt:
        print_line(
            console, f"\nStopped. Complete runs are stored in {out}; run the same command to continue."
        )
        sys.exit(130)
