"""What works on which architecture: opens, exact, widths, heads, depth, super-network, mixtures; prints a Markdown table.

    python benchmarks/architectures.py --out architectures.jsonl [--only timm] [--seconds 60]

A file of results is continued: architectures in it are not run again.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from architecture_list import ARCHITECTURES, prepare
from torch import nn

from pliant import oneshot
from pliant.oneshot.exactness import measure_differences
from pliant.oneshot.gradient.mixable import check_mixtures
from pliant.oneshot.pruning.opening import run_once

CLOSE = 1e-3  # of the largest output, for networks whose operations run in another order


def main() -> None:
    """Runs what is not known yet, then prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("architectures.jsonl"))
    parser.add_argument("--only", help="a package")
    parser.add_argument("--seconds", type=int, default=120, help="the most for one part of one architecture")
    parser.add_argument("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    known = _read(options.out)
    if not options.table:
        prepare()
        for package, entries in ARCHITECTURES.items():
            for name, make in entries.items():
                if (package, name) not in known and options.only in (None, package):
                    row = {"package": package, "name": name, **measure(make, options.seconds)}
                    with options.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                    print(json.dumps(row), flush=True)
    print("\n".join(format_table(_read(options.out).values())))


def _read(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(row["package"], row["name"]): row for row in rows}


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raises TimeoutError in the block after some seconds."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def measure(make: Callable[[], Any], seconds: int) -> dict[str, Any]:
    """Returns what works on an architecture; a reason where something does not."""
    row: dict[str, Any] = {}
    started = time.perf_counter()
    try:
        torch.manual_seed(0)
        network, inputs = make()
        network.eval()
        with at_most(seconds):
            row |= _open(network, inputs)
        with at_most(seconds):
            row |= _search(network, inputs)
    except (Exception, TimeoutError) as error:  # noqa: BLE001  # the reason is the result
        row["error"] = f"{type(error).__name__}: {str(error)[:300]}"
        row["place"] = traceback.format_exc().splitlines()[-3].strip()[:120]
    row["seconds"] = round(time.perf_counter() - started, 1)
    return row


def _open(network: nn.Module, inputs: Any) -> dict[str, Any]:
    before = run_once(network, inputs)
    program = oneshot.open_network(copy.deepcopy(network))
    after = run_once(program, inputs)
    is_exact = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    same_keys = list(program.state_dict()) == list(network.state_dict())
    return {"opens": isinstance(program, type(network)), "exact": is_exact and same_keys}


def _search(network: nn.Module, inputs: Any) -> dict[str, Any]:
    found = oneshot.space_of(network, inputs, widths=(0.5, 1.0))
    heads = sum(group.name.startswith("heads of ") for group in found.groups)
    row: dict[str, Any] = {"widths": len(found.groups) - heads, "heads": heads, "depth": len(found.blocks)}
    net = oneshot.supernet(found.space, example=inputs).eval()
    scale = max(float(x.abs().max()) for x in run_once(network, inputs))
    worst = 0.0
    for seed in range(3):
        decisions = net.space.sample(seed)
        worst = max(worst, measure_differences(net, *inputs, decisions=decisions, training=False).output)
    row["supernet"] = worst <= CLOSE * max(scale, 1e-3)
    try:
        check_mixtures(net, "DARTS")
        row["darts"] = True
    except Exception as error:  # noqa: BLE001  # the reason is the result
        row["darts"], row["darts_reason"] = False, str(error)[:200]
    return row


def format_table(rows: Any) -> list[str]:
    """Returns the lines of a Markdown table, and a line of sums."""
    lines = [
        "| package | architecture | opens | exact | widths | heads | depth | super-network exact | DARTS |",
        "| --- " * 9 + "|",
    ]
    counts = {"opens": 0, "exact": 0, "space": 0, "supernet": 0, "darts": 0}
    total = 0
    for row in rows:
        total += 1
        counts["space"] += bool(row.get("widths") and row.get("depth"))
        for key in ("opens", "exact", "supernet", "darts"):
            counts[key] += bool(row.get(key))
        marks = [
            _mark(row.get(key)) for key in ("opens", "exact", "widths", "heads", "depth", "supernet", "darts")
        ]
        lines.append(f"| {row['package']} | {row['name']} | " + " | ".join(marks) + " |")
    sums = ", ".join(f"{name} {count}" for name, count in counts.items())
    return [*lines, "", f"Of {total}: {sums}."]


def _mark(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


if __name__ == "__main__":
    main()
