"""The case study of the PyGlove paper (table 3) on Fashion-MNIST: what each step of ``examples/mobilenet_search.py`` costs and finds.

    python benchmarks/case_study.py                              16 epochs a training, 20 trials, three seeds
    python benchmarks/case_study.py --epochs 4 --trials 8        a look
    python benchmarks/case_study.py --epochs 64 --trials 100     as many trials as in the paper

Every run is kept as it ends: stop at any time; the same command continues.  The images are found by PLIANT_DATA.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import statistics
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from core import describe_machine, tell
from quality import format_table

EXAMPLE = Path(__file__).parents[1] / "examples" / "mobilenet_search.py"

STEPS = {
    1: ("(static)", "-"),
    2: ("(static) -> S1", "random search"),
    3: ("S1", "random search -> Bayesian"),
    4: ("S1", "Bayesian -> TuNAS"),
    5: ("(static) -> S2", "TuNAS"),
    6: ("S1, S2 -> S3", "TuNAS"),
}
PAPER = {
    1: ("-", "-", 73.1, 0.1, "300"),
    2: ("+23", "25", 73.7, 0.3, "300 ± 3"),
    3: ("+1", "25", 73.9, 0.3, "301 ± 5"),
    4: ("+1", "1", 74.2, 0.1, "301 ± 5"),
    5: ("+10", "1", 73.3, 0.1, "302 ± 7"),
    6: ("+1", "2", 73.8, 0.1, "302 ± 6"),
}
"""Table 3: lines, search cost in trainings, accuracy on ImageNet in percent and its deviation, millions of multiply-adds."""

Run = dict[str, Any]


def count_lines(text: str) -> dict[int, int]:
    """Returns for each row of the example how many lines its step adds or changes.

    These are the line of the row and the code of the functions that no row before it uses, without docstrings.
    """
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    rows = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Dict)
        and ast.unparse(node.targets[0]) == "ROWS"
    )
    changed, known = {}, set()
    for key, value in zip(rows.keys, rows.values, strict=True):
        assert isinstance(key, ast.Constant)
        assert isinstance(value, ast.Tuple)
        names = {part.id for part in ast.walk(value.elts[0]) if isinstance(part, ast.Name)}
        lines = value.end_lineno - value.lineno + 1
        changed[key.value] = lines + sum(_count_code(functions[name], text) for name in names - known)
        known |= names
    return changed


def _count_code(function: ast.FunctionDef, text: str) -> int:
    """Returns how many lines of a function have code; its docstring and comments are not code."""
    lines = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function) is not None:
        lines -= set(range(function.body[0].lineno, function.body[0].end_lineno + 1))
    shown = text.splitlines()
    return sum(bool(shown[i - 1].partition("#")[0].strip()) for i in lines)


def load_example() -> Any:
    """Imports the example."""
    spec = importlib.util.spec_from_file_location("mobilenet_search", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_step(row: int, seed: int, epochs: int, trials: int) -> Run:
    """Searches as a row says, trains the network found, and returns what was measured: CPU seconds, accuracy, multiply-adds."""
    torch.set_num_threads(1)
    example = load_example()
    started = time.process_time()
    found = example.network.clone()
    if row > 1:
        found = example.search(*example.ROWS[row], seed=seed, epochs=epochs, trials=trials)
    searched = time.process_time()
    example.train(found, epochs, seed)
    trained = time.process_time()
    accuracy = example.test(found, example.TEST)
    return {
        "row": row,
        "seed": seed,
        "epochs": epochs,
        "trials": trials,
        "search_seconds": searched - started,
        "train_seconds": trained - searched,
        "accuracy": accuracy,
        "multiply_adds": example.count(found),
        "limit": example.LIMIT,
    }


def format_rows(runs: Iterable[Run], lines: Mapping[int, int]) -> str:
    """Returns the table: each row of the paper's, and what was measured over the seeds.

    The cost of a search is in trainings of the network that it found, right after it: a busy machine slows both.
    """
    runs = list(runs)
    head = [
        "#",
        "space",
        "algorithm",
        "lines",
        "search cost",
        "accuracy, %",
        "multiply-adds, thousands",
        "seeds",
    ]
    theirs, shown = ["their lines", "cost", "accuracy, %", "multiply-adds, millions"], []
    for row, (space, algorithm) in STEPS.items():
        mine = [run for run in runs if run["row"] == row]
        cost = (
            f"{statistics.fmean(run['search_seconds'] / run['train_seconds'] for run in mine):.1f}"
            if row > 1 and mine
            else "-"
        )
        changed = f"+{lines[row]}" if row in lines else "-"
        accuracy = format_spread([100 * run["accuracy"] for run in mine], 1)
        adds = format_spread([run["multiply_adds"] / 1e3 for run in mine], 0)
        paper = [*PAPER[row][:2], f"{PAPER[row][2]} ± {PAPER[row][3]}", PAPER[row][4]]
        shown.append([str(row), space, algorithm, changed, cost, accuracy, adds, str(len(mine)), *paper])
    return format_table([*head, *theirs], shown)


def format_spread(values: list[float], digits: int) -> str:
    """Returns mean and standard deviation.

    >>> format_spread([1.0, 2.0], 1)
    '1.5 ± 0.7'
    """
    if len(values) < 2:
        return f"{values[0]:,.{digits}f}" if values else "-"
    return f"{statistics.fmean(values):,.{digits}f} ± {statistics.stdev(values):,.{digits}f}"


def compare_orders(runs: Iterable[Run]) -> list[str]:
    """Returns a line for each pair of rows whose difference the paper reports: whether ours has the same sign."""
    runs = list(runs)
    scores = {row: {run["seed"]: 100 * run["accuracy"] for run in runs if run["row"] == row} for row in STEPS}
    said = []
    for low, high in ((1, 2), (2, 3), (3, 4), (1, 5), (1, 6), (5, 6), (6, 4)):
        seeds = sorted(scores[low].keys() & scores[high].keys())
        if not seeds:
            continue
        gaps = [scores[high][seed] - scores[low][seed] for seed in seeds]
        mean, theirs = statistics.fmean(gaps), PAPER[high][2] - PAPER[low][2]
        verdict = "agrees" if mean > 0 else "does not agree"
        if len(gaps) == 1:
            verdict += ", but one seed says little"
        elif abs(mean) < 2 * statistics.stdev(gaps) / len(gaps) ** 0.5:
            verdict += ", within the noise (two standard errors)"
        said.append(f"- row {high} over row {low}: {mean:+.1f}, in the paper {theirs:+.1f}: {verdict}")
    return said


def read_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description="The case study of the PyGlove paper, on Fashion-MNIST.")
    parser.add_argument(
        "--epochs", type=int, default=16, help="of one training; a trial has a quarter, as in the paper"
    )
    parser.add_argument(
        "--trials", type=int, default=20, help="of random search and of Bayesian optimization"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", type=int, nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread")
    parser.add_argument(
        "--out", type=Path, default=Path("case_study.jsonl"), help="the file that keeps every run"
    )
    return parser.parse_args(argv)


def read_runs(args: argparse.Namespace) -> list[Run]:
    """Returns the runs of a file that had these settings."""
    if not args.out.exists():
        return []
    runs = [json.loads(line) for line in args.out.read_text("utf-8").splitlines()]
    return [run for run in runs if (run["epochs"], run["trials"]) == (args.epochs, args.trials)]


def main(argv: list[str] | None = None) -> None:
    """Runs what is missing, and prints the table."""
    args = read_arguments(argv)
    done = {(run["row"], run["seed"]) for run in read_runs(args)}
    missing = [(row, seed) for seed in args.seeds for row in args.rows if (row, seed) not in done]
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(run_step, row, seed, args.epochs, args.trials) for row, seed in missing]
        for future in as_completed(futures):
            run = future.result()
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(run) + "\n")
            tell(f"row {run['row']}, seed {run['seed']}: {run['accuracy']:.1%}, {run['multiply_adds']:,}")
    runs = read_runs(args)
    print(f"{describe_machine()}, PyTorch {torch.__version__}")
    print(
        f"{args.epochs} epochs a training, {args.trials} trials; the limit is {runs[0]['limit']:,} multiply-adds\n"
    )
    print(format_rows(runs, count_lines(EXAMPLE.read_text("utf-8"))))
    print("\n" + "\n".join(compare_orders(runs)))


if __name__ == "__main__":
    main()
