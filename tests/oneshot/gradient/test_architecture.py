"""Architecture parameters: tied keys, metrics, and that collapse is seen."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import InputChoice, supernet
from pliant.oneshot.gradient import DARTS, GDAS, SNAS
from pliant.oneshot.gradient.runners import is_skip, is_zero


def bind(net, sampler=None):
    sampler = DARTS() if sampler is None else sampler
    sampler.bind(net)
    return sampler


def put(sampler, **rows):
    with torch.no_grad():
        for key, row in rows.items():
            sampler.architecture.parameters[key].copy_(torch.tensor(row, dtype=torch.float64))


def test_equal_keys_have_one_vector(tiny):
    """In a peer, layers of one label did not share their parameters."""
    sampler = bind(tiny.net(("a", "b", "a")))
    assert list(sampler.architecture.parameters) == ["a", "b"]
    assert len(sampler.decisions()) == 2


def test_the_parameters_are_no_weights_of_the_network(tiny):
    net = tiny.net()
    names = set(net.state_dict())
    sampler = bind(net)
    assert set(net.state_dict()) == names
    mine = {id(v) for v in sampler.architecture.parameters.values()}
    assert not mine & {id(p) for p in net.parameters()}


def test_metrics_of_a_start(tiny):
    found = bind(tiny.net(), DARTS(init_scale=0.0)).metrics()
    assert found["entropy"] == pytest.approx(log(4))
    assert found["leading"] == found["skip_share"] == found["zero_share"] == pytest.approx(0.25)
    assert found["gap"] == pytest.approx(0.0)


def test_metrics_of_a_collapse(tiny):
    sampler = bind(tiny.net())
    put(sampler, a=[0.0, 0.0, 20.0, 0.0], b=[20.0, 0.0, 0.0, 0.0])
    found = sampler.metrics()
    assert found["skips"] == 1.0
    assert found["zeros"] == 1.0
    assert found["skip_share"] == pytest.approx(0.5)
    assert found["gap"] == pytest.approx(1.0)
    assert found["entropy"] == pytest.approx(0.0, abs=1e-6)
    put(sampler, b=[0.0, 0.0, 20.0, 0.0])
    assert sampler.metrics()["skips"] == 2.0


def test_what_is_not_on_the_leading_path_is_not_counted():
    sequential, identity, relu = map(pg.symbolize, (nn.Sequential, nn.Identity, nn.ReLU))
    net = supernet(sequential(pg.oneof([relu(), sequential(pg.oneof([relu(), identity()]))])))
    sampler = bind(net)
    outer, below = sampler.architecture.parameters
    put(sampler, **{outer: [5.0, 0.0], below: [0.0, 5.0]})
    assert sampler.metrics()["skips"] == 0.0
    assert len(sampler.decisions()) == 1
    put(sampler, **{outer: [0.0, 5.0]})
    assert sampler.metrics()["skips"] == 1.0


def test_learning_stops_at_the_limit_of_skips(tiny):
    net = tiny.net()
    sampler = bind(net, DARTS(skip_limit=2))
    step = tiny.step(net)
    put(sampler, a=[0.0, 0.0, 3.0, 0.0], b=[0.0, 1.0, 0.0, 0.0])
    sampler.end_epoch(step)
    before = sampler.architecture.state()
    sampler.before_weights(step)
    assert not torch.equal(before["a"], sampler.architecture.parameters["a"])
    assert sampler.metrics()["frozen"] == 0.0
    put(sampler, b=[0.0, 0.0, 3.0, 0.0])
    sampler.end_epoch(step)
    before = sampler.architecture.state()
    sampler.before_weights(step)
    assert torch.equal(before["a"], sampler.architecture.parameters["a"])
    assert sampler.metrics()["frozen"] == 1.0


def test_what_counts_as_a_skip_or_a_zero(tiny):
    class FactorizedReduce(nn.Linear):
        pass

    class Mine(nn.Module):
        is_skip = True

    assert is_zero(tiny.Zero())
    assert is_zero(pg.symbolize(tiny.Zero)())
    assert not is_zero(nn.Identity())
    for module in (nn.Identity(), pg.symbolize(nn.Identity)(), FactorizedReduce(2, 2), Mine()):
        assert is_skip(module)
    assert not is_skip(nn.Linear(2, 2))
    assert is_skip(nn.Linear(2, 2), "skip_connect")


class Join(nn.Module):
    def __init__(self, n_chosen, reduction):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3, 2) for _ in range(3))
        self.inputs = InputChoice(3, n_chosen, reduction, key="in")

    def forward(self, x):
        return self.inputs([layer(x) for layer in self.layers])


@pytest.mark.parametrize(("n_chosen", "reduction"), [(2, "concat"), (2, "none"), (1, "none")])
def test_lists_and_concatenations_have_no_mixture(n_chosen, reduction):
    with pytest.raises(ValueError, match=rf"'in' has the reduction '{reduction}', .* such as SPOS"):
        bind(supernet(Join(n_chosen, reduction)))


@pytest.mark.parametrize("kind", [DARTS, SNAS, GDAS])
@pytest.mark.parametrize(("n_chosen", "reduction"), [(2, "sum"), (2, "mean"), (1, "concat")])
def test_inputs(tiny, kind, n_chosen, reduction):
    net = supernet(Join(n_chosen, reduction)).double()
    sampler = bind(net, kind())
    tiny.train(sampler, net, 2)
    weights = net.selection.weights["in"]
    assert weights.sum().item() == pytest.approx(n_chosen)
    if kind is GDAS:
        assert sorted(weights.tolist(), reverse=True) == [1.0] * n_chosen + [0.0] * (3 - n_chosen)
        x = torch.ones(2, 3).double()
        chosen = [i for i, w in enumerate(weights.tolist()) if w]
        net(x)
        mixed = net(x)
        net.activate({"in": chosen} if n_chosen > 1 else {"in": chosen[0]})
        torch.testing.assert_close(net(x), mixed)
    assert len(sampler.decisions()) == n_chosen


def test_parameters_of_another_network_are_refused(tiny):
    state = bind(tiny.net(("a", "c"))).state()
    sampler = bind(tiny.net(("a", "b")))
    with pytest.raises(ValueError, match="another super-network: 'b', 'c' differ"):
        sampler.architecture.restore(state["own"]["parameters"])
    with pytest.raises(ValueError, match="another space"):
        sampler.restore(state)
