"""The results of a benchmark: a table on the console, CSV and JSON files, and plots."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pliant.tune.text import say
from pliant.values.text import rows_to_csv

from ..console import print_line, to_text
from ..report import make_table, print_table

Curves = Mapping[str, Sequence[Any]]  # of pliant.bench.curves.Curve, which only functions may import


def print_names(console: Console) -> None:
    """Prints the names of all tasks and algorithms."""
    from pliant.algorithms.generators import NAMES
    from pliant.bench.registry import task_names

    print_line(console, "Tasks:")
    for name in task_names():
        print_line(console, f"  {name}")
    print_line(console, "\nAlgorithms, with options by keyword, such as 're(population_size=20)':")
    for factory in dict.fromkeys(NAMES.values()):
        names = [name for name, found in NAMES.items() if found == factory]
        print_line(console, f"  {', '.join(names)}")


def print_results(console: Console, task: Any, curves: Curves, budgets: Sequence[int]) -> None:
    """Prints mean and standard deviation of validation and test at each budget, for each algorithm."""
    from pliant.bench.curves import summarize

    best = task.optimum
    title = f"{task.name}: incumbent by validation reward, mean ± standard deviation over runs"
    table = make_table(title)
    table.add_column("algorithm")
    for name in ("runs", "trials", "validation", "test"):
        table.add_column(name, justify="right")
    for label, runs in curves.items():
        for i, row in enumerate(summarize(runs, budgets)):
            head = (to_text(label), str(len(runs))) if i == 0 else ("", "")
            cells = (*head, str(row.budget), _say(row.reward), _say(row.test))
            table.add_row(*cells, end_section=row.budget == budgets[-1])
    table.add_row("optimum", "", "", say(best.reward), say(best.test))
    print_table(console, table)
    for label, runs in curves.items():
        failed = sum(run.failed for run in runs)
        if failed:
            trials = sum(run.evaluated for run in runs)
            print_line(
                console,
                f"{label}: {failed / trials:.1%} of its trials were infeasible (they count as trials).",
            )
        short = [run for run in runs if run.evaluated < run.trials]
        if short:
            print_line(
                console,
                f"{label}: {len(short)} of {len(runs)} runs ended early, with nothing left to propose.",
            )


def write_tables(folder: Path, task: Any, curves: Curves, budgets: Sequence[int]) -> list[Path]:
    """Writes the results of every algorithm and budget as CSV and as JSON, and returns the files."""
    rows = [row for label, runs in curves.items() for row in _rows(label, runs, budgets)]
    stem = _stem(folder, task)
    stem.parent.mkdir(parents=True, exist_ok=True)
    as_csv, as_json = stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}.json")
    as_csv.write_text(rows_to_csv(rows[0], [list(row.values()) for row in rows]), "utf-8", newline="")
    content = {
        "task": task.name,
        "optimum": {"validation": task.optimum.reward, "test": task.optimum.test},
        "results": [
            {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in row.items()
            }
            for row in rows
        ],
    }
    as_json.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return [as_csv, as_json]


def write_pictures(folder: Path, task: Any, curves: Curves, *, trials: int, console: Console) -> list[Path]:
    """Plots the curves as PNG and SVG, and returns the files; prints why if this is not possible."""
    from pliant.bench.curves import band
    from pliant.bench.plot import Panel, PlotError, Series, draw

    panels = []
    for title, test, best in (("validation", False, task.optimum.reward), ("test", True, task.optimum.test)):
        series = [Series(label, *band(runs, trials, test=test)) for label, runs in curves.items()]
        panels.append(Panel(f"{title} of the incumbent", series, best))
    try:
        return draw(panels, _stem(folder, task), title=task.name)
    except PlotError as error:
        print_line(console, f"No plots: {error}")
        return []


def _rows(label: str, runs: Sequence[Any], budgets: Sequence[int]) -> list[dict[str, Any]]:
    from pliant.bench.curves import summarize

    evaluated = sum(run.evaluated for run in runs)
    seconds = sum(run.seconds for run in runs) / evaluated if evaluated else math.nan
    return [
        {
            "algorithm": label,
            "trials": row.budget,
            "runs": len(runs),
            "validation_mean": row.reward.mean,
            "validation_std": row.reward.std,
            "validation_ci95": row.reward.ci,
            "test_mean": row.test.mean,
            "test_std": row.test.std,
            "test_ci95": row.test.ci,
            "seconds_per_proposal": seconds,
        }
        for row in summarize(runs, budgets)
    ]


def _stem(folder: Path, task: Any) -> Path:
    from pliant.bench.records import slug

    return folder / slug(task.name)


def _say(spread: Any) -> str:
    return "-" if spread.count == 0 else f"{say(spread.mean)} ± {say(spread.std)}"
