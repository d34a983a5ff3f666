"""A small problem in float64, spaces of networks with every kind of decision, and a training loop."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import LayerChoice, Session, supernet

Linear, Sequential, Tanh, ReLU, Identity, BatchNorm = map(
    pg.symbolize, (nn.Linear, nn.Sequential, nn.Tanh, nn.ReLU, nn.Identity, nn.BatchNorm1d)
)


def make_space():
    """18 networks: a width, whose values are in no order, and two choices between modules."""
    width = pg.oneof([4, 2, 8], name="width")
    return Sequential(
        Linear(3, width),
        BatchNorm(width),
        pg.oneof([ReLU(), Tanh(), Identity()], name="act"),
        pg.oneof([Identity(), Sequential(Linear(width, width), Tanh())], name="op"),
        Linear(width, 2),
    )


class Conditional(nn.Module):
    """Runs an operation of the input, which may have a size of its own inside."""

    def __init__(self, op, head):
        super().__init__()
        self.op, self.head = op, head

    def forward(self, x):
        return self.head(self.op(x))


def make_conditional():
    """A choice in whose candidates there is something to decide: 3 + 2 + 1 networks."""
    hidden = [pg.oneof([2, 4, 6], name="first"), pg.oneof([3, 5], name="second")]
    blocks = [Sequential(Linear(3, h), Tanh(), Linear(h, 3)) for h in hidden]
    return pg.symbolize(Conditional)(pg.oneof([*blocks, Identity()], name="op"), Linear(3, 2))


def make_batches(count=6, size=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        x = torch.randn(size, 3, generator=generator, dtype=torch.float64)
        found.append((x, (x[:, 0] * x[:, 1] > 0).long()))
    return found


def make_net(space=None):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return supernet(make_space() if space is None else space).double()


def make_choices(counts=(3, 2)):
    """A network whose choices do nothing, so that qualities are what a test says."""
    candidates = [LayerChoice([nn.Identity() for _ in range(n)], key=f"c{i}") for i, n in enumerate(counts)]
    return supernet(nn.Sequential(*candidates, nn.Linear(3, 2))).double()


def make_session(net, sampler, *, steps=20, quality=None, valid=None, seed=0, **options):
    """Returns a session, whose quality may be a function of decisions; its batches are counted in ``session.read``."""
    batches, read = make_batches(4, seed=1), []

    def next_valid():
        read.append(len(read))
        return batches[(len(read) - 1) % len(batches)]

    def loss(network, batch):
        return nn.functional.cross_entropy(network(batch[0]), batch[1])

    def judge(network, batch):
        return float(quality(net.decisions))

    session = Session(
        net,
        sampler,
        valid=valid or next_valid,
        loss=loss,
        quality=None if quality is None else judge,
        steps=steps,
        train_batches=lambda: iter(make_batches(3, seed=7)),
        seed=seed,
        **options,
    )
    session.read = read
    return session


def train(session, steps, *, epoch=None, weights=True, seed=0):
    """Trains for some steps; an epoch ends after ``epoch`` of them.  Returns what was selected in each."""
    net, found = session.supernet, []
    batches = make_batches(8, seed=seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        batch = batches[session.done % len(batches)]
        session.begin(batch)
        found.append(net.decisions)
        if weights:
            optimizer.zero_grad()
            session.backward()
            optimizer.step()
        else:  # as a loop would that trains all networks of the step
            for _ in range(1, session.sampler.networks_per_step):
                session.begin(batch)
            session.auxiliary_loss(torch.zeros(16, 2).double())
        session.end()
        if epoch and session.done % epoch == 0:
            session.end_epoch()
    return found


@pytest.fixture
def tiny():
    """The parts that tests are made of."""
    return SimpleNamespace(
        space=make_space,
        conditional=make_conditional,
        batches=make_batches,
        net=make_net,
        choices=make_choices,
        session=make_session,
        train=train,
    )


@pytest.fixture(autouse=True)
def _own_random_numbers():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
