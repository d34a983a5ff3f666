"""How good networks for tables are: searches of ``pliant.tabular`` beside other methods, on real sets that packages carry.

    python benchmarks/tabular_quality.py                                    # the development sets
    python benchmarks/tabular_quality.py --split test --seeds 0 1 2 --time-limit 120
    python benchmarks/tabular_quality.py --sets iris wine --methods pliant linear --seeds 0
    python benchmarks/tabular_quality.py --split test --seeds 0 1 2 --time-limit 120 --report    # the tables alone

Each result is a line of JSON in ``--file``: a set, a method, a seed.  A run computes those that are not there, so it continues where
it was stopped, and several may add to one file.  A line with an error is not computed again either: delete it to try again.

Each seed draws other test rows, a quarter of the set; methods see the rest only.  The score is accuracy for classes and R^2 for numbers,
on the test rows.  ``--clock cpu`` gives each method its time in seconds of the processor: for a machine that others use too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

FILE = Path("tabular_quality.jsonl")
Key = tuple[str, str, int, float, str]
"""Set, method, seed, time limit (0 without one) and clock."""


def main() -> None:
    """Runs what is not stored yet, and prints the tables."""
    options = read_options()
    if options.clock == "cpu":
        count_processor_time()
    from tabular_methods import METHODS
    from tabular_sets import SETS
    from threadpoolctl import threadpool_limits

    sets = [n for n in options.sets or SETS if options.sets or SETS[n].kind == options.split]
    methods = [name for name in options.methods or METHODS if METHODS[name].is_installed]
    known = read_results(options.file)
    for seed in options.seeds if not options.report else ():
        for name in sets:
            for method in methods:
                limit = options.time_limit if METHODS[method].has_budget else 0.0
                key: Key = (name, method, seed, limit, options.clock)
                if key in known:
                    continue
                with threadpool_limits(1):
                    known[key] = run(SETS[name], METHODS[method], seed, options.time_limit)
                write_result(options.file, key, known[key])
    missing = [name for name in options.methods or METHODS if name not in methods]
    print_tables(known, sets, methods, options)
    if missing:
        print(f"\nNot installed: {', '.join(missing)}.")


def read_options() -> argparse.Namespace:
    """Returns what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="development", choices=("development", "test"))
    parser.add_argument("--sets", nargs="+", help="some sets, instead of those of a split")
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--time-limit", type=float, default=15.0, help="seconds of each search")
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"))
    parser.add_argument("--file", type=Path, default=FILE, help="results, a line for each")
    parser.add_argument("--report", action="store_true", help="print the tables of what is there")
    return parser.parse_args()


def count_processor_time() -> None:
    """Makes the clocks that searches read count the time of the processor in this process."""
    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, time.process_time)


def run(data: Any, method: Any, seed: int, time_limit: float) -> dict[str, Any]:
    """Returns the score on the test rows, the seconds by the clock and of the processor, and the load; or what was raised."""
    import torch
    from sklearn.model_selection import train_test_split

    torch.set_num_threads(1)
    columns, target = data.load()
    x, x_test, y, y_test = train_test_split(
        columns, target, test_size=0.25, random_state=seed, stratify=None if data.is_number else target
    )
    begun, used = time.perf_counter(), time.process_time()
    found: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of perceptrons and linear models that reach their default limit
        try:
            model = method.make(data.is_number, seed, time_limit).fit(x, y)
            found["seconds"], found["cpu"] = time.perf_counter() - begun, time.process_time() - used
            found["score"] = float(model.score(x_test, y_test))
        except Exception as error:  # noqa: BLE001  # of any library: it is stored, and the run goes on
            found["error"] = f"{type(error).__name__}: {str(error)[:200]}"
    return {**found, "load": os.getloadavg()[0]}


# --- the file --------------------------------------------------------------------------------------------


def read_results(file: Path) -> dict[Key, dict[str, Any]]:
    """Returns the stored results; a line that was cut off is ignored."""
    known: dict[Key, dict[str, Any]] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            one = json.loads(line)
            known[one["set"], one["method"], one["seed"], one["limit"], one["clock"]] = one
        except (ValueError, KeyError, TypeError):
            continue
    return known


def write_result(file: Path, key: Key, result: dict[str, Any]) -> None:
    """Appends a line."""
    named = dict(zip(("set", "method", "seed", "limit", "clock"), key, strict=True))
    with file.open("a") as stream:
        stream.write(json.dumps({**named, **result}) + "\n")


# --- the tables ------------------------------------------------------------------------------------------


def print_tables(
    known: dict[Key, dict[str, Any]], sets: list[str], methods: list[str], options: argparse.Namespace
) -> None:
    """Prints mean scores with standard deviations over the seeds, ranks, and wins of ``pliant``; missing results stay empty."""
    from tabular_methods import METHODS
    from tabular_sets import SETS

    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (name, method, seed, limit, clock), result in known.items():
        wanted = options.time_limit if method in METHODS and METHODS[method].has_budget else 0.0
        if (limit, clock) == (wanted, options.clock) and seed in options.seeds and "score" in result:
            found.setdefault((name, method), []).append(result)
    methods = [one for one in methods if any((name, one) in found for name in sets)]
    loads = [result["load"] for results in found.values() for result in results] or [0.0]
    unit = "s" if options.clock == "wall" else "s of the processor"
    print(
        f"Seeds {options.seeds}, {options.time_limit:g} {unit} for each search, one thread; {os.cpu_count()} processors, "
        f"{platform.machine()}, load {min(loads):.1f} to {max(loads):.1f}\n"
    )
    print(f"| set | rows | {' | '.join(methods)} |")
    print(f"| --- | ---: |{' ---: |' * len(methods)}")
    ranks: dict[str, list[float]] = {}
    for name in sets:
        scores = {m: [one["score"] for one in found.get((name, m), [])] for m in methods}
        print(f"| {name} | {len(SETS[name].load()[1])} | {' | '.join(_cell(scores[m]) for m in methods)} |")
        counts = {len(values) for values in scores.values()}
        if len(counts) == 1 and 0 not in counts:  # ranks need all methods
            means = {m: round(statistics.mean(values), 6) for m, values in scores.items()}
            for method, mean in means.items():
                better = sum(other > mean for other in means.values())
                equal = sum(other == mean for other in means.values()) - 1
                ranks.setdefault(method, []).append(1 + better + equal / 2)
    if ranks:
        count = len(next(iter(ranks.values())))
        cells = " | ".join(f"{statistics.mean(ranks[m]):.2f}" for m in methods)
        print(f"| mean rank ({count} sets) | | {cells} |")
    if "pliant" in methods:
        print(f"| pliant better / worse | | {' | '.join(_compare(found, sets, m) for m in methods)} |")
    cells = [_seconds([one for name in sets for one in found.get((name, m), [])]) for m in methods]
    print(f"| mean s | | {' | '.join(cells)} |")


def _cell(scores: list[float]) -> str:
    if not scores:
        return ""
    spread = f" ± {statistics.stdev(scores):.3f}" if len(scores) > 1 else ""
    return f"{statistics.mean(scores):.3f}{spread}"


def _seconds(results: list[dict[str, Any]]) -> str:
    return f"{statistics.mean(one['seconds'] for one in results):.1f}"


def _compare(found: dict[tuple[str, str], list[dict[str, Any]]], sets: list[str], method: str) -> str:
    """Returns the sets with a higher and with a lower mean score of ``pliant``, over the seeds that both have."""
    if method == "pliant":
        return ""
    better = worse = 0
    for name in sets:
        own, other = (
            {one["seed"]: one["score"] for one in found.get((name, m), []) if "seed" in one}
            for m in ("pliant", method)
        )
        both = own.keys() & other.keys()
        gap = sum(own[seed] - other[seed] for seed in both)
        better, worse = better + (gap > 1e-9), worse + (gap < -1e-9)
    return f"{better} / {worse}"


if __name__ == "__main__":
    main()
