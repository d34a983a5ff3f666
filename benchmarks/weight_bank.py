"""What a transfer of weights costs, beside the data frame of the walk-through that the weight bank is from.

``python benchmarks/weight_bank.py`` prints, for 100 to 100,000 stored pairs of layers, the CPU time in milliseconds to fetch the weights of a
network of five layers before its training, and to store them after it.  The data frame is searched as
printed, row by row; ``DataFrame.append``, which newer pandas lacks, is ``concat``.  The walk-through's repository writes the whole
frame to disk after each network; the last columns have that beside a bank in a folder.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pandas as pd
import torch
from torch import nn

from pliant.oneshot import WeightBank

ACTIVATIONS = (nn.Sigmoid, nn.Tanh, nn.ReLU, nn.ELU)
WORDS = list(itertools.product(range(4, 84), ACTIVATIONS))  # 320 words, so 102,400 pairs


def make_network(words: list[tuple[int, type[nn.Module]]]) -> nn.Sequential:
    """Returns a network of hidden layers, each a pair of units and activation."""
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = 8
    for units, activation in words:
        layers += [nn.Linear(inputs, units), activation()]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, 3))


def networks(count: int) -> Iterator[nn.Sequential]:
    """Yields deep networks that have ``count`` pairs of hidden layers together, each pair once."""
    for stride in range(1, len(WORDS)):
        for first in range(math.gcd(stride, len(WORDS))):
            length = min(count, len(WORDS) // math.gcd(stride, len(WORDS)))
            yield make_network([WORDS[(first + stride * at) % len(WORDS)] for at in range(length + 1)])
            count -= length
            if not count:
                return


class Frame:
    """The walk-through's design, for PyTorch."""

    def __init__(self, file: str) -> None:
        self.weights_file = file
        self.shared_weights = pd.DataFrame({"bigram_id": [], "weights": []}, dtype=object)

    def fill(self, pairs: list[tuple[Any, list[Any]]]) -> None:
        columns = {"bigram_id": [pair for pair, _ in pairs], "weights": [weights for _, weights in pairs]}
        self.shared_weights = pd.DataFrame(
            {name: pd.Series(values, dtype=object) for name, values in columns.items()}
        )

    def layers(self, model: nn.Sequential) -> list[tuple[Any, nn.Module]]:
        """Returns the bigram of each layer with weights."""
        configs: list[Any] = ["input"]
        found: list[nn.Module] = []
        for layer in model:
            if isinstance(layer, nn.Flatten):
                configs.append("flatten")
                found.append(layer)
            elif isinstance(layer, nn.Linear):
                configs.append((layer.out_features, "linear"))
                found.append(layer)
            elif not isinstance(layer, nn.Dropout):
                configs[-1] = (configs[-1][0], type(layer).__name__)
        return [((configs[i], configs[i + 1]), layer) for i, layer in enumerate(found)]

    def search(self, config: Any) -> list[int]:
        bigram_ids = self.shared_weights["bigram_id"].values
        search_index = []
        for i in range(len(bigram_ids)):
            if config == bigram_ids[i]:
                search_index.append(i)
        return search_index

    def load_into(self, model: nn.Sequential) -> None:
        for config, layer in self.layers(model):
            search_index = self.search(config)
            if len(search_index) > 0:
                with torch.no_grad():
                    for target, source in zip(
                        layer.parameters(),
                        self.shared_weights["weights"].values[search_index[0]],
                        strict=True,
                    ):
                        target.copy_(torch.from_numpy(source))

    def store(self, model: nn.Sequential) -> None:
        for config, layer in self.layers(model):
            weights = [one.detach().numpy().copy() for one in layer.parameters()]
            search_index = self.search(config)
            if len(search_index) == 0:
                row = pd.DataFrame(
                    {"bigram_id": pd.Series([config]), "weights": pd.Series([weights])}, dtype=object
                )
                self.shared_weights = pd.concat([self.shared_weights, row], ignore_index=True)
            else:
                self.shared_weights.at[search_index[0], "weights"] = weights

    def write(self) -> None:
        self.shared_weights.to_pickle(self.weights_file)


def measure(action: Callable[[nn.Sequential], object], models: list[nn.Sequential], rounds: int = 5) -> float:
    """Returns the CPU time of an action, in seconds: for each model the shortest of some rounds, and their median."""
    times = []
    for model in models:
        best = math.inf
        for _ in range(rounds):
            start = time.thread_time()
            action(model)
            best = min(best, time.thread_time() - start)
        times.append(best)
    return median(times)


def compare(count: int, folder: str) -> str:
    """Returns a row of the table."""
    frame, memory, disk = Frame(f"{folder}/frame.pkl"), WeightBank(), WeightBank(f"{folder}/bank{count}")
    pairs: dict[Any, list[Any]] = {}
    for model in networks(count):
        memory.store(model)
        disk.store(model)
        for pair, layer in frame.layers(model):
            pairs.setdefault(pair, [one.detach().numpy() for one in layer.parameters()])
    frame.fill(list(pairs.items()))
    models = [make_network(WORDS[first : first + 4]) for first in range(0, 90, 9)]

    def write(model: nn.Sequential) -> None:
        frame.store(model)
        frame.write()

    for one in (frame, memory, disk):
        measure(one.store, models, 1)  # so that all of their pairs can be fetched
    fetch = [measure(one.load_into, models) for one in (frame, memory, disk)]
    store = [measure(one.store, models) for one in (frame, memory)]
    durable = [measure(write, models[:2], 2), measure(disk.store, models)]
    cells = [f"{len(disk):,}"]
    cells += [f"{one * 1e3:.3g}" for one in fetch] + [
        f"{fetch[0] / fetch[1]:.0f}",
        f"{fetch[0] / fetch[2]:.0f}",
    ]
    cells += [f"{one * 1e3:.3g}" for one in store] + [f"{store[0] / store[1]:.0f}"]
    cells += [f"{one * 1e3:.3g}" for one in durable] + [f"{durable[0] / durable[1]:.0f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000])
    options = parser.parse_args()
    torch.set_num_threads(1)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(
        f"{platform.machine()}, {os.cpu_count()} cores{load}, Python {platform.python_version()}, pandas {pd.__version__}, "
        f"torch {torch.__version__}\n"
    )
    heads = [
        "pairs",
        "fetch: frame",
        "bank in memory",
        "bank in a folder",
        "frame / memory",
        "frame / folder",
    ]
    heads += ["store: frame", "bank in memory", "ratio", "store on disk: frame", "bank", "ratio"]
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    with tempfile.TemporaryDirectory() as folder:
        for count in options.counts:
            print(compare(count, folder), flush=True)


if __name__ == "__main__":
    main()
