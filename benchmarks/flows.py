"""The PyGlove paper's figure 13 on a table of ours: joint, factorized and hybrid search of NAS-Bench-101 cells.

    python benchmarks/flows.py                    500 runs of each flow, at each setting (minutes on two cores)
    python benchmarks/flows.py --runs 50          a look
    python benchmarks/flows.py --settings fitted  one setting

The space is that of the cells with at most 5 vertices (``ecnas_5v``: all 2,532 cells trained for 4 epochs); nodes
and edges are partitioned by their hints.  Every run is kept as it ends: the same command continues.  ``README.md``
beside this file says what is compared, and at which budgets.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from core import describe_machine
from flow import FLOWS, SETTINGS, Flow, Setting
from quality import compare, format_table

from pliant.bench.curves import Curve, band, summarize
from pliant.bench.plot import Panel, Series, draw
from pliant.bench.records import Archive
from pliant.bench.run import Job, load_task, plan, run_all

TASK = "ecnas_5v"


def read_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description="Joint, factorized and hybrid search flows.")
    parser.add_argument(
        "--out", type=Path, default=Path("bench/flows"), help="where runs, tables and pictures go"
    )
    parser.add_argument("--data", type=Path, help="the folder with the tables (default: PLIANT_DATA)")
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(argv)


def run_setting(setting: Setting, args: argparse.Namespace) -> dict[str, list[Curve]]:
    """Does what is missing of a setting, and returns all its runs."""
    archive, start, done = Archive(args.out / "runs"), time.monotonic(), 0
    flows = [Flow(kind, setting) for kind in FLOWS]
    known, jobs = plan(
        TASK, flows, trials=setting.trials, seeds=range(args.runs), archive=archive, data=args.data
    )

    def tell(job: Job, curve: Curve) -> None:
        nonlocal done
        done += 1
        if done % 100 == 0 or done == len(jobs):
            seconds = time.monotonic() - start
            print(
                f"... {setting.name}: {done}/{len(jobs)} runs, {seconds:.0f} s", file=sys.stderr, flush=True
            )

    found = run_all(known, jobs, archive=archive, workers=args.workers, on_curve=tell)
    return {flow.kind: found[flow.label] for flow in flows}


def report(setting: Setting, curves: dict[str, list[Curve]], optimum: tuple[float, float]) -> str:
    """Returns what the flows had found at some budgets, and whether the hybrid crosses over."""
    budgets = [setting.trials * share // 12 for share in (1, 3, 6, 7, 8, 10, 12)]
    head = ["evaluations", *FLOWS, "factorized - joint", "hybrid - joint"]
    table = {kind: summarize(runs, budgets) for kind, runs in curves.items()}
    rows = []
    for i, budget in enumerate(budgets):
        spreads = {kind: found[i].reward for kind, found in table.items()}
        cells = [f"{spread.mean:.3f} ± {spread.std:.3f}" for spread in spreads.values()]
        for kind in ("factorized", "hybrid"):
            found = compare(spreads[kind], spreads["joint"])
            cells.append(f"{found.mean:+.3f} ±{found.ci:.3f} {found.verdict}")
        rows.append([str(budget), *cells])
    lead = (
        f"## {setting.name}: {setting.about}\n\nValidation accuracy (%) of the incumbent, mean ± standard deviation of "
        f"{len(curves['joint'])} runs; optimum {optimum[0]:.3f}. Differences with 95% intervals."
    )
    return f"{lead}\n\n{format_table(head, rows)}\n\n{tell_crossing(curves, setting.trials)}"


def tell_crossing(curves: dict[str, list[Curve]], trials: int) -> str:
    """Returns where the hybrid's mean is above the joint search's, and whether the difference is significant."""
    joint, _ = band(curves["joint"], trials, test=False)
    hybrid, _ = band(curves["hybrid"], trials, test=False)
    half = trials // 2
    below = np.flatnonzero(~(hybrid > joint))  # where it is not above
    crossing = int(below[-1]) + 2 if len(below) else 1  # the evaluation from which on it is above
    if crossing > trials:
        shows = "The hybrid's mean does not cross over the joint search's: it is not above at the end"
    elif crossing <= half:
        shows = (
            f"The hybrid's mean is above the joint search's from evaluation {crossing} on, so before its second phase, "
            f"which starts at {half + 1}"
        )
    else:
        shows = (
            f"The hybrid's mean crosses over the joint search's in the second phase, at evaluation {crossing}"
        )
    start, end = (
        compare(*(summarize(curves[kind], [budget])[0].reward for kind in ("hybrid", "joint")))
        for budget in (half, trials)
    )
    return (
        f"{shows}. Hybrid minus joint half-way: {start.mean:+.3f} ±{start.ci:.3f} ({start.verdict}); "
        f"at the end: {end.mean:+.3f} ±{end.ci:.3f} ({end.verdict})."
    )


def picture(
    setting: Setting, curves: dict[str, list[Curve]], optimum: tuple[float, float], folder: Path
) -> Sequence[Path]:
    """Draws the flows of a setting."""
    panels = []
    for title, test, best in (("validation", False, optimum[0]), ("test", True, optimum[1])):
        series = [Series(kind, *band(runs, setting.trials, test=test)) for kind, runs in curves.items()]
        panels.append(Panel(f"{title} accuracy (%) of the incumbent", series, best))
    title = f"Search flows, {setting.about} ({len(curves['joint'])} runs)"
    return draw(panels, folder / f"flows-{setting.name}", title=title, x_label="evaluations")


def main(argv: list[str] | None = None) -> None:
    """Runs, prints the report, writes it, and draws."""
    args = read_arguments(argv)
    best = load_task(TASK, args.data).optimum
    parts = [f"# Search flows\n\n{describe_machine()}"]
    for name in args.settings:
        setting, start = SETTINGS[name], time.monotonic()
        curves = run_setting(setting, args)
        seconds = time.monotonic() - start
        parts.append(report(setting, curves, (best.reward, best.test)))
        parts.append(f"{seconds:.0f} s of wall time in {args.workers} processes for what was missing.")
        files = picture(setting, curves, (best.reward, best.test), args.out)
        parts.append("Drawn: " + ", ".join(path.name for path in files))
    text = "\n\n".join(parts) + "\n"
    print(text)
    (args.out / "report.md").write_text(text)


if __name__ == "__main__":
    main()
