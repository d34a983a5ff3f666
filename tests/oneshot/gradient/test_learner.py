"""What all gradient algorithms have in common: they learn, restore exactly, follow seeds, and refuse what they cannot."""

from __future__ import annotations

import copy
import inspect
import re

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import BindError, ValueChoice, supernet
from pliant.oneshot.gradient import DARTS, GDAS, SNAS, FBNet, ProxylessNAS, learner
from pliant.values.errors import UnknownFieldError

MAKERS = {
    "DARTS": lambda **o: DARTS(**o),
    "DARTS2": lambda **o: DARTS(order=2, **o),
    "SNAS": lambda **o: SNAS(**o),
    "GDAS": lambda **o: GDAS(**o),
    "FBNet": lambda **o: FBNet(warmup=0.0, **o),
    "two": lambda **o: ProxylessNAS(warmup=0.0, every=1, **o),
    "full": lambda **o: ProxylessNAS(mode="full", warmup=0.0, every=1, **o),
}
every_one = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def snapshot(sampler, net):
    return {**sampler.architecture.state(), **{k: v.clone() for k, v in net.state_dict().items()}}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@every_one
def test_restoring_goes_on_bit_by_bit(tiny, make, tmp_path):
    net = tiny.net()
    sampler = make()
    sampler.bind(net, seed=1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    tiny.train(sampler, net, 3, total=6, optimizer=optimizer)
    torch.save(
        {"sampler": sampler.state(), "net": net.state_dict(), "opt": optimizer.state_dict()},
        tmp_path / "c.pt",
    )
    tiny.train(sampler, net, 3, start=3, total=6, optimizer=optimizer)
    expected = snapshot(sampler, net)

    saved = torch.load(tmp_path / "c.pt", weights_only=True)
    net = tiny.net(seed=9)
    net.load_state_dict(saved["net"])
    again = make()
    again.bind(net, seed=2)
    again.restore(saved["sampler"])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    optimizer.load_state_dict(saved["opt"])
    tiny.train(again, net, 3, start=3, total=6, optimizer=optimizer)
    assert_same(snapshot(again, net), expected)
    assert again.metrics() == sampler.metrics()


def test_a_state_is_a_copy(tiny):
    net = tiny.net()
    sampler = DARTS()
    sampler.bind(net)
    tiny.train(sampler, net, 1)
    state = sampler.state()
    kept = copy.deepcopy(state)
    tiny.train(sampler, net, 2)
    assert torch.equal(state["own"]["parameters"]["a"], kept["own"]["parameters"]["a"])
    first = state["own"]["optimizer"]["state"][0]
    assert torch.equal(first["exp_avg"], kept["own"]["optimizer"]["state"][0]["exp_avg"])


@every_one
def test_seeds(tiny, make):
    def run(seed):
        net = tiny.net()
        sampler = make()
        sampler.bind(net, seed=seed)
        tiny.train(sampler, net, 3)
        return torch.cat(list(sampler.architecture.state().values()))

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


@every_one
def test_no_global_random_numbers_are_drawn(tiny, make):
    net = tiny.net()
    sampler = make()
    before = torch.get_rng_state()
    sampler.bind(net)
    tiny.train(sampler, net, 2)
    assert torch.equal(before, torch.get_rng_state())


class Noise(nn.Module):
    def forward(self, x):
        return 3 * x.detach().roll(1, 0)  # those of another example, loud


@every_one
def test_it_finds_the_candidate_that_learns(tiny, make):
    """Of two choices, in each only one candidate shows an example its own features."""
    net = tiny.net(("a", "b"), lambda: [Noise(), nn.Linear(4, 4), Noise()])
    sampler = make(learning_rate=0.1)
    sampler.bind(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)
    for i in range(80):
        batches = []
        for _ in range(2):
            x = torch.randn(24, 3, generator=generator, dtype=torch.float64)
            batches.append((x, (x[:, 0] > 0).long()))
        step = tiny.step(net, train=batches[0], valid=batches[1], optimizer=optimizer, progress=i / 80)
        sampler.before_weights(step)
        optimizer.zero_grad()
        step.loss(step.batch).backward()
        optimizer.step()
        sampler.after_weights(step)
    assert sampler.decisions().values == (1, 1)
    assert sampler.metrics()["entropy"] < 1.05


@every_one
def test_decisions_are_those_of_the_concrete_network(make):
    sequential, linear, relu, tanh = map(pg.symbolize, (nn.Sequential, nn.Linear, nn.ReLU, nn.Tanh))
    net = supernet(
        sequential(
            linear(3, 4), pg.oneof([relu(), tanh()]), pg.oneof([linear(4, 2), sequential(linear(4, 2))])
        )
    )
    sampler = make()
    sampler.bind(net)
    x = torch.randn(5, 3)
    sampler.relax()
    assert net(x).shape == (5, 2)
    child = net.materialize(sampler.decisions())
    net.activate(sampler.decisions())
    torch.testing.assert_close(child(x), net(x))


@every_one
def test_what_it_cannot_decide_is_refused(make):
    sequential, linear = map(pg.symbolize, (nn.Sequential, nn.Linear))
    name = type(make()).__name__
    with pytest.raises(
        ValueError,
        match=rf"{name} cannot decide a number in a range at '.*'.*TuNAS",
    ):
        make().bind(supernet(sequential(linear(3, pg.intv(4, 8)))))


@every_one
def test_choices_between_values_are_refused(make):
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = ValueChoice([0.1, 0.5], key="p")

        def forward(self, x):
            return nn.functional.dropout(x, self.p())

    with pytest.raises(ValueError, match="cannot decide a choice between values at 'p'"):
        make().bind(supernet(Dropped()))


@every_one
def test_it_is_bound_once(tiny, make):
    sampler = make()
    with pytest.raises(BindError, match="is not bound to a super-network"):
        sampler.decisions()
    sampler.bind(tiny.net())
    with pytest.raises(BindError, match="is bound to another super-network"):
        sampler.bind(tiny.net())


@pytest.mark.parametrize(
    "make", [m for n, m in MAKERS.items() if n != "SNAS"], ids=[n for n in MAKERS if n != "SNAS"]
)
def test_a_loss_that_is_no_number_is_refused(tiny, make):
    net = tiny.net()
    sampler = make()
    sampler.bind(net)
    before = sampler.architecture.state()
    step = tiny.step(net, valid=(torch.full((4, 3), torch.nan).double(), torch.zeros(4).long()))
    if not isinstance(sampler, DARTS):
        sampler.before_weights(step)
    learn = sampler.before_weights if isinstance(sampler, DARTS) else sampler.after_weights
    with pytest.raises(ValueError, match="the loss on a validation batch is nan"):
        learn(step)
    assert_same(before, sampler.architecture.state())
    assert not any(w.requires_grad for w in net.selection.weights.values())


def test_float32_networks(tiny):
    for make in MAKERS.values():
        net = tiny.net().float()
        sampler = make()
        sampler.bind(net)
        batch = torch.randn(6, 3), torch.zeros(6).long()
        step = tiny.step(net, train=batch, valid=batch)
        sampler.before_weights(step)
        step.loss(step.batch).backward()
        sampler.after_weights(step)
        assert all(v.dtype is torch.float64 for v in sampler.architecture.parameters.values())


def test_gradients_are_averaged_over_processes(tiny, monkeypatch):
    """Two processes, of which the other has a gradient three times ours."""
    found = []
    for distributed in (False, True):
        if distributed:
            monkeypatch.setattr(learner.torch.distributed, "is_initialized", lambda: True)
            monkeypatch.setattr(learner.torch.distributed, "get_world_size", lambda: 2)
            monkeypatch.setattr(learner.torch.distributed, "get_backend", lambda: "gloo")
            monkeypatch.setattr(learner.torch.distributed, "all_reduce", lambda t: t.mul_(4))
        net = tiny.net()
        sampler = DARTS(weight_decay=0.0)
        sampler.bind(net)
        read = tiny.plain(sampler)
        sampler.before_weights(tiny.step(net))
        found.append(read()["a"])
    torch.testing.assert_close(found[1], 2 * found[0])


SHARED = {
    "learning_rate",
    "betas",
    "weight_decay",
    "init_scale",
    "warmup",
    "penalty",
    "derivation",
    "skip_limit",
}


@pytest.mark.parametrize(
    ("cls", "own", "rates"),
    [
        (DARTS, ["every", "checkpoint", "order", "epsilon"], (3e-4, (0.5, 0.999), 1e-3, 0.0)),
        (SNAS, ["checkpoint", "start", "end"], (3e-4, (0.5, 0.999), 1e-3, 0.0)),
        (GDAS, ["every", "start", "end"], (3e-4, (0.5, 0.999), 1e-3, 0.0)),
        (FBNet, ["every", "checkpoint", "start", "decay"], (0.01, (0.9, 0.999), 5e-4, 10 / 90)),
        (ProxylessNAS, ["every", "mode"], (1e-3, (0.0, 0.999), 0.0, 0.25)),
    ],
)
def test_a_signature_shows_all_options_with_the_defaults_of_the_method(cls, own, rates):
    found = inspect.signature(cls).parameters
    assert set(found) == SHARED | set(own)
    assert {p.kind for p in found.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert tuple(found[n].default for n in ("learning_rate", "betas", "weight_decay", "warmup")) == rates
    made = cls()
    assert all(getattr(made, name) == p.default for name, p in found.items())
    assert made != cls()  # each is about its own super-network


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DARTS(learning_rte=0.1),
            "DARTS has no option 'learning_rte'; did you mean 'learning_rate'?",
        ),
        (lambda: GDAS(checkpoint=True), "GDAS has no option 'checkpoint'. Its options: 'learning_rate', "),
        (lambda: SNAS(every=2), "SNAS has no option 'every'. Its options: "),
        (lambda: ProxylessNAS(checkpoint=True), "ProxylessNAS has no option 'checkpoint'"),
    ],
)
def test_an_option_that_is_not_there(make, message):
    with pytest.raises(UnknownFieldError, match=re.escape(message)):
        make()


@every_one
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": -1.0}, r"\(learning_rate=...\) takes a finite number of at least 0"),
        ({"betas": (0.5, 1.0)}, r"\(betas\[1\]=...\) takes a finite number of at least 0 and below 1"),
        ({"init_scale": "small"}, r"\(init_scale=...\) takes a finite number of at least 0; got 'small'"),
        ({"skip_limit": 0}, r"\(skip_limit=...\) takes an integer of at least 1; got 0"),
        (
            {"penalty": 3.0},
            r"\(penalty=...\) takes AddedCost\(cost\), LogCost\(cost\) or another Penalty; got 3.0 of type float",
        ),
    ],
)
def test_bad_options(make, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make(**options)
