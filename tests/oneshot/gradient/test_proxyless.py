"""ProxylessNAS: the gradient of its gates, and what stays as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pliant.oneshot import LayerChoice, supernet
from pliant.oneshot.gradient import LogCost, ProxylessNAS


def bind(net, row=(0.5, 0.0, -0.5, 0.2), **options):
    sampler = ProxylessNAS(warmup=0.0, every=1, **options)
    sampler.bind(net, seed=5)
    with torch.no_grad():
        for vector in sampler.architecture.parameters.values():
            vector.copy_(torch.tensor(row[: len(vector)], dtype=torch.float64))
    return sampler


def candidates():
    return [nn.Linear(4, 4), nn.ReLU(), nn.Identity(), nn.Sequential(nn.Linear(4, 4), nn.Tanh())]


def gate_gradients(net, draw, step):
    """Returns dL/dg of all gates, from a mixture in which every candidate runs."""
    gates = {key: row.clone().requires_grad_() for key, row in draw.values.items()}
    handlers = [choice.handler for choice in net.network.choices]
    for choice in net.network.choices:
        choice.handler = None
    net.selection.weights.update(gates)
    found = torch.autograd.grad(step.loss(step.next_valid()), list(gates.values()))
    for choice, handler in zip(net.network.choices, handlers):
        choice.handler = handler
    return dict(zip(gates, found))


@pytest.mark.parametrize("mode", ["two", "full"])
def test_the_gradient_is_the_formula(tiny, mode):
    net = tiny.net(("a", "b"), candidates)
    step = tiny.step(net)
    for seed in range(4):
        sampler = bind(net, mode=mode)
        sampler.random.seed(seed)
        state = sampler.random.getstate()
        draw = sampler._draw(step)
        by_gate = gate_gradients(net, draw, step)
        kept = dict(sampler._gates.considered)
        sampler.random.setstate(state)
        read = tiny.plain(sampler)
        sampler._settle = lambda draw, before: None  # only the gradient, without the shift after it
        sampler._learn(step)
        found = read()
        for key in ("a", "b"):
            alphas = torch.tensor([0.5, 0.0, -0.5, 0.2]).double()[list(kept[key])]
            p, g = alphas.softmax(0), by_gate[key][list(kept[key])]
            expected = torch.zeros(4, dtype=torch.float64)
            for i, place in enumerate(kept[key]):
                for j in range(len(p)):
                    expected[place] += g[j] * p[j] * (float(i == j) - p[i])
            torch.testing.assert_close(found[key], expected)
            assert expected.abs().sum() > 0
            assert len(kept[key]) == (2 if mode == "two" else 4)


def test_two_paths_leave_all_other_probabilities_as_they_were(tiny):
    net = tiny.net(("a", "b"), candidates)
    sampler = bind(net, learning_rate=0.1)
    for i in range(10):
        before = {key: row.detach() for key, row in sampler.architecture.probabilities().items()}
        sampler.after_weights(tiny.step(net, valid=tiny.batches(1, seed=i)[0]))
        for key, row in sampler.architecture.probabilities().items():
            moved = sampler._gates.considered[key]
            others = [j for j in range(4) if j not in moved]
            torch.testing.assert_close(row[others], before[key][others], rtol=1e-12, atol=1e-14)
            assert (row - before[key]).abs().max() > 1e-4


def test_two_paths_are_drawn_without_replacement_by_probability(tiny):
    sampler = bind(tiny.net(("a",), candidates), row=(1.0, 0.0, -1.0, 0.0))
    p = sampler.architecture.probabilities()["a"].detach()
    pairs, opened = torch.zeros(4), torch.zeros(4)
    for _ in range(3000):
        index, kept = sampler._open(p)
        assert len(set(kept)) == 2
        assert index in kept
        pairs[list(kept)] += 1
        opened[index] += 1
    expected = torch.tensor(
        [p[i] + sum(p[j] * p[i] / (1 - p[j]) for j in range(4) if j != i) for i in range(4)]
    )
    torch.testing.assert_close(pairs / 3000, expected.float(), rtol=0, atol=0.03)
    assert opened[0] > opened[1] > opened[2]


def test_one_path_runs(tiny):
    net = tiny.net(("a", "b"), lambda: [tiny.Count(nn.Linear(4, 4)) for _ in range(4)])
    sampler = bind(net)
    step = tiny.step(net)
    sampler.before_weights(step)
    step.loss(step.batch).backward()
    counts = [[module.runs for module in choice] for choice in net.network.choices]
    assert [sorted(row) for row in counts] == [[0, 0, 0, 1]] * 2
    sampler.after_weights(step)
    assert [sum(m.runs for m in choice) for choice in net.network.choices] == [3, 3]  # two more for the gates


def test_an_open_zero_teaches_nothing(tiny):
    """In a peer the missing gradient of a zero was an error."""
    net = tiny.net(("a", "b"), lambda: [tiny.Zero(), nn.Linear(4, 4), nn.ReLU()])
    sampler = bind(net, row=(40.0, 0.0, 0.0), mode="full")
    with torch.no_grad():
        sampler.architecture.parameters["b"].copy_(torch.tensor([0.0, 40.0, 39.0]))
    before = sampler.architecture.state()
    sampler.after_weights(tiny.step(net))
    assert torch.equal(before["a"], sampler.architecture.parameters["a"])
    assert not torch.equal(before["b"], sampler.architecture.parameters["b"])


def test_the_network_in_the_end_is_no_sample(tiny):
    """In a peer the exported architecture was drawn at random."""
    sampler = bind(tiny.net(("a", "b"), candidates), row=(0.0, 0.0, 0.01, 0.0))
    assert {sampler.decisions().values for _ in range(20)} == {(2, 2)}


def test_reduction_cells(tiny):
    """In a peer, candidates of a cell that halves its input could not be stacked."""

    class Zero(nn.Module):
        def forward(self, x):
            return x[:, :, ::2, ::2] * 0

    def edge(stride, key):
        return LayerChoice(
            [
                nn.Conv2d(2, 2, 3, stride, 1),
                nn.MaxPool2d(3, stride, 1),
                Zero() if stride == 2 else tiny.Zero(),
            ],
            key=key,
        )

    net = supernet(nn.Sequential(edge(1, "normal"), edge(2, "reduce"), nn.Flatten(), nn.Linear(18, 2)))
    for mode in ("two", "full"):
        sampler = ProxylessNAS(mode=mode, warmup=0.0, every=1)
        sampler.bind(net)
        batch = torch.randn(3, 2, 6, 6), torch.tensor([0, 1, 0])
        step = tiny.step(net, train=batch, valid=batch)
        for _ in range(4):
            sampler.before_weights(step)
            step.loss(step.batch).backward()
            sampler.after_weights(step)


def test_the_cost_is_that_of_the_probabilities_of_the_pair(tiny):
    seen = []

    def cost(weights):
        seen.append(weights["a"].detach().clone())
        return 10 + weights["a"] @ torch.arange(4).double()

    net = tiny.net(("a",), candidates)
    sampler = bind(net, penalty=LogCost(cost, exponent=0.3, reference=12.0))
    sampler.after_weights(tiny.step(net))
    kept = list(sampler._gates.considered["a"])
    expected = torch.tensor([0.5, 0.0, -0.5, 0.2]).double()[kept].softmax(0)
    torch.testing.assert_close(seen[0][kept], expected)
    assert seen[0].sum().item() == pytest.approx(1.0)


def test_it_waits_and_then_steps_every_so_often(tiny):
    net = tiny.net(("a",), candidates)
    sampler = ProxylessNAS()
    sampler.bind(net)
    moved = []
    for i in range(20):
        before = sampler.architecture.state()["a"]
        sampler.after_weights(tiny.step(net, progress=i / 20))
        moved.append(not torch.equal(before, sampler.architecture.parameters["a"]))
    assert [i + 1 for i, flag in enumerate(moved) if flag] == [10, 15, 20]
