"""TuNAS as published: the reward, the delay and the growing rate, both warm-ups, the baseline, and a target."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pliant.algorithms.policy import Reinforce
from pliant.oneshot import BatchStatistics, InputChoice, TuNAS, supernet
from pliant.oneshot.sampling import largest, smallest
from pliant.values.errors import RewardError


def logits(sampler):
    return sampler.policy.parameters["logits"].detach().clone()


def test_the_reward_is_quality_less_the_deviation_from_the_target(tiny):
    net = tiny.net()
    sampler = TuNAS(cost=lambda d: 10.0 + 10.0 * d["act"], target=20.0, exponent=-0.5)
    session = tiny.session(net, sampler, quality=lambda d: 0.25)
    for act, expected in ((0, 0.25 - 0.25), (1, 0.25), (2, 0.25 - 0.25)):
        found = sampler.judge(session.step, net.space.parse({"width": 0, "act": act, "op": 0}))
        assert found == pytest.approx(expected)
        assert sampler.metrics()["reward"] == found


def test_the_policy_waits_then_its_rate_grows_tenfold(tiny):
    net, rates, moved = tiny.choices(), [], []
    sampler = TuNAS(learning_rate=0.01, delay=0.25)
    session = tiny.session(net, sampler, steps=40, quality=lambda d: float(d["c0"]))
    for _ in range(40):
        before = logits(sampler)
        tiny.train(session, 1, weights=False)
        rates.append(sampler.rule.optimizer.learning_rate)
        moved.append(not torch.equal(before, logits(sampler)))
    assert rates[:10] == [0.0] * 10
    assert not any(moved[:10])
    assert any(moved[10:])
    for i in range(10, 40):
        assert rates[i] == pytest.approx(0.01 * 10 ** ((i / 40 - 0.25) / 0.75))


def test_the_first_step_of_adam_has_no_momentum(tiny):
    """After the sign of the gradient turns, the next step goes the other way at once."""
    net = tiny.choices((2,))
    sampler = TuNAS(learning_rate=0.1, delay=0.0, warm_up=0.0)
    tiny.session(net, sampler)
    assert sampler.rule.optimizer.betas == (0.0, 0.999)
    first, other = net.space.parse([0]), net.space.parse([1])
    sampler.learn(first, 0.0)
    sampler.learn(first, 1.0)
    up = logits(sampler)
    sampler.learn(other, 2.0)
    assert up[0, 0] > 0
    assert logits(sampler)[0, 1] > up[0, 1]


def test_a_rule_of_ones_own_stays_as_it_is(tiny):
    sampler = TuNAS(rule=Reinforce(learning_rate=0.5))
    tiny.session(tiny.choices(), sampler)
    assert sampler.rule.optimizer.betas == (0.9, 0.999)


def test_the_baseline_holds_the_present_reward_and_is_corrected_for_its_start(tiny):
    net = tiny.choices((2,))
    sampler = TuNAS(learning_rate=0.1, delay=0.0, warm_up=0.0)
    tiny.session(net, sampler)
    before = logits(sampler)
    sampler.learn(net.space.parse([0]), 0.75)  # equal to the baseline that holds it: nothing to learn
    assert torch.equal(logits(sampler), before)
    seen, top, bottom = [0.75], 0.0, 0.0
    for reward in (0.25, 0.5, 1.0):
        sampler.learn(net.space.parse([1]), reward)
        seen.append(reward)
    for reward in seen:
        top, bottom = 0.95 * top + 0.05 * reward, 0.95 * bottom + 0.05
    assert sampler.rule.state()["memory"]["mean"] == pytest.approx(top / bottom, rel=1e-12)


def test_the_gradient_is_that_of_reinforce(tiny):
    """(r - b) grad log pi, without any bonus for entropy."""
    net = tiny.choices((3,))
    sampler = TuNAS(learning_rate=1.0, delay=0.0, warm_up=0.0)
    tiny.session(net, sampler)
    grads = []
    sampler.rule.descend = lambda loss: grads.append(
        torch.autograd.grad(loss, sampler.policy.parameters["logits"])[0][0]
    )
    sampler.learn(net.space.parse([0]), 1.0)
    sampler.learn(net.space.parse([2]), 0.0)
    baseline = (0.95 * 0.05 * 1.0) / (0.95 * 0.05 + 0.05)
    third = torch.full((3,), 1 / 3, dtype=torch.float64)
    expected = baseline * (
        torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64) - third
    )  # of the loss, -(r-b) log pi
    torch.testing.assert_close(grads[0], torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(grads[1], expected)


def test_only_decisions_on_the_active_path_are_learned(tiny):
    net = tiny.net(tiny.conditional())
    sampler = TuNAS(learning_rate=0.1, delay=0.0, warm_up=0.0)
    tiny.session(net, sampler)
    decisions = net.space.parse([0, 1])
    sampler.learn(decisions, 0.0)
    sampler.learn(decisions, 1.0)
    changed = (logits(sampler) != 0).any(dim=1).tolist()
    assert [point.path for point, is_changed in zip(net.space.points, changed) if is_changed] == [
        net.space.points[index].path for index in decisions.active
    ]


# ---------------------------------------------------------------------- warm-up


def warm(tiny, net, progress, count, **options):
    """Returns how often each decision was replaced, and how often a width was the largest, in ``count`` steps."""
    sampler = TuNAS(**options)
    session = tiny.session(net, sampler, steps=10**6)
    session.done = int(progress * 10**6)
    mixed, largest_width = dict.fromkeys(("act", "op"), 0), 0
    for _ in range(count):
        session.begin(None)
        for name in mixed:
            weights = net.selection.weights.get(path_of(net, name))
            if weights is not None:
                assert torch.equal(weights, torch.full_like(weights, 1 / len(weights)))
                mixed[name] += 1
        largest_width += net.selection.values[path_of(net, "width")] == 2  # of 4, 2, 8
    return mixed, largest_width


def path_of(net, name):
    return next(point.path for point in net.space.points if point.name == name)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8, 1.0])
def test_how_often_decisions_are_replaced(tiny, share):
    count = 600
    mixed, widest = warm(tiny, tiny.net(), 0.25 * (1 - share), count)
    bound = 4 * math.sqrt(count * 0.25)
    for found in mixed.values():
        assert abs(found - share * count) <= (bound if 0 < share < 1 else 0)
    expected = share + (1 - share) / 3
    assert abs(widest - expected * count) <= (bound if share < 1 else 0)


def test_no_warm_up(tiny):
    mixed, widest = warm(tiny, tiny.net(), 0.0, 100, warm_up=0.0)
    assert mixed == {"act": 0, "op": 0}
    assert widest < 60


def test_warm_up_runs_the_average_of_all_candidates(tiny):
    net = tiny.net()
    session = tiny.session(net, TuNAS(), steps=100)
    session.begin(None)
    net.eval()
    x = tiny.batches(1)[0][0]
    warmed = net(x)
    widest = {"width": "2/3 (8)"}
    stages = list(net.network)
    with torch.no_grad():
        net.activate({**widest, "act": 0, "op": 0})
        h = stages[1](stages[0](x))
        h = (h.relu() + h.tanh() + h) / 3
        net.activate({**widest, "act": 0, "op": 1})
        h = (h + stages[3](h)) / 2
        torch.testing.assert_close(warmed, stages[4](h))


def test_warm_up_trains_all_candidates_that_have_decisions_inside(tiny):
    net = tiny.net(tiny.conditional())
    session = tiny.session(net, TuNAS(), steps=100, seed=3)
    session.begin(None)
    assert list(net.selection.weights) == [path_of(net, "op")]
    session.loss(tiny.batches(1)[0]).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_inputs_are_not_warmed_up():
    """No input is larger than another."""

    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.pick, self.layer = InputChoice(3, 1, key="in"), nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(self.pick([x, 2 * x, 3 * x]))

    net = supernet(Joined())
    sampler = TuNAS()
    sampler.bind(net)
    seen = set()
    for _ in range(30):
        sampler.before_weights(type("Step", (), {"progress": 0.0})())
        seen.add(str(net.selection.values["in"]))
    assert len(seen) == 3


def test_the_judged_network_is_the_one_that_was_drawn(tiny):
    """Not what warm-up made of it."""
    net, judged = tiny.net(), []

    def quality(decisions):
        assert not net.selection.weights
        judged.append(decisions)
        return 0.5

    sampler = TuNAS()
    session = tiny.session(net, sampler, quality=quality)
    for _ in range(10):
        session.begin(None)
        drawn = sampler._drawn
        session.end()
        assert judged[-1] == drawn


# ---------------------------------------------------------------------- judging


def test_each_network_is_judged_on_one_new_batch_by_its_statistics_in_evaluation_mode(tiny):
    net, seen = tiny.net(), []

    def quality(decisions):
        norm = net.network[1]
        seen.append((net.training, net.network[4].training, norm.training))
        return 0.0

    session = tiny.session(net, TuNAS(), quality=quality)
    assert isinstance(session.sampler.normalization, BatchStatistics)
    net.train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    tiny.train(session, 5, weights=False)
    assert session.read == list(range(5))
    assert seen == [(False, False, True)] * 5
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_quality_that_is_no_number_is_refused_and_nothing_is_learned(tiny):
    net = tiny.choices()
    sampler = TuNAS(delay=0.0, warm_up=0.0, learning_rate=0.1)
    session = tiny.session(net, sampler, quality=lambda d: math.nan)
    before = sampler.state()["own"]["rule"]
    session.begin(None)
    with pytest.raises(RewardError, match=r"the reward of the network .* is nan.*Diverged"):
        session.end()
    assert sampler.state()["own"]["rule"] == before
    assert net.training


def test_it_finds_the_best_network(tiny):
    net = tiny.choices((3, 4))
    sampler = TuNAS(learning_rate=0.03)
    session = tiny.session(net, sampler, steps=400, quality=lambda d: (d["c0"] == 1) + (d["c1"] == 2) * 0.5)
    tiny.train(session, 400, weights=False)
    assert session.finish().values == (1, 2)
    metrics = sampler.metrics()
    assert metrics["leading"] > 0.6
    assert metrics["entropy"] < math.log(12)


def test_it_ends_at_the_target(tiny):
    net = tiny.choices((5,))
    sampler = TuNAS(cost=lambda d: 1.0 + d["c0"], target=4.0, exponent=-2.0, learning_rate=0.03, warm_up=0.0)
    session = tiny.session(net, sampler, steps=400, quality=lambda d: 0.02 * d["c0"])
    tiny.train(session, 400, weights=False)
    assert session.finish().values == (3,)
    assert sampler.metrics()["cost"] == 4.0


# ---------------------------------------------------------------------- lessons


@pytest.mark.parametrize("target", [0.5, 99.0])
def test_a_target_that_no_network_meets(tiny, target):
    sampler = TuNAS(cost=lambda d: 1.0 + d["c0"], target=target)
    with pytest.raises(
        ValueError, match=rf"the target cost {target:g} is outside of the costs found in this space, 1 to 3"
    ):
        sampler.bind(tiny.choices())


def test_a_target_that_random_networks_are_far_from(tiny):
    """Of 3^20 networks almost all cost about 20; the last candidates are the cheapest, as identity often is."""
    costs = (2.0, 1.0, 0.0)
    for target in (39.0, 1.0):
        sampler = TuNAS(cost=lambda d: sum(costs[i] for i in d.values), target=target)
        sampler.bind(tiny.choices((3,) * 20))
    with pytest.raises(
        ValueError, match=r"the target cost 41 is outside of the costs found in this space, \d+ to 40"
    ):
        TuNAS(cost=lambda d: sum(costs[i] for i in d.values), target=41.0).bind(tiny.choices((3,) * 20))


def test_a_target_in_the_middle_of_unordered_candidates(tiny):
    """Both ends of the space, first and last candidates, cost little; so do random networks."""
    sampler = TuNAS(cost=lambda d: sum(i == 1 for i in d.values), target=20.0)
    sampler.bind(tiny.choices((3,) * 20))


def test_a_cost_without_a_target():
    with pytest.raises(ValueError, match=r"moves a cost towards a target.*Give both or neither"):
        TuNAS(cost=lambda d: 1.0)
    with pytest.raises(ValueError, match="Give both or neither"):
        TuNAS(target=3.0)


@pytest.mark.parametrize(
    ("warm_up", "delay", "lesson"),
    [
        (0.5, 0.25, "0 <= warm_up <= delay < 1"),
        (-0.1, 0.25, r"TuNAS\(warm_up=...\) takes a finite number of at least 0; got -0.1"),
        (0.25, 1.0, r"TuNAS\(delay=...\) takes a finite number of at least 0 and below 1; got 1.0"),
        (math.nan, 0.5, r"TuNAS\(warm_up=...\) takes a finite number of at least 0; got nan"),
    ],
)
def test_warm_up_ends_before_the_delay(warm_up, delay, lesson):
    with pytest.raises(ValueError, match=lesson):
        TuNAS(warm_up=warm_up, delay=delay)


def test_the_ends_of_a_space(tiny):
    space = tiny.net().space
    assert largest(space).to_dict() == dict(zip((p.path for p in space.points), (2, 2, 1)))  # 8 of 4, 2, 8
    assert smallest(space).to_dict() == dict(zip((p.path for p in space.points), (1, 0, 0)))
