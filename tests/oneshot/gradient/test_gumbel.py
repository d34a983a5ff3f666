"""Gumbel draws: their distribution, temperatures, and how SNAS and GDAS learn from them."""

from __future__ import annotations

from math import exp
from random import Random
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pliant.oneshot.gradient import GDAS, SNAS, AddedCost, FBNet, LogCost
from pliant.oneshot.gradient.gumbel import draw_gumbel, one_hot


def at(progress=0.0, epoch=0):
    return SimpleNamespace(progress=progress, epoch=epoch)


def bind(net, sampler, **rows):
    sampler.bind(net, seed=3)
    with torch.no_grad():
        for key, row in rows.items():
            sampler.architecture.parameters[key].copy_(torch.tensor(row, dtype=torch.float64))
    return sampler


def test_noise_is_standard_gumbel():
    noise = draw_gumbel(20_000, Random(0))
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.03)
    assert noise.var().item() == pytest.approx(1.6449, rel=0.05)
    assert torch.isfinite(noise).all()


def test_noise_is_finite_whatever_is_drawn():
    class Edge(Random):
        values = iter([0.0, 5e-324, 1.0 - 2**-53])

        def random(self):
            return next(self.values)

    assert torch.isfinite(draw_gumbel(2, Edge())).all()


def test_one_candidate_is_drawn_as_often_as_it_is_probable(tiny):
    sampler = bind(tiny.net(("a",)), GDAS(), a=[0.0, 1.0, 2.0, -1.0])
    count = torch.zeros(4, dtype=torch.float64)
    for _ in range(4000):
        count += sampler._draw(at()).values["a"]
    expected = sampler.architecture.parameters["a"].detach().softmax(0)
    torch.testing.assert_close(count / 4000, expected, rtol=0, atol=0.03)


def test_temperatures(tiny):
    gdas, snas, fbnet = GDAS(), SNAS(start=2.0, end=0.5), FBNet()
    assert [gdas.temperature(at(p)) for p in (0.0, 0.5, 1.0)] == pytest.approx([10.0, 5.05, 0.1])
    assert [snas.temperature(at(p)) for p in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.0, 0.5])
    assert [fbnet.temperature(at(epoch=e)) for e in (0, 10)] == pytest.approx([5.0, 5.0 * exp(-0.45)])


@pytest.mark.parametrize("make", [SNAS, FBNet])
def test_the_temperature_sharpens_the_draw(tiny, make):
    """In a peer the temperature reached nothing."""
    largest = []
    for progress, epoch in ((0.0, 0), (1.0, 90)):
        sampler = bind(tiny.net(("a",)), make())
        draws = [sampler._draw(at(progress, epoch)).values["a"].max().item() for _ in range(50)]
        largest.append(sum(draws) / 50)
    assert largest[0] < largest[1] - 0.1


def test_gdas_runs_only_what_it_drew(tiny):
    net = tiny.net(("a", "b"), lambda: [tiny.Count(nn.Linear(4, 4)) for _ in range(5)])
    sampler = bind(net, GDAS())
    step = tiny.step(net)
    sampler.before_weights(step)
    step.loss(step.batch)
    runs = [[module.runs for module in choice] for choice in net.network.choices]
    assert [sorted(row) for row in runs] == [[0, 0, 0, 0, 1]] * 2
    sampler.after_weights(step)
    total = [sum(module.runs for module in choice) for choice in net.network.choices]
    assert total == [2, 2]  # the step of the parameters too


def test_gdas_pulls_the_gradient_of_one_through_the_soft_draw(tiny):
    net = tiny.net(("a", "b"))
    sampler = bind(net, GDAS(weight_decay=0.0), a=[-40.0, 0.3, 1.0, 0.1], b=[-40.0, 1.0, 0.2, 0.3])
    step = tiny.step(net)
    state = sampler.random.getstate()
    read = tiny.plain(sampler)
    sampler._learn(step)
    found = read()
    with torch.no_grad():
        for key, vector in sampler.architecture.parameters.items():
            vector += found[key]
    sampler.random.setstate(state)
    soft = sampler._soft(step)
    hard = {key: one_hot(row) for key, row in soft.items()}
    for choice in net.network.choices:
        choice.handler = None
    kept = {key: hard[key] * (soft[key] / soft[key].detach()) for key in soft}  # only what ran has a gradient
    scale = {key: soft[key].detach() for key in soft}
    weights = {key: hard[key] + (kept[key] - hard[key]) * scale[key] for key in soft}
    net.selection.weights.update(weights)
    vectors = list(sampler.architecture.parameters.values())
    expected = torch.autograd.grad(step.loss(step.next_valid()), vectors)
    for row, slope in zip(found.values(), expected):
        torch.testing.assert_close(row, slope)
        assert slope.abs().sum() > 0


def test_gdas_prices_what_it_drew(tiny):
    seen = []
    penalty = AddedCost(lambda weights: seen.append(weights["a"].detach()) or weights["a"].sum())
    net = tiny.net(("a",))
    sampler = bind(net, GDAS(penalty=penalty))
    sampler.after_weights(tiny.step(net))
    assert sorted(seen[0].tolist()) == [0, 0, 0, 1]


def test_snas_learns_from_the_backward_pass_of_the_weights(tiny):
    net = tiny.net(("a", "b", "a"))
    sampler = bind(net, SNAS(weight_decay=0.0), a=[0.0, 0.3, 1.0, 0.1], b=[0.0, 1.0, 0.2, 0.3])
    step = tiny.step(net)
    step.next_valid = None  # nothing is validated
    state = sampler.random.getstate()
    read = tiny.plain(sampler)
    sampler.before_weights(step)
    for _ in range(2):  # two parts of a batch, accumulated
        (step.loss(step.batch) / 2).backward()
    sampler.after_weights(step)
    found = read()
    with torch.no_grad():
        for key, vector in sampler.architecture.parameters.items():
            vector += found[key]
    sampler.random.setstate(state)
    soft = sampler._soft(step)
    for choice in net.network.choices:
        choice.handler = None
    net.selection.weights.update(soft)
    expected = torch.autograd.grad(step.loss(step.batch), list(sampler.architecture.parameters.values()))
    for row, slope in zip(found.values(), expected):
        torch.testing.assert_close(row, slope)
    assert all(p.grad is not None for p in net.network.stem.parameters())


def test_snas_adds_the_gradient_of_a_cost(tiny):
    table = torch.tensor([1.0, 2.0, 3.0, 4.0]).double()
    net = tiny.net(("a",))
    rows = []
    for penalty in (None, AddedCost(lambda weights: weights["a"] @ table, weight=0.5, reference=2.0)):
        sampler = bind(net, SNAS(weight_decay=0.0, penalty=penalty))
        state = sampler.random.getstate()
        step = tiny.step(net)
        read = tiny.plain(sampler)
        sampler.before_weights(step)
        step.loss(step.batch).backward()
        sampler.after_weights(step)
        rows.append(read()["a"])
    with torch.no_grad():
        sampler.architecture.parameters["a"] += rows[1]
    sampler.random.setstate(state)
    vector = sampler.architecture.parameters["a"]
    expected = torch.autograd.grad(0.25 * sampler._soft(step)["a"] @ table, vector)[0]
    torch.testing.assert_close(rows[1] - rows[0], expected)


def test_snas_leaves_out_what_is_not_finite(tiny):
    net = tiny.net()
    sampler = bind(net, SNAS())
    before = sampler.architecture.state()
    step = tiny.step(net)
    sampler.before_weights(step)
    (step.loss(step.batch) * torch.inf).backward()
    sampler.after_weights(step)
    assert sampler.metrics()["left_out"] == 1.0
    assert all(torch.equal(before[k], v) for k, v in sampler.architecture.parameters.items())


def test_snas_has_no_product_with_the_loss():
    with pytest.raises(ValueError, match=r"a penalty can only be added; got LogCost. Use AddedCost"):
        SNAS(penalty=LogCost(lambda weights: weights["a"].sum()))
