"""ENAS as published: when networks are judged, how the policy learns from a batch of them, and which is taken."""

from __future__ import annotations

import math

import pytest
import torch

from pliant.algorithms.policy import Factorized, Recurrent, Reinforce
from pliant.oneshot import ENAS, RunningStatistics
from pliant.values.errors import RewardError


def weights(sampler):
    return {name: tensor.detach().clone() for name, tensor in sampler.policy.parameters.items()}


def test_the_policy_learns_after_each_epoch_only(tiny):
    net, judged = tiny.choices(), []
    sampler = ENAS(updates=3)
    session = tiny.session(net, sampler, quality=lambda d: judged.append(d) or float(d["c0"]))
    before = weights(sampler)
    tiny.train(session, 4)
    assert not judged
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(sampler).items())
    session.end_epoch()
    assert len(judged) == 3 * 10
    assert len(session.read) == 30  # each on a batch of its own
    assert sampler.rule.optimizer.steps == 3
    assert not sampler.rule.waiting
    session.end_epoch()
    assert sampler.rule.optimizer.steps == 6


def test_the_published_settings(tiny):
    sampler = ENAS()
    tiny.session(tiny.choices(), sampler)
    rule = sampler.rule
    assert isinstance(sampler.policy, Recurrent)
    assert (sampler.updates, sampler.draws, rule.batch_size) == (30, 10, 10)
    assert (rule.learning_rate, rule.entropy, rule.baseline_decay) == (3.5e-3, 1e-4, 0.99)
    assert not rule.scaled
    assert isinstance(sampler.normalization, RunningStatistics)


def test_all_networks_of_a_batch_are_learned_from(tiny):
    """Not the last one alone, as in AutoGluon's controller, whose loop keeps only the loss of the last."""
    net = tiny.choices((3,))
    rule = Reinforce(batch_size=3, learning_rate=1.0, entropy=0.0, baseline_decay=0.99, scaled=False)
    sampler = ENAS(policy=Factorized(), rule=rule)
    tiny.session(net, sampler)
    grads = []
    sampler.rule.descend = lambda loss: grads.append(
        torch.autograd.grad(loss, sampler.policy.parameters["logits"])[0][0]
    )
    told = [(0, 0.2), (1, 0.9), (2, 0.4)]
    for value, reward in told:
        sampler.learn(net.space.parse([value]), reward)
    expected, top, bottom = torch.zeros(3, dtype=torch.float64), 0.0, 0.0
    for value, reward in told:
        top, bottom = 0.99 * top + 0.01 * reward, 0.99 * bottom + 0.01
        slope = torch.eye(3, dtype=torch.float64)[value] - 1 / 3
        expected -= (reward - top / bottom) * slope / 3
    assert len(grads) == 1
    torch.testing.assert_close(grads[0], expected)


def test_the_baseline_follows_slowly(tiny):
    """By a hundredth of the difference; ProxylessNAS's REINFORCE moves its own by 99 hundredths."""
    net = tiny.choices((2,))
    sampler = ENAS()
    tiny.session(net, sampler)
    for _ in range(500):
        sampler.learn(net.space.parse([0]), 0.0)
    sampler.learn(net.space.parse([1]), 1.0)
    for _ in range(9):  # until the batch is full
        sampler.learn(net.space.parse([0]), 0.0)
    assert sampler.rule.state()["memory"]["mean"] == pytest.approx(0.01 * 0.99**9, rel=0.01)


def test_the_best_of_some_draws_on_one_batch(tiny):
    net, judged = tiny.choices((4, 4)), []

    def quality(decisions):
        judged.append((decisions, decisions["c0"] + 0.1 * decisions["c1"]))
        return judged[-1][1]

    sampler = ENAS(updates=1, draws=7)
    session = tiny.session(net, sampler, quality=quality)
    assert sampler.decisions() == sampler.policy.mode()
    found = session.finish()
    assert len(judged) == 7
    assert session.read == [0]
    assert found == max(judged, key=lambda one: one[1])[0]
    assert sampler.decisions() == found


def test_networks_are_judged_in_evaluation_mode_by_the_running_statistics(tiny):
    net, modes = tiny.net(), []

    def quality(decisions):
        modes.append((net.training, net.network[1].training))
        return 0.0

    session = tiny.session(net, ENAS(updates=1), quality=quality)
    net.train()
    session.end_epoch()
    assert set(modes) == {(False, False)}
    assert net.training


def test_each_step_trains_a_network_that_the_policy_draws(tiny):
    net = tiny.choices((4,))
    sampler = ENAS(policy=Factorized())
    session = tiny.session(net, sampler)
    with torch.no_grad():
        sampler.policy.parameters["logits"][0, 2] = 50.0
    sampler.policy.refresh()
    assert {found.values for found in tiny.train(session, 20, weights=False)} == {(2,)}


def test_a_quality_that_is_no_number_is_refused_and_nothing_is_learned(tiny):
    net = tiny.choices()
    sampler = ENAS(updates=1)
    session = tiny.session(net, sampler, quality=lambda d: math.nan)
    before = weights(sampler)
    with pytest.raises(RewardError, match="Diverged"):
        session.end_epoch()
    assert not sampler.rule.waiting
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(sampler).items())


def test_a_reward_of_ones_own(tiny):
    sampler = ENAS(reward=lambda quality, decisions: quality - decisions["c0"])
    session = tiny.session(tiny.choices(), sampler, quality=lambda d: 0.5)
    assert sampler.judge(session.step, sampler.supernet.space.parse([2, 0])) == -1.5


def test_it_finds_the_best_network(tiny):
    """Choices of unequal lengths, which NNI's refuses."""
    net = tiny.choices((3, 4))
    sampler = ENAS(updates=60, rule=Reinforce(batch_size=10, learning_rate=0.02, entropy=0.0))
    session = tiny.session(net, sampler, quality=lambda d: (d["c0"] == 1) + 0.5 * (d["c1"] == 2))
    session.end_epoch()
    assert sampler.policy.mode().values == (1, 2)
    assert session.finish().values == (1, 2)


@pytest.mark.parametrize("options", [{"updates": 0}, {"draws": 0}, {"draws": 1.5}])
def test_counts_that_are_none(options):
    with pytest.raises((ValueError, TypeError), match="ENAS"):
        ENAS(**options)
