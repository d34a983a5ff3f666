"""Networks of a super-network without weights, such as skips alone: training continues, and errors are found."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    DARTS,
    ENAS,
    GAEA,
    GDAS,
    PCDARTS,
    SNAS,
    SPOS,
    BetaDARTS,
    DrNAS,
    FairNAS,
    FBNet,
    InputChoice,
    LayerChoice,
    Perturbation,
    Phase,
    ProgressiveShrinking,
    ProxylessNAS,
    Sandwich,
    Session,
    Trainer,
    TuNAS,
    supernet,
)
from pliant.values.errors import FieldValueError

from .conftest import Identity, Linear, Sequential, Tanh, loader

PHASES = [Phase(1, {}), Phase(1, {"*": None}, networks=2)]
SAMPLERS = {
    "SPOS": lambda: SPOS(evaluations=2, batches=1),
    "TuNAS": TuNAS,
    "ENAS": ENAS,
    "ProgressiveShrinking": lambda: ProgressiveShrinking(PHASES, evaluations=2, batches=1),
    "FairNAS": lambda: FairNAS(evaluations=2, batches=1),
    "Sandwich": lambda: Sandwich(evaluations=2, batches=1),
    "GAEA": GAEA,
    "DrNAS": DrNAS,
    "BetaDARTS": BetaDARTS,
    "PCDARTS": PCDARTS,
    "Perturbation": lambda: Perturbation(DARTS(), tuning=2),
    "DARTS": DARTS,
    "SNAS": SNAS,
    "GDAS": GDAS,
    "FBNet": FBNet,
    "ProxylessNAS": ProxylessNAS,
}
DETACHED = "the loss has no gradients"


def loss_of(network, batch):
    return nn.functional.cross_entropy(network(batch[0]), batch[1])


def make_space():
    """4 networks, of which one has no weights."""
    return Sequential(pg.oneof([Linear(4, 4), Identity()]), pg.oneof([Linear(4, 4), Tanh()]))


class Written(nn.Module):
    """Its weights run always, and what they return is used when it is chosen."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.op = LayerChoice([nn.Tanh(), nn.Identity()], key="op")
        self.pick = InputChoice(2, 1, key="pick")

    def forward(self, x):
        return self.pick([self.layer(x), self.op(x)])


def begin(space, decisions, *, loss=loss_of, sampler=None):
    """Returns a session whose step trains the network of some decisions."""
    net = supernet(space)
    batch = next(iter(loader(shuffle=False)))
    session = Session(net, sampler or SPOS(evaluations=2, batches=1), valid=lambda: batch, loss=loss, steps=9)
    session.begin(batch)
    net.activate(decisions)
    return session


def has_gradients(session):
    return any(weight.grad is not None for weight in session.supernet.parameters())


@pytest.mark.parametrize("autocast", [None, torch.float16])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_goes_on(name, autocast):
    seen = set()

    def loss(network, batch):
        found = loss_of(network, batch)
        seen.add(found.requires_grad)
        return found

    report = Trainer(
        make_space(),
        SAMPLERS[name](),
        loader(),
        loader(seed=1),
        epochs=4,
        clip=1.0,
        loss=loss,
        autocast=autocast,
    ).fit()
    assert report.quality == report.quality
    if name in ("SPOS", "TuNAS", "ENAS", "GDAS", "ProxylessNAS"):
        assert False in seen  # one such network was trained at least


def test_such_a_step_is_left_out():
    session = begin(make_space(), [1, 1])
    assert session.backward() == pytest.approx(float(session.loss(session.step.batch)))
    assert not has_gradients(session)
    session.supernet.activate([1, 0])
    session.backward()
    assert has_gradients(session)


def test_a_choice_that_passes_all_weights_by():
    session = begin(Written(), {"op": 0, "pick": 1})
    session.backward()
    assert not has_gradients(session)


@pytest.mark.parametrize(
    ("space", "decisions"),
    [(make_space, [1, 0]), (make_space, [0, 1]), (Written, {"op": 0, "pick": 0})],
)
def test_a_detached_loss_of_weights_is_refused(space, decisions):
    session = begin(space(), decisions, loss=lambda n, b: loss_of(n, b).detach())
    with pytest.raises(FieldValueError, match=DETACHED):
        session.backward()


@pytest.mark.parametrize("detached", ["inside", "no_grad"])
def test_a_network_that_is_run_without_gradients_is_refused(detached):
    def loss(network, batch):
        with torch.no_grad():
            return loss_of(network, batch)

    Detach = pg.symbolize(type("Detach", (nn.Module,), {"forward": lambda self, x: x.detach()}))
    inside = Sequential(*([make_space()] + ([Detach()] if detached == "inside" else [])))
    session = begin(inside, [0, 0], loss=loss_of if detached == "inside" else loss)
    with pytest.raises(FieldValueError, match=DETACHED):
        session.backward()


@pytest.mark.parametrize("name", ["DARTS", "GDAS", "ProxylessNAS"])
def test_a_detached_loss_of_a_mixture_is_refused(name):
    batch = next(iter(loader(shuffle=False)))
    session = Session(
        supernet(make_space()),
        SAMPLERS[name](),
        valid=lambda: batch,
        loss=lambda n, b: loss_of(n, b).detach(),
        steps=99,
    )

    def train():
        for _ in range(20):  # a single path may have no weights
            session.begin(batch)
            session.backward()

    with pytest.raises(FieldValueError, match=DETACHED):
        train()


def test_weights_that_are_all_frozen_are_refused():
    session = begin(make_space(), [0, 0])
    session.supernet.requires_grad_(False)
    session.begin(session.step.batch)
    with pytest.raises(FieldValueError, match=DETACHED):
        session.backward()


def test_the_sizes_of_a_layer_are_weights():
    width = pg.oneof([4, 8], name="width")
    space = Sequential(pg.oneof([Sequential(Linear(4, width), Linear(width, 4)), Identity()]))
    session = begin(space, {"width": 1, "args[0]": 0}, loss=lambda n, b: loss_of(n, b).detach())
    with pytest.raises(FieldValueError, match=DETACHED):
        session.backward()
    session = begin(space, [1])
    session.backward()
    assert not has_gradients(session)
