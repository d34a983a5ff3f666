"""The gradient through a step of the weights, against exact differentiation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pliant.oneshot.gradient.darts import differentiate_unrolled


class Problem:
    """Losses of two weights and a mixture, smooth and far from quadratic."""

    def __init__(self):
        self.weights = [nn.Parameter(torch.randn(3, dtype=torch.float64)) for _ in range(2)]
        self.leaf = torch.randn(3, dtype=torch.float64).requires_grad_()

    def train(self, weights=None, leaf=None):
        a, b = self.weights if weights is None else weights
        mix = self.leaf if leaf is None else leaf
        return (mix * (a.sin() * b)).sum() + ((a - b) ** 2 * mix.exp()).mean()

    def valid(self, weights=None, leaf=None):
        a, b = self.weights if weights is None else weights
        mix = self.leaf if leaf is None else leaf
        return ((a * mix) ** 2).sum() + (b * a.cos()).sum()

    def exact(self, step):
        """Differentiates through the whole step."""
        slopes = torch.autograd.grad(self.train(), self.weights, create_graph=True)
        moved = [
            weight - step(i, weight, slope) for i, (weight, slope) in enumerate(zip(self.weights, slopes))
        ]
        return torch.autograd.grad(self.valid(moved), self.leaf)[0]

    def ours(self, optimizer, rate=0.1, epsilon=0.01):
        return differentiate_unrolled(
            self.train,
            lambda: (self.valid(), []),
            self.leaf,
            self.weights,
            optimizer=optimizer,
            learning_rate=rate,
            epsilon=epsilon,
        )[0]


def test_it_is_the_gradient_through_a_plain_step():
    problem = Problem()
    exact = problem.exact(lambda i, weight, slope: 0.1 * slope)
    torch.testing.assert_close(problem.ours(None), exact, rtol=1e-4, atol=1e-4)
    first = torch.autograd.grad(problem.valid(), problem.leaf)[0]
    assert (first - exact).norm() > 0.05 * exact.norm()  # the second order has a large effect here


def test_the_finite_difference_is_a_hessian_vector_product():
    problem = Problem()
    ahead = [
        (w - 0.1 * s).detach().requires_grad_()
        for w, s in zip(problem.weights, torch.autograd.grad(problem.train(), problem.weights))
    ]
    total = problem.valid(ahead)
    direct, *direction = torch.autograd.grad(total, [problem.leaf, *ahead])
    slopes = torch.autograd.grad(problem.train(), problem.weights, create_graph=True)
    product = torch.autograd.grad(sum((s * d).sum() for s, d in zip(slopes, direction)), problem.leaf)[0]
    errors = [
        (problem.ours(None, epsilon=epsilon) - (direct - 0.1 * product)).norm().item()
        for epsilon in (0.1, 0.01, 0.001)
    ]
    assert errors[2] < 1e-6 * direct.norm()
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.1)  # a central difference


@pytest.mark.parametrize("options", [{}, {"nesterov": True}, {"dampening": 0.3}], ids=str)
def test_momentum_and_decay_are_those_of_the_optimizer(options):
    problem = Problem()
    optimizer = torch.optim.SGD(problem.weights, lr=0.05, momentum=0.9, weight_decay=0.01, **options)
    for _ in range(2):
        optimizer.zero_grad()
        problem.train().backward()
        optimizer.step()
    optimizer.zero_grad()

    def step(i, weight, slope):
        slope = slope + 0.01 * weight.detach()
        buffer = optimizer.state[weight]["momentum_buffer"]
        moved = 0.9 * buffer + (1 - options.get("dampening", 0.0)) * slope
        return 0.05 * (slope + 0.9 * moved if options.get("nesterov") else moved)

    torch.testing.assert_close(problem.ours(optimizer), problem.exact(step), rtol=1e-4, atol=1e-4)
    kept = [weight.detach().clone() for weight in problem.weights]
    slopes = torch.autograd.grad(problem.train(), problem.weights)
    ahead = [
        weight.detach() - step(i, weight, s) for i, (weight, s) in enumerate(zip(problem.weights, slopes))
    ]
    for weight, slope in zip(problem.weights, slopes):
        weight.grad = slope
    optimizer.step()  # and it is the step that this optimizer takes
    for weight, expected, old in zip(problem.weights, ahead, kept):
        torch.testing.assert_close(weight.detach(), expected)
        assert not torch.equal(weight, old)


def test_groups_of_weights_step_at_their_own_rates():
    problem = Problem()
    rates = [0.2, 0.02]
    optimizer = torch.optim.SGD([{"params": [w], "lr": rate} for w, rate in zip(problem.weights, rates)])
    exact = problem.exact(lambda i, weight, slope: rates[i] * slope)
    torch.testing.assert_close(problem.ours(optimizer), exact, rtol=1e-4, atol=1e-4)


def test_another_optimizer_is_taken_for_plain_descent():
    problem = Problem()
    optimizer = torch.optim.Adam(problem.weights, lr=0.03)
    exact = problem.exact(lambda i, weight, slope: 0.03 * slope)
    torch.testing.assert_close(problem.ours(optimizer), exact, rtol=1e-4, atol=1e-4)


def test_weights_are_put_back_bit_by_bit():
    problem = Problem()
    before = [weight.detach().clone() for weight in problem.weights]
    problem.ours(None)
    assert all(torch.equal(old, weight) for old, weight in zip(before, problem.weights))
    assert all(weight.grad is None for weight in problem.weights)


def test_weights_are_put_back_when_a_loss_fails():
    problem = Problem()
    before = [weight.detach().clone() for weight in problem.weights]

    def fail():
        raise RuntimeError("no data")

    with pytest.raises(RuntimeError, match="no data"):
        differentiate_unrolled(
            problem.train, fail, problem.leaf, problem.weights, optimizer=None, learning_rate=0.1
        )
    assert all(torch.equal(old, weight) for old, weight in zip(before, problem.weights))


def test_dropout_does_not_drown_the_difference():
    problem = Problem()
    wide = nn.Parameter(torch.ones(200, dtype=torch.float64))

    def train():
        return problem.train() + nn.functional.dropout(wide * problem.leaf[0], 0.5).sum()

    def found(epsilon):
        torch.manual_seed(3)
        return differentiate_unrolled(
            train,
            lambda: (problem.valid() + wide.sum(), []),
            problem.leaf,
            [*problem.weights, wide],
            optimizer=None,
            learning_rate=0.1,
            epsilon=epsilon,
        )[0]

    torch.testing.assert_close(found(0.01), found(0.0001), rtol=1e-3, atol=1e-3)


def test_a_rate_of_zero_is_the_first_order():
    problem = Problem()
    first = torch.autograd.grad(problem.valid(), problem.leaf)[0]
    assert torch.equal(problem.ours(None, rate=0.0), first)
