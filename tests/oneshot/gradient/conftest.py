"""Small super-networks in float64, and the loop's side of a step, for all tests of gradient algorithms."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pliant.oneshot import LayerChoice, Step, supernet


class Zero(nn.Module):
    def forward(self, x):
        return x * 0.0


class Count(nn.Module):
    """Wraps a module and counts its runs."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.runs = inner, 0

    def forward(self, x):
        self.runs += 1
        return self.inner(x)


class Classifier(nn.Module):
    """A stem, choices one after another with BatchNorm before each, a head."""

    def __init__(self, choices):
        super().__init__()
        self.stem = nn.Linear(3, 4)
        self.choices = nn.ModuleList(choices)
        self.norms = nn.ModuleList(nn.BatchNorm1d(4) for _ in choices)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.stem(x)
        for choice, norm in zip(self.choices, self.norms):
            x = choice(norm(x)) + x
        return self.head(x)


def make_candidates():
    return [Zero(), nn.Linear(4, 4), nn.Identity(), nn.Sequential(nn.Linear(4, 4), nn.Tanh())]


def make_net(keys=("a", "b"), candidates=make_candidates, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return supernet(Classifier([LayerChoice(candidates(), key=key) for key in keys])).double()


def make_batches(count, size=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(size, 3, generator=generator, dtype=torch.float64),
            torch.randint(2, (size,), generator=generator),
        )
        for _ in range(count)
    ]


def make_step(net, *, train=None, valid=None, optimizer=None, rate=0.1, epoch=0, progress=0.5, loss=None):
    """Returns a step of a loop on ``net``."""

    def cross_entropy(batch):
        return nn.functional.cross_entropy(net(batch[0]), batch[1])

    return Step(
        batch=make_batches(1, seed=1)[0] if train is None else train,
        next_valid=lambda: make_batches(1, seed=2)[0] if valid is None else valid,
        loss=cross_entropy if loss is None else loss,
        quality=lambda batch: -float(cross_entropy(batch).detach()),
        weights=list(net.parameters()),
        learning_rate=rate,
        epoch=epoch,
        progress=progress,
        train_batches=lambda: iter(make_batches(2)),
        weight_optimizer=optimizer,
    )


def descend_plainly(sampler):
    """Lets the parameters step by their gradient itself, instead of by Adam; returns a function that reads the gradient."""
    vectors = sampler.architecture.parameters
    before = {key: vector.detach().clone() for key, vector in vectors.items()}
    sampler._optimizer = torch.optim.SGD(list(vectors.values()), lr=1.0)
    return lambda: {key: before[key] - vector.detach() for key, vector in vectors.items()}


def train_steps(sampler, net, count, *, seed=0, start=0, total=None, optimizer=None):
    """Trains weights and parameters for some steps, as a loop does."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1) if optimizer is None else optimizer
    batches = make_batches(2 * (start + count), seed=seed)
    for i in range(start, start + count):
        step = make_step(
            net,
            train=batches[2 * i],
            valid=batches[2 * i + 1],
            optimizer=optimizer,
            progress=i / (total or count),
        )
        sampler.before_weights(step)
        optimizer.zero_grad()
        step.loss(step.batch).backward()
        optimizer.step()
        sampler.after_weights(step)
    return optimizer


@pytest.fixture
def tiny():
    """The parts that tests are made of."""
    return SimpleNamespace(
        Zero=Zero,
        Count=Count,
        candidates=make_candidates,
        net=make_net,
        batches=make_batches,
        step=make_step,
        plain=descend_plainly,
        train=train_steps,
    )


@pytest.fixture(autouse=True)
def _own_random_numbers():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
