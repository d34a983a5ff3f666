"""Costs in the loss: the published formulas, and what is refused."""

from __future__ import annotations

from math import log

import pytest
import torch

from pliant.oneshot.cost import MultiplyAdds
from pliant.oneshot.gradient import DARTS, GDAS, AddedCost, FBNet, LogCost, ProxylessNAS

LOSS = torch.tensor(2.0, dtype=torch.float64)


def cost(weights):
    return weights["a"] @ torch.tensor([100.0, 400.0], dtype=torch.float64)


def test_the_exponent_is_that_of_the_logarithm():
    """Not of the latency inside it, as was once asked of a port."""
    found = LogCost(cost).join(LOSS, torch.tensor(400.0))
    assert found.item() == pytest.approx(2.0 * 0.2 * log(400.0) ** 0.6)
    assert found.item() != pytest.approx(2.0 * 0.2 * log(400.0**0.6))


def test_the_form_of_proxyless():
    found = LogCost(cost, exponent=0.3, reference=200.0).join(LOSS, torch.tensor(400.0))
    assert found.item() == pytest.approx(2.0 * 0.2 * (log(400.0) / log(200.0)) ** 0.3)


def test_the_added_form():
    assert AddedCost(cost, weight=0.5, reference=200.0).join(LOSS, torch.tensor(300.0)).item() == 2.25


def test_a_logarithm_needs_a_cost_above_one(tiny):
    net = tiny.net(("a",))
    sampler = FBNet(penalty=LogCost(lambda weights: 0.5 * weights["a"].sum()))
    sampler.bind(net)
    with pytest.raises(ValueError, match=r"above 1; got 0\.5\. Use a smaller unit"):
        sampler.after_weights(tiny.step(net))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AddedCost(300.0),
            r"takes a function of the candidates' weights by key, such as .*; got 300\.0",
        ),
        (lambda: LogCost(cost, reference=0.5), r"reference=\.\.\.\) takes a finite number above 1"),
        (lambda: DARTS(penalty=cost), r"DARTS\(penalty=\.\.\.\) takes AddedCost\(cost\), LogCost"),
        (
            lambda: AddedCost(lambda w: 3.0).measure({}),
            r"the cost function of AddedCost returned 3\.0. Return a tensor with one number",
        ),
        (lambda: AddedCost(lambda w: torch.ones(2)).measure({}), "Return a tensor with one number"),
        (
            lambda: FBNet(learning_rate="fast"),
            r"learning_rate=\.\.\.\) takes a finite number of at least 0; got 'fast'",
        ),
        (lambda: ProxylessNAS(mode="tow"), r"takes two or full; got 'tow'; did you mean 'two'\?"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_cost_model_is_such_a_cost(tiny):
    net = tiny.net(("a", "b"))
    macs = MultiplyAdds(net, torch.zeros(1, 3))
    sampler = GDAS(penalty=AddedCost(macs, weight=5.0, reference=100.0), learning_rate=0.2)
    sampler.bind(net)
    step = tiny.step(net)
    draw = sampler._draw(step)
    drawn = {key: row.argmax().item() for key, row in draw.values.items()}
    assert macs(draw.values).item() == macs(drawn)
    before = sampler.metrics()["cost"]
    for _ in range(30):
        sampler.before_weights(step)
        sampler.after_weights(step)
    assert sampler.metrics()["cost"] < before
    assert macs(sampler.decisions()) == macs([0, 0])  # as little as there is
    net(step.batch[0])  # the choices run as ever
