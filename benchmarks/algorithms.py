"""Search algorithms beside their peers: how good at the same budgets, and how fast.

    python benchmarks/algorithms.py                          everything that is missing in the folder, then the report
    python benchmarks/algorithms.py --only bayesian smac     some entrants
    python benchmarks/algorithms.py --runs 20 --trials 100   smaller
    python benchmarks/algorithms.py --report                 what is there, without a run
    python benchmarks/algorithms.py --speed                  proposals a second, only

Every run is kept as it ends: stop at any time; the same command continues.  The tables are found by PLIANT_DATA, or
--data.  ``README.md`` beside this file says how it is measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import quality
import speed
from core import describe_machine
from peers import PEERS
from quality import BEST, MACRO, OURS, PROTOCOL, PUBLISHED, SLOW, TASKS, make_entrant

from pliant.bench.curves import Curve
from pliant.bench.entrant import Entrant
from pliant.bench.records import Archive
from pliant.bench.run import Job, load_task, plan, run_all

Curves = dict[str, list[Curve]]


def read_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description="Search algorithms beside their peers.")
    parser.add_argument(
        "--out", type=Path, default=Path("bench/algorithms"), help="where runs and reports go"
    )
    parser.add_argument("--data", type=Path, help="the folder with the tables (default: PLIANT_DATA)")
    parser.add_argument("--tasks", nargs="+", default=[*TASKS, PROTOCOL], metavar="TASK")
    parser.add_argument("--only", nargs="+", metavar="ENTRANT", help=", ".join([*OURS, *PEERS]))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--speed", action="store_true", help="measure speed, and nothing else")
    parser.add_argument("--no-speed", action="store_true")
    return parser.parse_args(argv)


def list_entrants(task: str, only: Sequence[str] | None) -> tuple[list[Entrant], list[str]]:
    """Returns who takes part in a task, and lines about the peers: their version, or that they are not here."""
    labels = list(PUBLISHED) if task == PROTOCOL else [*OURS, *PEERS]
    lines = []
    for label, library in PEERS.items():
        if label in labels and library.version() is None:
            labels.remove(label)
            lines.append(f"{label} IS NOT HERE (`pip install {library.distribution}`): it has no row")
        elif label in labels:
            lines.append(f"{label}: {library.distribution} {library.version()}, {library.note}")
    return [make_entrant(label) for label in labels if only is None or label in only], lines


def run_task(task: str, args: argparse.Namespace) -> tuple[Curves, list[str]]:
    """Does what is missing of a task, and returns all its runs, and lines about who takes part."""
    entrants, lines = list_entrants(task, args.only)
    archive = Archive(args.out / "runs")
    known: dict[str, dict[int, Curve]] = {}
    jobs: list[Job] = []
    for entrant in entrants:
        runs = min(args.runs, SLOW.get(entrant.label, args.runs))
        try:
            kept, left = plan(
                task, [entrant], trials=args.trials, seeds=range(runs), archive=archive, data=args.data
            )
        except (
            ImportError,
            AttributeError,
        ) as error:  # a library of ours that is not installed, or not written
            lines.append(f"{entrant.label} IS LEFT OUT: {error}")
            continue
        known |= kept
        jobs += left
    jobs.sort(
        key=lambda job: (job.entrant.label in SLOW, job.seed)
    )  # the quick ones first, one seed after another
    done, start = 0, time.monotonic()

    def tell(job: Job, curve: Curve) -> None:
        nonlocal done
        done += 1
        if done % 20 == 0 or job.entrant.label in SLOW:
            seconds = time.monotonic() - start
            text = f"{task}: {done}/{len(jobs)} runs, {seconds:.0f} s; {job.entrant.label}, seed {job.seed}"
            print(f"... {text}", file=sys.stderr, flush=True)

    found = run_all(known, [] if args.report else jobs, archive=archive, workers=args.workers, on_curve=tell)
    return found, lines


def report_quality(args: argparse.Namespace) -> str:
    """Runs, and returns the report about quality as Markdown."""
    parts, about = [], []
    for task in args.tasks:
        curves, lines = run_task(task, args)
        about += [line for line in lines if line not in about]
        optimum = load_task(task, args.data).optimum.test
        budgets = [budget for budget in quality.BUDGETS if budget <= args.trials] or [args.trials]
        parts.append(quality.report_task(task, curves, budgets, optimum))
        if task == PROTOCOL:
            title = "Published means (12,000 simulated seconds) beside ours, by how many evaluations fit into them:"
            parts.append(quality.report_published(title, curves, PUBLISHED, budgets))
        else:
            parts.append(quality.report_duel(BEST, curves, [b for b in budgets if b >= 100] or budgets))
        if task == "nasbench_macro" and args.trials >= 200:
            title = "The reference run on NAS-Bench-Macro (200 evaluations) beside ours:"
            parts.append(quality.report_published(title, curves, MACRO, [200]))
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in about)])


def main(argv: list[str] | None = None) -> None:
    """Measures, prints the report, and writes it."""
    args = read_arguments(argv)
    parts = [f"# Search algorithms\n\n{describe_machine()}"]
    if not args.speed:
        parts.append(report_quality(args))
    if args.speed or not (args.no_speed or args.report):
        parts.append(speed.report())
    text = "\n\n".join(parts) + "\n"
    print(text)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / ("speed.md" if args.speed else "report.md")).write_text(text)


if __name__ == "__main__":
    main()
