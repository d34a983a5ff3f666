"""Shrinks a trained ResNet-20 of pytorchcv to shares of its multiply-adds, and fine-tunes each for two epochs.

`PLIANT_DATA=FOLDER python benchmarks/shrink.py --seeds 0 1 2 --shares 0.48 0.24`: Fashion-MNIST at 20x20, 7,426 images to
train, 300 to choose by, 3,000 to test.  The rows of other tools are those that were measured on the same task with these packages (one
seed); the original, trained by another run, had 85.5 % there, and 86.8 % after two more epochs.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from pytorchcv.models.resnet_cifar import resnet20_cifar10
from torch import nn

import pliant as pg
from pliant import oneshot

PUBLISHED = {
    "torch-pruning, magnitude, global": ((47.7, 86.6), (24.2, 83.0)),
    "torch-pruning, Taylor": ((48.6, 85.4), (23.1, 82.7)),
    "Model Optimizer, FastNAS": ((46.9, 86.0), (24.0, 85.1)),
    "Model Optimizer, AutoNAS": ((44.0, 83.8), (24.7, 83.4)),
}
Set = tuple[torch.Tensor, torch.Tensor]


def read_data() -> tuple[Set, Set, Set]:
    """Returns the images to train, to choose by, and to test."""
    arrays = np.load(Path(os.environ["PLIANT_DATA"]) / "fashion_mnist_prefix.npz", allow_pickle=False)

    def scale(images: np.ndarray) -> torch.Tensor:
        x = torch.tensor(images).float().unsqueeze(1) / 255
        return (nn.functional.interpolate(x, size=(20, 20), mode="area") - 0.286) / 0.32

    x, y = scale(arrays["x_train"]), torch.tensor(arrays["y_train"]).long()
    test = scale(arrays["x_test"][:3000]), torch.tensor(arrays["y_test"][:3000]).long()
    return (x[:7426], y[:7426]), (x[7426:7726], y[7426:7726]), test


def make_network() -> nn.Module:
    """Returns the ResNet-20 for images of 20x20 with one channel."""
    network = resnet20_cifar10(in_channels=1)
    network.features.final_pool = nn.AvgPool2d(5)
    return network


def train(network: nn.Module, data: Set, *, epochs: int, rate: float, seed: int) -> None:
    """Trains a network in place: SGD, one cycle of the learning rate, batches of 64."""
    x, y = data
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = epochs * (len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x), generator=draw).split(64):
            if len(batch) == 64:
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
                optimizer.step()
                schedule.step()


def judge(network: nn.Module, data: Set) -> float:
    """Returns the accuracy of a network."""
    network.eval()
    with torch.no_grad():
        right = [(network(x).argmax(1) == y).sum() for x, y in zip(*(part.split(250) for part in data))]
    return float(sum(right)) / len(data[0])


def get_base(folder: Path | None, data: Set, seed: int) -> nn.Module:
    """Returns the trained network of a seed, from a file if there is one."""
    torch.manual_seed(seed)
    network, path = make_network(), None if folder is None else folder / f"base{seed}.pt"
    if path is not None and path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network
    train(network, data, epochs=4, rate=0.1, seed=seed)
    if path is not None:
        torch.save(network.state_dict(), path)
    return network


def run(arguments: argparse.Namespace) -> None:
    """Prints a row for each seed and share, and means."""
    fit, valid, test = read_data()
    batches = list(zip(*(part[:2000].split(100) for part in fit)))
    measured: dict[str, list[tuple[float, float, float, float]]] = {}
    for seed in arguments.seeds:
        base = get_base(arguments.cache, fit, seed)
        print(f"seed {seed}: the original has {judge(base, test):.1%}", flush=True)
        if arguments.original:
            longer = copy.deepcopy(base)
            train(longer, fit, epochs=2, rate=arguments.rate, seed=100 + seed)
            print(f"  and {judge(longer, test):.1%} after two more epochs", flush=True)
        for share in arguments.shares:
            start = time.process_time()
            result = oneshot.shrink(
                base, fit[0][:1], batches, f"multiply_adds <= {share}x", valid=[valid],
                importance=getattr(oneshot, arguments.importance)(),
            )  # fmt: skip
            seconds = time.process_time() - start
            small, x = result.network, fit[0][:1]
            ratio = pg.cost.count(small, x).multiply_adds / pg.cost.count(base, x).multiply_adds
            before = judge(small, test)
            if arguments.verbose:
                print(result)
            train(small, fit, epochs=2, rate=arguments.rate, seed=100 + seed)
            after = judge(small, test)
            measured.setdefault(f"{share:g}x", []).append((ratio, before, after, seconds))
            print(
                f"  {share:g}x: {ratio:.1%} of the multiply-adds, {before:.1%} untrained, {after:.1%} after two epochs, {seconds:.1f} s",
                flush=True,
            )
    print(f"{'tool':34}{'multiply-adds':>15}{'untrained':>11}{'two epochs':>13}{'CPU s':>7}")
    for name, rows in measured.items():
        ratio, before, after, seconds = (mean(column) for column in zip(*rows))
        spread = f" +-{stdev(row[2] for row in rows):.1%}" if len(rows) > 1 else ""
        print(
            f"{'Pliant, shrink ' + name:34}{ratio:15.1%}{before:11.1%}{f'{after:.1%}{spread}':>13}{seconds:7.1f}"
        )
    for name, pairs in PUBLISHED.items():
        for share, accuracy in pairs:
            print(f"{name:34}{share / 100:15.1%}{'':11}{accuracy / 100:>13.1%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.48, 0.24])
    parser.add_argument("--rate", type=float, default=0.05, help="The learning rate of the fine-tuning.")
    parser.add_argument(
        "--importance", default="Activation", choices=["Activation", "Magnitude", "NormScale"]
    )
    parser.add_argument("--cache", type=Path, help="A folder for the trained originals.")
    parser.add_argument(
        "--original", action="store_true", help="Also trains the originals for two more epochs."
    )
    parser.add_argument("--verbose", action="store_true", help="Prints the front of each result.")
    torch.set_num_threads(1)
    run(parser.parse_args())
