"""The core's speed in one table, side by side with plain Python and with PyGlove, in one run.

    python benchmarks/core.py                    the whole table (a few minutes; nearly all of it is PyGlove's)
    python benchmarks/core.py --no-peer          without PyGlove (under a minute)
    python benchmarks/core.py --only clone json  some rows
    python benchmarks/core.py --json out.json    also every round's numbers, for a program to read

``README.md`` beside this file says what each row does and how it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import footprint
import peer
import subject
import table
import work
from table import FACTS, PEER, PLIANT, ROWS
from timing import Timing, measure


def read_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description="The core's speed, next to plain Python and PyGlove.")
    parser.add_argument("--quick", action="store_true", help="3 short rounds: for a look, not for a record")
    parser.add_argument("--rounds", type=int, help="interleaved rounds per operation (default: 7)")
    keys = [row.key for row in ROWS] + list(FACTS)
    parser.add_argument("--only", nargs="+", choices=keys, metavar="ROW", help=", ".join(keys))
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every round's numbers to a file")
    parser.add_argument("--no-peer", action="store_true", help="leave PyGlove out")
    return parser.parse_args(argv)


def load_sides(wanted: Callable[[str], bool], *, with_peer: bool) -> tuple[list[work.Side], list[str]]:
    """Returns the sides that can be measured, and lines that say which they are."""
    sides, lines = [], []
    try:
        import pliant  # its absence is a line of the report

        sides.append(work.symbolic_side(subject.dialect(pliant), wanted))
        lines.append(f"pliant {getattr(pliant, '__version__', '(no version)')}")
    except ImportError as error:
        lines.append(f"PLIANT IS NOT HERE ({error}): its column is empty")
    sides.append(work.plain_side())
    if with_peer:
        pyglove, line = peer.load()
        lines.append(line)
        if pyglove is not None:
            sides.append(work.symbolic_side(peer.dialect(pyglove), wanted))
    else:
        lines.append("PyGlove is left out (--no-peer): its column is empty.")
    return sides, lines


def describe_machine() -> str:
    """Returns one line about the machine: processor, cores, Python, load."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = models[0] if models else model
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, {python}{load}"


def measure_facts(
    sides: list[str], wanted: Callable[[str], bool], *, rounds: int
) -> tuple[dict[str, Any], list[list[str]], list[str]]:
    """Measures memory and import in processes of their own; returns the numbers, the rows and the notes."""
    modules = {side: module for side, module in ((PLIANT, "pliant"), (PEER, "pyglove")) if side in sides}
    numbers: dict[str, Any] = {}
    rows: list[list[str]] = []
    notes: list[str] = []
    for fact in ("trial", "children", "import"):
        if not wanted(fact) or PLIANT not in modules:
            continue
        tell(fact)
        found = {
            side: footprint.time_import(module, rounds=rounds)
            if fact == "import"
            else footprint.ask(fact, module)
            for side, module in modules.items()
        }
        numbers[fact] = found
        notes += [f"{fact} of {side} failed: {one['error']}" for side, one in found.items() if "error" in one]
        if fact == "trial":
            rows.append(table.report_trial(found))
        else:
            row, more = (table.report_children if fact == "children" else table.report_import)(found)
            rows.append(row)
            notes += more
    return numbers, rows, notes


def tell(text: str) -> None:
    """Says on stderr what is being measured."""
    print(f"... {text}", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> None:
    """Measures, prints the table, and writes the numbers where asked to."""
    args = read_arguments(argv)
    rounds = args.rounds or (3 if args.quick else 7)
    budget = 0.01 if args.quick else 0.05

    def wanted(key: str) -> bool:
        return args.only is None or key in args.only

    machine = describe_machine()
    tell("preparing the sides, and checking that they do the same work")
    sides, lines = load_sides(
        lambda key: wanted(key) or (key == "evolve_long" and wanted("flat")), with_peer=not args.no_peer
    )
    facts = work.check_agreement(sides)
    timings: dict[str, Timing] = {}
    for row in ROWS:
        jobs = {side.name: side.jobs[row.key] for side in sides if row.key in side.jobs}
        if wanted(row.key) and jobs:
            tell(row.text.strip())
            timings[row.key] = measure(jobs, rounds=rounds, budget=budget)
    rows = [table.format_row(row, timings[row.key]) for row in ROWS if row.key in timings]
    if wanted("flat") and sides[0].name == PLIANT:
        tell("flat")
        pair = {key: sides[0].jobs[key] for key in ("evolve_short", "evolve_long")}
        timings["flat"] = measure(pair, rounds=rounds, budget=0.2)
        rows.append(table.report_flat(timings["flat"]))
    numbers, more, notes = measure_facts([side.name for side in sides], wanted, rounds=rounds)
    rows += more

    print(f"\n{machine}\n{'; '.join(lines)}")
    quick = " (quick: not for a record)" if args.quick else ""
    print(f"{rounds} interleaved rounds{quick}; CPU time, medians; ratios are medians of the rounds' ratios.")
    print(f"Same work: {facts} results compared between the sides before timing, all equal.\n")
    print(table.format_table(rows))
    if PEER in getattr(timings.get("evolve_long"), "seconds", {}):
        notes.insert(0, peer.NOTE)
    print("".join(f"\n- {note}" for note in notes))
    if args.json:
        seconds = {key: timing.seconds for key, timing in timings.items()}
        report = {"machine": machine, "sides": lines, "rounds": rounds, "seconds": seconds, "facts": numbers}
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
