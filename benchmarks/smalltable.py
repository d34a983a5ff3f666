"""The table of the small space: every network trained alone, all of them at once.

The weights of all 729 networks are stacked, and every step of the optimizer is one batched step; no network sees
another.  So a table takes two minutes.  ``check_alone`` trains some of them one by one, as users do, and compares.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from smallnet import EDGES, OPERATIONS, Batch, Batches, build, name_of
from torch import Tensor, nn

from pliant.oneshot import train_alone

EPOCHS, BATCH, RATE = 20, 50, 0.05
LAYER = OPERATIONS.index("layer")
SKIP = OPERATIONS.index("skip")
NAMES = [name_of(choices) for choices in itertools.product(range(len(OPERATIONS)), repeat=len(EDGES))]


def cosine(progress: float) -> float:
    """Returns the learning rate's factor."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def make_optimizer(weights: list[Any]) -> torch.optim.Optimizer:
    """Returns the optimizer of the weights: of the table, and of the super-network."""
    return torch.optim.SGD(weights, lr=RATE, momentum=0.9, weight_decay=3e-4)


class Norms:
    """Batch normalization of many networks at once."""

    def __init__(self, layers: list[nn.Module]) -> None:
        self.weight, self.bias = (
            stack(layers, name).unsqueeze(1).requires_grad_() for name in ("weight", "bias")
        )
        self.mean, self.var = torch.zeros_like(self.weight), torch.ones_like(self.weight)

    def __call__(self, x: Tensor, *, training: bool) -> Tensor:
        mean, var = self.mean, self.var
        if training:
            var, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
            with torch.no_grad():
                self.mean.lerp_(mean, 0.1)
                self.var.lerp_(var * (x.shape[1] / (x.shape[1] - 1)), 0.1)
        return (x - mean) * torch.rsqrt(var + 1e-5) * self.weight + self.bias


class Stacked:
    """Networks side by side: a forward pass takes one batch through all of them."""

    def __init__(self, names: list[str], seed: int) -> None:
        networks = []
        for name in names:
            torch.manual_seed(seed)
            networks.append(build([int(digit) for digit in name]))
        self.count = len(names)
        self.stem = stack([n.stem for n in networks], "weight").mT.clone().requires_grad_()
        self.stem_norm = Norms([n.stem_norm for n in networks])
        self.norm = Norms([n.norm for n in networks])
        self.matrix = stack([n.classifier for n in networks], "weight").mT.clone().requires_grad_()
        self.bias = stack([n.classifier for n in networks], "bias").unsqueeze(1).requires_grad_()
        self.skips, self.layers, self.weights, self.norms = [], [], [], []
        for edge in range(len(EDGES)):
            having = [i for i, name in enumerate(names) if int(name[edge]) == LAYER]
            self.skips.append(
                torch.tensor([i for i, name in enumerate(names) if int(name[edge]) == SKIP], dtype=torch.long)
            )
            self.layers.append(torch.tensor(having, dtype=torch.long))
            found: list[Any] = [networks[i].edges[edge] for i in having]
            self.weights.append(
                stack([layer.linear for layer in found], "weight").mT.clone().requires_grad_()
            )
            self.norms.append(Norms([layer.norm for layer in found]))

    def parameters(self) -> list[Tensor]:
        """Returns all weights."""
        norms = [self.stem_norm, self.norm, *self.norms]
        return [
            self.stem,
            self.matrix,
            self.bias,
            *self.weights,
            *(t for n in norms for t in (n.weight, n.bias)),
        ]

    def __call__(self, x: Tensor, *, training: bool) -> Tensor:
        first = self.stem_norm(x @ self.stem, training=training)
        nodes = [first, *(torch.zeros_like(first) for _ in range(3))]
        for edge, (start, end) in enumerate(EDGES):
            source = nodes[start]
            kept, chosen = self.skips[edge], self.layers[edge]
            moved = torch.bmm(source[chosen].relu(), self.weights[edge])
            moved = self.norms[edge](moved, training=training)
            nodes[end] = nodes[end].index_add(0, kept, source[kept]).index_add(0, chosen, moved)
        return torch.baddbmm(self.bias, self.norm(nodes[3], training=training), self.matrix)


def stack(layers: list[Any], name: str) -> Tensor:
    """Returns one tensor of several layers, stacked."""
    return torch.stack([getattr(layer, name).detach() for layer in layers])


def train_all(names: list[str], train: Batch, test: Batch, *, seed: int) -> list[float]:
    """Returns the test accuracy of each network after training alone."""
    networks = Stacked(names, seed)
    optimizer = make_optimizer(networks.parameters())
    batches = Batches(*train, size=BATCH, seed=seed)
    for epoch in range(EPOCHS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * cosine(epoch / EPOCHS)
        for images, labels in batches:
            optimizer.zero_grad()
            outputs = networks(images, training=True).flatten(0, 1)
            loss = nn.functional.cross_entropy(outputs, labels.repeat(len(names)), reduction="sum") / len(
                images
            )
            torch.autograd.backward(loss)
            optimizer.step()
    with torch.no_grad():
        found = networks(test[0], training=False).argmax(-1) == test[1]
    return found.float().mean(1).tolist()


def check_alone(names: list[str], train: Batch, test: Batch, *, seed: int) -> list[float]:
    """Returns the same, of networks that are trained one by one by ``train_alone``."""
    accuracies = []
    for name in names:
        torch.manual_seed(seed)
        network = build([int(digit) for digit in name])
        train_alone(
            network,
            Batches(*train, size=BATCH, seed=seed),
            epochs=EPOCHS,
            loss=lambda net, batch: nn.functional.cross_entropy(net(batch[0]), batch[1]),
            optimizer=make_optimizer,
            schedule=cosine,
            seed=seed,
        )
        network.eval()
        with torch.no_grad():
            accuracies.append(float((network(test[0]).argmax(-1) == test[1]).float().mean()))
    return accuracies
