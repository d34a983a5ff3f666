"""DARTS: its gradients against finite differences and exact differentiation, and the order of its steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from pliant.oneshot import InputChoice, LayerChoice, supernet
from pliant.oneshot.gradient import DARTS, AddedCost, LogCost

KEYS = ("a", "b", "a")  # one is tied


def bind(net, **options):
    sampler = DARTS(weight_decay=0.0, init_scale=0.5, **options)
    sampler.bind(net, seed=1)
    return sampler, list(sampler.architecture.parameters.values())


def differences(vectors, loss, size=1e-5):
    """Returns central differences of ``loss()`` in each item of some vectors."""
    found = []
    for vector in vectors:
        row = torch.zeros_like(vector)
        for i in range(len(vector)):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    vector[i] += sign * size
                    values.append(loss())
                    vector[i] -= sign * size
            row[i] = (values[0] - values[1]) / (2 * size)
        found.append(row.detach())
    return found


def test_the_first_order_is_the_gradient_of_the_validation_loss(tiny):
    net = tiny.net(KEYS)
    sampler, vectors = bind(net)
    step = tiny.step(net)

    def loss():
        sampler.relax()
        return step.loss(step.next_valid()).item()

    expected = differences(vectors, loss)
    read = tiny.plain(sampler)
    sampler.before_weights(step)
    for found, row in zip(read().values(), expected):
        assert row.norm() > 1e-4
        torch.testing.assert_close(found, row, rtol=1e-5, atol=1e-8)


def exact_second_order(net, sampler, step, optimizer):
    """Differentiates the validation loss after a step of the weights, with all graphs kept."""
    network, weights = net.network, dict(net.network.named_parameters())
    for module in network.modules():
        if isinstance(module, LayerChoice):
            module.handler = None
    vectors = list(sampler.architecture.parameters.values())
    net.selection.weights.update({k: v.softmax(0) for k, v in sampler.architecture.parameters.items()})

    def loss(values, batch):
        return nn.functional.cross_entropy(functional_call(network, values, (batch[0],)), batch[1])

    slopes = torch.autograd.grad(
        loss(weights, step.batch), weights.values(), create_graph=True, allow_unused=True
    )
    group = optimizer.param_groups[0]
    ahead = {}
    for (name, weight), slope in zip(weights.items(), slopes):
        moved = (0 if slope is None else slope) + group["weight_decay"] * weight.detach()
        buffer = optimizer.state[weight].get("momentum_buffer")
        if buffer is not None:
            moved = moved + group["momentum"] * buffer
        ahead[name] = weight - group["lr"] * moved
    return torch.autograd.grad(loss(ahead, step.next_valid()), vectors)


def test_the_second_order_is_the_gradient_through_a_step_of_the_weights(tiny):
    net = tiny.net(KEYS)
    sampler, _ = bind(net, order=2, epsilon=1e-3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-2)
    tiny.train(sampler, net, 2, optimizer=optimizer)
    optimizer.zero_grad()
    step = tiny.step(net, optimizer=optimizer)
    weights = [p.detach().clone() for p in net.parameters()]
    buffers = [b.clone() for b in net.buffers()]
    read = tiny.plain(sampler)
    sampler.before_weights(step)
    found = read()
    assert all(torch.equal(old, new) for old, new in zip(weights, net.parameters()))
    assert all(torch.equal(old, new) for old, new in zip(buffers, net.buffers()))
    with torch.no_grad():
        for key, vector in sampler.architecture.parameters.items():
            vector += found[key]
    exact = exact_second_order(net, sampler, step, optimizer)
    for row, expected in zip(found.values(), exact):
        torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-7)


def test_the_orders_differ(tiny):
    """In one peer the option for the second order is read and then ignored."""
    rows = []
    for order in (1, 2):
        net = tiny.net(KEYS)
        sampler, _ = bind(net, order=order)
        read = tiny.plain(sampler)
        sampler.before_weights(tiny.step(net, rate=0.5))
        rows.append(torch.cat(list(read().values())))
    assert (rows[0] - rows[1]).norm() > 0.01 * rows[0].norm()


@pytest.mark.parametrize("order", [0, 3, True, "2", None])
def test_another_order_is_refused(order):
    with pytest.raises(ValueError, match=r"order=\.\.\.\) takes 1 .* or 2 .*; got"):
        DARTS(order=order)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", [AddedCost, LogCost])
def test_the_gradient_of_a_penalty(tiny, kind, order):
    table = {
        "a": torch.tensor([2.0, 9.0, 3.0, 20.0]).double(),
        "b": torch.tensor([5.0, 1.0, 7.0, 2.0]).double(),
    }
    penalty = kind(lambda weights: sum(weights[key] @ table[key] for key in table) ** 1.5)
    net = tiny.net(KEYS)
    sampler, vectors = bind(net, penalty=penalty, order=order)
    step = tiny.step(net, rate=0.0)  # so that both orders are the same

    def loss():
        sampler.relax()
        rows = {key: v.softmax(0) for key, v in sampler.architecture.parameters.items()}
        return penalty.join(step.loss(step.next_valid()), penalty.measure(rows)).item()

    expected = differences(vectors, loss)
    read = tiny.plain(sampler)
    sampler.before_weights(step)
    for found, row in zip(read().values(), expected):
        torch.testing.assert_close(found, row, rtol=1e-5, atol=1e-8)
    assert sampler.metrics()["cost"] > 0


def test_the_step_of_the_parameters_is_that_of_adam(tiny):
    net = tiny.net(KEYS)
    sampler = DARTS()
    sampler.bind(net)
    read = tiny.plain(sampler)
    step = tiny.step(net)
    sampler.before_weights(step)
    slopes = read()
    net = tiny.net(KEYS)
    sampler = DARTS()
    sampler.bind(net)
    copies = [v.detach().clone().requires_grad_() for v in sampler.architecture.parameters.values()]
    adam = torch.optim.Adam(copies, lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    for copy, slope in zip(copies, slopes.values()):
        copy.grad = slope
    adam.step()
    sampler.before_weights(tiny.step(net))
    for copy, vector in zip(copies, sampler.architecture.parameters.values()):
        torch.testing.assert_close(vector, copy, rtol=1e-12, atol=1e-12)


def test_the_parameters_step_before_the_weights_and_on_validation_data(tiny):
    net = tiny.net()
    sampler, vectors = bind(net)
    step, asked = tiny.step(net), []
    inner = step.next_valid
    step.next_valid = lambda: asked.append(1) or inner()
    before = [v.detach().clone() for v in vectors]
    sampler.before_weights(step)
    assert len(asked) == 1
    assert all(not torch.equal(old, new) for old, new in zip(before, vectors))
    for key, vector in sampler.architecture.parameters.items():  # the weights train with what was learned
        torch.testing.assert_close(net.selection.weights[key], vector.softmax(0).detach())
        assert not net.selection.weights[key].requires_grad
    after = [v.detach().clone() for v in vectors]
    sampler.after_weights(step)
    assert len(asked) == 1
    assert all(torch.equal(old, new) for old, new in zip(after, vectors))


def test_a_weight_step_gives_the_parameters_nothing(tiny):
    net = tiny.net()
    sampler, vectors = bind(net)
    step = tiny.step(net)
    sampler.before_weights(step)
    step.loss(step.batch).backward()
    assert all(v.grad is None for v in vectors)
    assert all(p.grad is not None for p in net.parameters())


def test_the_step_of_the_parameters_leaves_the_network_as_it_is(tiny):
    net = tiny.net()
    sampler, _ = bind(net)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    sampler.before_weights(tiny.step(net))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_warmup_and_every(tiny):
    net = tiny.net()
    sampler = DARTS(warmup=0.5, every=2)
    sampler.bind(net)
    moved = []
    for i in range(8):
        before = sampler.architecture.state()
        step = tiny.step(net, progress=i / 8)
        sampler.before_weights(step)
        sampler.after_weights(step)
        moved.append(not torch.equal(before["a"], sampler.architecture.parameters["a"]))
    assert moved == [False] * 4 + [True, False, True, False]


def test_zeros_do_not_run_and_still_compete(tiny):
    net = tiny.net(("a",), lambda: [tiny.Count(nn.Identity()), ZeroCount(), nn.Linear(4, 4)])
    sampler, (vector,) = bind(net)
    zero = net.network.choices[0][1]
    read = tiny.plain(sampler)
    sampler.before_weights(tiny.step(net))
    assert zero.runs == 0
    assert read()["a"][1] != 0.0  # its probability takes from that of the others
    net.selection.weights["a"] = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    assert net.network.choices[0](torch.ones(2, 4).double()).abs().sum() == 0
    assert zero.runs == 1
    assert len(vector) == 3


class ZeroCount(nn.Module):
    is_zero = True

    def __init__(self):
        super().__init__()
        self.runs = 0

    def forward(self, x):
        self.runs += 1
        return x * 0


def test_inputs_are_mixed_and_the_strongest_two_are_chosen():
    class Join(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(3, 2) for _ in range(4))
            self.inputs = InputChoice(4, 2, key="in")

        def forward(self, x):
            return self.inputs([layer(x) for layer in self.layers])

    net = supernet(Join()).double()
    sampler, (vector,) = bind(net)
    with torch.no_grad():
        vector.copy_(torch.tensor([0.0, 2.0, -1.0, 1.0]))
    sampler.relax()
    x = torch.ones(5, 3).double()
    expected = 2 * sum(p * layer(x) for p, layer in zip(vector.softmax(0), net.network.layers))
    torch.testing.assert_close(net(x), expected)
    assert sampler.decisions().to_dict() == {"in[0]": 1, "in[1]": 3}
