"""The small space: 3^6 networks, a cell of 6 edges that each drop, keep or transform; and its task.  Searches nothing.

A network is a linear layer, one cell of 4 nodes, and a linear classifier.  As in NAS-Bench-201 every node adds up what
comes in over the edges from all earlier nodes.  An edge is nothing, the identity, or ReLU, linear layer and
normalization.  Some networks do not join input and output at all, and some are linear.

The task: two images of scikit-learn's digits, is the sum of the two odd?  Telling a digit is too easy, its accuracy hardly
depends on the architecture (0.945 to 0.970 for all that are joined, most of it chance); this one is out of a linear
network's reach, and two trainings of one network agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import pliant as pg

WIDTH = 12
PAIRS = 1200  # in each part of the data
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
OPERATIONS = ("none", "skip", "layer")
Batch = tuple[Tensor, Tensor]


class Zero(nn.Module):
    """Nothing goes over this edge."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


class Layer(nn.Module):
    """ReLU, linear layer, normalization."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(x.relu()))  # type: ignore[no-any-return]


class Network(nn.Module):
    """The whole network, around its 6 edges."""

    def __init__(self, edges: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Linear(128, WIDTH, bias=False), nn.BatchNorm1d(WIDTH)
        self.edges = nn.ModuleList(edges)
        self.norm, self.classifier = nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Any] = [self.stem_norm(self.stem(x)), 0.0, 0.0, 0.0]
        for (start, end), edge in zip(EDGES, self.edges):
            nodes[end] = nodes[end] + edge(nodes[start])
        return self.classifier(self.norm(nodes[3]))  # type: ignore[no-any-return]


def make_space() -> Any:
    """Returns the space as a symbolic program."""
    network, zero, layer, identity = map(pg.symbolize, (Network, Zero, Layer, nn.Identity))
    return network([pg.oneof([zero(), identity(), layer(WIDTH)]) for _ in EDGES])


def build(choices: Sequence[int]) -> Network:
    """Returns one network as plain PyTorch."""
    return Network([(Zero, nn.Identity, lambda: Layer(WIDTH))[choice]() for choice in choices])


def name_of(choices: Sequence[int]) -> str:
    """Returns how a network is called in the table: ``022101``."""
    return "".join(map(str, choices))


class Batches:
    """Batches of images, shuffled in each epoch by a generator of their own."""

    def __init__(self, images: Tensor, labels: Tensor, *, size: int, seed: int) -> None:
        self.images, self.labels, self.size, self.seed, self.passes = images, labels, size, seed, 0

    def __len__(self) -> int:
        return len(self.images) // self.size

    def __iter__(self) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.passes)
        self.passes += 1
        order = torch.randperm(len(self.images), generator=generator)
        for start in range(0, len(self) * self.size, self.size):
            chosen = order[start : start + self.size]
            yield self.images[chosen], self.labels[chosen]


def load() -> tuple[Batch, Batch, Batch]:
    """Returns pairs of digits: to train weights, to judge architectures, to score the result; no image is in two of them."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(digits.data, dtype=torch.float32)[order] / 16.0 - 0.3
    labels = torch.tensor(digits.target, dtype=torch.long)[order]
    return tuple(_pair(images[part::3], labels[part::3], seed=part) for part in range(3))  # type: ignore[return-value]


def _pair(images: Tensor, labels: Tensor, *, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.randint(0, len(images), (2, PAIRS), generator=generator)
    return torch.cat([images[left], images[right]], dim=1), (labels[left] + labels[right]) % 2
