"""How well zero-cost scores rank the networks of NAS-Bench-201, beside the columns that the table has.

    python benchmarks/zero_cost.py                  200 random networks, batches of 64
    python benchmarks/zero_cost.py --networks 1000

Every network is kept as it ends: stop at any time; the same command continues.  PLIANT_DATA has nb201.npz (accuracies and scores) and
fashion_mnist_prefix.npz (images; the papers use CIFAR-10, which cannot be had here).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from core import describe_machine, tell
from quality import format_table
from scipy.stats import kendalltau, spearmanr

from pliant import oneshot
from pliant.oneshot import zero_cost
from pliant.zoo import nasbench201, nasbench201_network

PUBLISHED = {
    "parameters": "0.75",
    "multiply_adds": "0.75",
    "grad_norm": "-",
    "snip": "-",
    "jacobian_covariance": "-",
    "synflow": "-",
    "naswot": "0.67",
    "zico": "-",
}
"""Rank correlations (Spearman) with accuracy on CIFAR-10 over all networks of the table, from its own columns."""


def read_images(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns images of 3 x 32 x 32, normalized, and labels."""
    arrays = np.load(Path(os.environ["PLIANT_DATA"]) / "fashion_mnist_prefix.npz")
    x = torch.tensor(arrays["x_train"][:count]).float().reshape(count, 1, 28, 28)
    x = torch.nn.functional.pad((x - x.mean()) / x.std(), (2, 2, 2, 2))
    return x.repeat(1, 3, 1, 1), torch.tensor(arrays["y_train"][:count]).long()


def make_scores(x: torch.Tensor, y: torch.Tensor) -> dict[str, Callable[[Any], float]]:
    """Returns the scores by name, each on the same batch."""
    half = len(x) // 2
    halves = [(x[:half], y[:half]), (x[half:], y[half:])]
    return {
        "parameters": lambda network: float(sum(p.numel() for p in network.parameters())),
        "multiply_adds": lambda network: float(oneshot.count_multiply_adds(network, x[:1])),
        "grad_norm": lambda network: zero_cost.grad_norm(network, (x, y)),
        "snip": lambda network: zero_cost.snip(network, (x, y)),
        "jacobian_covariance": lambda network: zero_cost.jacobian_covariance(network, x),
        "synflow": lambda network: zero_cost.synflow(network, x),
        "naswot": lambda network: zero_cost.naswot(network, x),
        "zico": lambda network: zero_cost.zico(network, halves),
    }


def measure(index: int, arch: str, scores: dict[str, Callable[[Any], float]]) -> dict[str, Any]:
    """Returns the scores of one network with random initial weights, and the CPU seconds of each."""
    torch.manual_seed(index)
    network = nasbench201_network.make_network(nasbench201.from_text(arch).ops)
    network(torch.zeros(2, 3, 32, 32))  # builds it
    found: dict[str, Any] = {"index": index, "seconds": {}}
    for name, score in scores.items():
        start = time.process_time()
        found[name] = score(network)
        found["seconds"][name] = time.process_time() - start
    return found


def report(runs: list[dict[str, Any]], accuracy: np.ndarray) -> str:
    """Returns the table."""
    aim = [accuracy[run["index"]] for run in runs]
    best = sorted(range(len(runs)), key=lambda at: aim[at])[len(runs) // 2 :]
    rows = []
    for name, published in PUBLISHED.items():
        values = [run[name] for run in runs]
        rho, tau = spearmanr(values, aim).statistic, kendalltau(values, aim).statistic
        top = spearmanr([values[at] for at in best], [aim[at] for at in best]).statistic
        noise = 2 * (1 - rho**2) * (1 + rho**2 / 2) ** 0.5 / (len(runs) - 3) ** 0.5
        seconds = np.median([run["seconds"][name] for run in runs])
        rows.append(
            [name, f"{rho:.2f} ± {noise:.2f}", published, f"{tau:.2f}", f"{top:.2f}", f"{seconds * 1e3:.0f}"]
        )
    head = ["score", "Spearman", "column of the table", "Kendall", "Spearman, better half", "ms"]
    return format_table(head, rows)


def main(argv: list[str] | None = None) -> None:
    """Measures what is missing, and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("zero_cost.jsonl"))
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    table = np.load(Path(os.environ["PLIANT_DATA"]) / "nb201.npz")
    archs, accuracy = table["arch"], table["c10_test_200_mean"]
    chosen = random.Random(0).sample(range(len(archs)), options.networks)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    runs = {run["index"]: run for run in map(json.loads, lines) if run["batch"] == options.batch}
    scores = make_scores(*read_images(options.batch))
    for index in chosen:
        if index in runs:
            continue
        runs[index] = {"batch": options.batch, **measure(index, archs[index].decode(), scores)}
        with options.out.open("a") as file:
            file.write(json.dumps(runs[index]) + "\n")
        tell(f"network {index}: {sum(runs[index]['seconds'].values()):.1f} s")
    print(f"{options.networks} random networks, one batch of {options.batch} images; {describe_machine()}\n")
    print(report([runs[index] for index in chosen], accuracy))
    print("\n±: two standard errors of a rank correlation. ms: median CPU time.")


if __name__ == "__main__":
    main()
