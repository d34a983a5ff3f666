"""Does a search find better networks than chance?  Every algorithm on a space that is known in full.

    python benchmarks/small_space.py                      10 seeds of each algorithm, beside random
    python benchmarks/small_space.py --seeds 3 --only DARTS GDAS
    python benchmarks/small_space.py --remedies           also what is recommended against skips, for those that fail
    python benchmarks/small_space.py --make-table         trains all 729 networks alone, 3 times; writes small_space.json

``smallnet.py`` is the space, ``smalltable.py`` trains the table.  What a search exports is looked up in the table: its
percentile is the share of networks that are worse, those that are as good counted half.  So chance has 50.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from core import describe_machine
from quality import format_table
from smallnet import OPERATIONS, PAIRS, Batches, load, make_space, name_of
from smalltable import BATCH, NAMES, check_alone, make_optimizer, train_all

from pliant import oneshot
from pliant.bench.curves import student
from pliant.oneshot.gradient import GradientSampler
from pliant.oneshot.training.session import evaluating

TABLE = Path(__file__).with_suffix(".json")
TRAININGS = 3  # of each network in the table
EPOCHS = 20  # of each search: as many as a network alone gets
SHOWN = (1, 5, 10, 20)  # the epochs after which shares of skips are shown
RATE = 0.012
"""Of architecture parameters, and of TuNAS's policy; ENAS keeps its own.  The published 3e-4 of DARTS is for 20,000 steps, and
these are 480: 40 times that, so that the parameters can go as far.  Chosen by this rule, not by looking at the table."""

SAMPLERS: dict[str, Callable[[], oneshot.Sampler]] = {
    "SPOS": lambda: oneshot.SPOS(evaluations=200, batches=8),
    "ENAS": lambda: oneshot.ENAS(updates=5),
    "TuNAS": lambda: oneshot.TuNAS(learning_rate=RATE),
    "DARTS": lambda: oneshot.DARTS(learning_rate=RATE),
    "DARTS, order 2": lambda: oneshot.DARTS(learning_rate=RATE, order=2),
    "GDAS": lambda: oneshot.GDAS(learning_rate=RATE),
    "SNAS": lambda: oneshot.SNAS(learning_rate=RATE),
    "ProxylessNAS": lambda: oneshot.ProxylessNAS(learning_rate=RATE, every=1),
    "FBNet": lambda: oneshot.FBNet(learning_rate=RATE),
    "GAEA": lambda: oneshot.GAEA(learning_rate=0.1 * RATE / 3e-4),
    "DrNAS": lambda: oneshot.DrNAS(learning_rate=6e-4 * RATE / 3e-4),
    "BetaDARTS": lambda: oneshot.BetaDARTS(learning_rate=RATE),
    "DARTS, perturbed": lambda: oneshot.Perturbation(oneshot.DARTS(learning_rate=RATE)),
    "SNAS, perturbed": lambda: oneshot.Perturbation(oneshot.SNAS(learning_rate=RATE)),
    "FairNAS, a third of the epochs": lambda: oneshot.FairNAS(evaluations=200, batches=8),
}


SKIP = OPERATIONS.index("skip")
LIMIT = 2  # skips in a cell: the number that is published for cells of 14 edges, of which 8 stay


def keep_few_skips(rows: Mapping[str, torch.Tensor], supernet: oneshot.Supernet) -> list[int]:
    """Returns the most probable candidates, but with ``LIMIT`` skips at most: on the edges that are surest of them.

    After Chen et al., "Progressive Differentiable Architecture Search" (P-DARTS), ICCV 2019, section 3.3.
    """
    chosen = [int(rows[m.key].argmax()) for m in supernet.mutables]
    keys = [m.key for m in supernet.mutables]
    skipping = sorted(
        (i for i, c in enumerate(chosen) if c == SKIP), key=lambda i: -float(rows[keys[i]][SKIP])
    )
    for i in skipping[LIMIT:]:
        others = [(float(p), c) for c, p in enumerate(rows[keys[i]]) if c != SKIP]
        chosen[i] = max(others)[1]
    return chosen


REMEDIES: dict[str, Callable[[], oneshot.Sampler]] = {
    "DARTS, skip_limit 2": lambda: oneshot.DARTS(learning_rate=RATE, skip_limit=LIMIT),
    "DARTS, warmup 0.5": lambda: oneshot.DARTS(learning_rate=RATE, warmup=0.5),
    "DARTS, 2 skips derived": lambda: oneshot.DARTS(learning_rate=RATE, derivation=keep_few_skips),
    "GDAS, skip_limit 2": lambda: oneshot.GDAS(learning_rate=RATE, skip_limit=LIMIT),
    "FBNet, skip_limit 2": lambda: oneshot.FBNet(learning_rate=RATE, skip_limit=LIMIT),
    "FBNet, 2 skips derived": lambda: oneshot.FBNet(learning_rate=RATE, derivation=keep_few_skips),
    "FBNet, cooled 4.5x faster": lambda: oneshot.FBNet(learning_rate=RATE, decay=0.045 * 90 / EPOCHS),
}
"""What is recommended against skips, and a temperature that falls in 20 epochs as FBNet's does in 90.  One setting of each."""


def read_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description="One-shot searches on a space that is known in full.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--only", nargs="+", choices=[*SAMPLERS, *REMEDIES], metavar="ALGORITHM", help=", ".join(SAMPLERS)
    )
    parser.add_argument("--remedies", action="store_true", help=", ".join(REMEDIES))
    parser.add_argument("--workers", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--make-table", action="store_true", help="train all networks alone first")
    parser.add_argument(
        "--runs", type=Path, help="keep each run in this file as it ends, and go on from there"
    )
    return parser.parse_args(argv)


def make_table() -> None:
    """Trains every network alone, and writes the table."""
    train, _, test = load()
    columns = []
    for seed in range(TRAININGS):
        print(f"... training {len(NAMES)} networks alone, seed {seed}", file=sys.stderr, flush=True)
        columns.append(train_all(NAMES, train, test, seed=seed))
    sample = NAMES[7::145]
    known = [columns[0][NAMES.index(name)] for name in sample]
    alone = check_alone(sample, train, test, seed=0)
    far = max(abs(a - b) for a, b in zip(known, alone))
    print(
        f"trained one by one, {len(sample)} of them differ from the table by {far:.4f} at most",
        file=sys.stderr,
    )
    rows = {name: [round(column[i], 5) for column in columns] for i, name in enumerate(NAMES)}
    lines = ",\n".join(f' "{name}": {json.dumps(row)}' for name, row in rows.items())
    TABLE.write_text("{\n" + lines + "\n}\n")


def read_table() -> dict[str, float]:
    """Returns the mean test accuracy of each network."""
    if not TABLE.exists():
        sys.exit(f"{TABLE.name} is missing: run with --make-table (it takes two minutes).")
    return {name: statistics.mean(row) for name, row in json.loads(TABLE.read_text()).items()}


def percentile(table: dict[str, float], name: str) -> float:
    """Returns the share of networks, in percent, that are worse than one; equal ones count half.

    >>> percentile({"a": 0.1, "b": 0.2, "c": 0.3}, "b")
    50.0
    """
    mine = table[name]
    below = sum(score < mine for score in table.values())
    equal = sum(score == mine for score in table.values())
    return 100.0 * (below + equal / 2) / len(table)


Found = dict[str, Any]
"""What a search exports: its ``name``, and CPU ``seconds``; for gradient algorithms also ``skips``, the share of skips that an
epoch ended with, and on validation data the accuracies of the ``mixture`` and of what is ``derived`` from it."""


def search(label: str, seed: int) -> Found:
    """Runs one search."""
    torch.set_num_threads(1)
    train, valid, _ = load()
    epochs = EPOCHS // 3 if "a third" in label else EPOCHS  # its steps train three networks
    started = time.process_time()
    trainer = oneshot.Trainer(
        make_space(),
        {**SAMPLERS, **REMEDIES}[label](),
        Batches(*train, size=BATCH, seed=seed),
        Batches(*valid, size=BATCH, seed=seed + 1_000),
        epochs=epochs,
        optimizer=make_optimizer,
        seed=seed,
    )
    while trainer.session.epoch < epochs:
        trainer.run_epoch()
    decisions = trainer.session.finish()
    found: Found = {"name": name_of(decisions.values), "seconds": time.process_time() - started}
    if isinstance(trainer.sampler, GradientSampler):
        found["skips"] = [round(record.metrics["skip_share"], 4) for record in trainer.records]
        batches = [trainer.session.step.next_valid() for _ in range(PAIRS // BATCH)]
        trainer.sampler.relax()  # of GDAS and ProxylessNAS too, which train single networks only
        found["mixture"] = measure(trainer, batches)
        trainer.supernet.activate(decisions)
        found["derived"] = measure(trainer, batches)
    return found


def measure(trainer: oneshot.Trainer, batches: Sequence[Any]) -> float:
    """Returns the accuracy of what is selected, by the statistics of each batch."""
    session, net = trainer.session, trainer.supernet
    with evaluating(net), oneshot.BatchStatistics().applied(net, session.step.train_batches, session.loss):
        return statistics.fmean(map(session.quality, batches))


def summarize(scores: list[float]) -> tuple[float, float]:
    """Returns the mean, and half the width of its 95% interval."""
    if len(scores) < 2:
        return scores[0], math.inf
    return statistics.mean(scores), student(len(scores) - 1) * statistics.stdev(scores) / math.sqrt(
        len(scores)
    )


def judge(mean: float, half: float) -> str:
    """Returns the verdict over a mean percentile, of which chance has 50."""
    if mean - half > 50:
        return "better than chance"
    return "WORSE THAN CHANCE" if mean + half < 50 else "NOT DISTINGUISHED FROM CHANCE"


def report_row(label: str, names: list[str], seconds: list[float], table: dict[str, float]) -> list[str]:
    """Returns the cells of one algorithm."""
    found = [percentile(table, name) for name in names]
    mean, half = summarize(found)
    operations = "".join(names)
    shares = "/".join(f"{100 * operations.count(str(i)) / len(operations):.0f}" for i in range(3))
    accuracy = statistics.mean(table[name] for name in names)
    common = max(set(names), key=names.count)
    return [
        label, str(len(names)), f"{mean:.1f} [±{half:.1f}]", f"{min(found):.0f}", f"{accuracy:.4f}", shares,
        f"{common} ({names.count(common)}x)", f"{statistics.median(seconds):.1f}", judge(mean, half),
    ]  # fmt: skip


def report_skips(label: str, runs: list[Found]) -> list[str]:
    """Returns how a gradient algorithm came to its skips: their share by epoch, and what deriving a network did."""
    shares = [statistics.mean(run["skips"][epoch - 1] for run in runs) for epoch in SHOWN]
    mixture, derived = (statistics.mean(run[kind] for run in runs) for kind in ("mixture", "derived"))
    return [
        label, *(f"{100 * share:.0f}" for share in shares), f"{mixture:.3f}", f"{derived:.3f}", f"{derived - mixture:+.3f}",
    ]  # fmt: skip


def run_all(labels: list[str], args: argparse.Namespace, table: dict[str, float]) -> dict[str, list[Found]]:
    """Returns what all searches export, by algorithm in the order of the seeds."""
    found: dict[tuple[str, int], Found] = {}
    if args.runs and args.runs.exists():
        rows = map(json.loads, args.runs.read_text().splitlines())
        found = {(row["label"], row["seed"]): row for row in rows}
    wanted = [(label, seed) for seed in range(args.seeds) for label in labels]
    with ProcessPoolExecutor(args.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = {pool.submit(search, *one): one for one in wanted if one not in found}
        for job in as_completed(jobs):
            label, seed = jobs[job]
            one = found[label, seed] = job.result()
            if args.runs:
                with args.runs.open("a") as file:
                    file.write(json.dumps({"label": label, "seed": seed, **one}) + "\n")
            text = f"{label}, seed {seed}: {one['name']}, {percentile(table, one['name']):.1f}"
            print(f"... {len(found)}/{len(wanted)} {text}", file=sys.stderr, flush=True)
    return {label: [found[label, seed] for seed in range(args.seeds)] for label in labels}


def main(argv: list[str] | None = None) -> None:
    """Makes the table where asked to, searches, prints."""
    args = read_arguments(argv)
    torch.set_num_threads(1)
    if args.make_table:
        make_table()
    table = read_table()
    rows = []
    labels = [*SAMPLERS, *(REMEDIES if args.remedies or args.only else ())]
    found = run_all([label for label in labels if not args.only or label in args.only], args, table)
    for label, runs in found.items():
        names, seconds = [run["name"] for run in runs], [run["seconds"] for run in runs]
        rows.append(report_row(label, names, seconds, table))
    space = oneshot.supernet(make_space()).space
    drawn = [name_of(space.sample(seed).values) for seed in range(args.seeds)]
    rows.append(report_row("random", drawn, [0.0] * args.seeds, table))
    ordered = sorted(table, key=table.__getitem__)
    quarters = ", ".join(
        f"{table[ordered[round(q * (len(ordered) - 1))]]:.3f}" for q in (0, 0.25, 0.5, 0.75, 1)
    )
    head = [
        "search",
        "seeds",
        "percentile",
        "lowest",
        "accuracy",
        "none/skip/layer %",
        "most often",
        "CPU s",
        "verdict",
    ]
    print(
        f"\n{describe_machine()}\ntorch {torch.__version__}, 1 thread; {len(table)} networks, each trained alone {TRAININGS} times"
    )
    print(f"accuracy in the table, quartiles: {quarters}; best {ordered[-1]}, chance has percentile 50\n")
    print(format_table(head, rows))
    learned = [report_skips(label, runs) for label, runs in found.items() if all("skips" in r for r in runs)]
    if learned:
        epochs = [f"epoch {epoch}" for epoch in SHOWN]
        print(
            "\nmean probability of a skip, in percent (a third at first); accuracy on validation data by inherited weights\n"
        )
        print(format_table(["search", *epochs, "mixture", "derived network", "difference"], learned))


if __name__ == "__main__":
    main()
