"""The commands ``pliant bench run`` and ``pliant bench list``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


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
    "--algorithms",
    required=True,
    metavar="NAME,...",
    help="Algorithms: names, or NAME(OPTION=VALUE, ...).",
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
    from .tournament import Tournament, read_budgets, split_algorithms

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
