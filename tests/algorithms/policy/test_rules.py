"""The update rules against their equations, written out by hand."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
import torch

from pliant.algorithms.adam import Adam
from pliant.algorithms.policy import Factorized, ProximalPolicy, Recurrent, Reinforce, Told
from pliant.algorithms.policy.ppo import normalize
from pliant.space import choice, flatten
from pliant.values.errors import FieldTypeError, FieldValueError


class Gradients:
    """Stands for Adam: keeps the gradients of what is minimized, and changes nothing."""

    def __init__(self):
        self.seen = []

    def step(self, gradients):
        self.seen.append(torch.from_numpy(gradients[0]))


def begin(rule, space=None, policy=None):
    policy = policy or Factorized()
    policy.setup(space or flatten([choice("x", 3), choice("y", 2)]), Random(0))
    own = rule.begin(policy)
    own.optimizer = Gradients()
    return own


def tell(rule, *told):
    """Tells decisions, rewards and perhaps log-probabilities that they were drawn with."""
    for values, reward, *said in told:
        decisions = rule.policy.space.parse(list(values))
        log_prob = said[0] if said else float(rule.policy.log_prob([decisions]).detach()[0])
        rule.learn(Told(decisions, reward, log_prob), Random(0))


def test_reinforce_as_published():
    """The gradient is -(r - b) (onehot - p) with b the average of all rewards, the last included."""
    rule = begin(Reinforce(scaled=False, baseline_decay=0.9, entropy=0.0))
    tell(rule, ((0, 0), 5.0), ((2, 1), 8.0))
    first, second = rule.optimizer.seen
    assert not first.any()  # the first reward is the baseline
    baseline = (0.9 * 0.1 * 5.0 + 0.1 * 8.0) / (1 - 0.9**2)
    expected = -(8.0 - baseline) * torch.tensor(
        [[-1 / 3, -1 / 3, 2 / 3], [-1 / 2, 1 / 2, 0]], dtype=torch.float64
    )
    torch.testing.assert_close(second, expected)


@pytest.mark.parametrize(
    "policy", [Factorized, lambda: Recurrent(hidden=3, embedding=2)], ids=["factorized", "lstm"]
)
def test_a_discount_is_that_of_the_returns(policy):
    """sum_t discount ** (T - 1 - t) log p_t, with T the active decisions of a row: two in the first, one in the second."""
    made = policy()
    space = flatten([choice("x", [None, choice("y", 3)])])
    made.setup(space, Random(0))
    for weight in made.parameters.values():
        weight.detach().uniform_(-1, 1, generator=torch.Generator().manual_seed(3))
    made.refresh()
    rows = [space.parse([1, 2]), space.parse([0])]
    batch = made.encode(rows)
    whole, none = (made.evaluate(batch, entropy=False, discount=discount)[0] for discount in (1.0, 1e-300))
    half = made.evaluate(batch, entropy=False, discount=0.5)[0]
    first = whole[0] - none[0]  # the log-probability of x = 1; `none` has only the last decision of each row
    torch.testing.assert_close(half, torch.stack([none[0] + 0.5 * first, whole[1]]))
    torch.testing.assert_close(none[1], whole[1])


def test_reinforce_with_a_discount():
    """The first of two decisions gets half of the gradient that it has without."""
    told = ((0, 0), 5.0), ((2, 1), 8.0)
    seen = []
    for discount in (1.0, 0.5):
        rule = begin(Reinforce(scaled=False, entropy=0.0, discount=discount))
        tell(rule, *told)
        seen.append(rule.optimizer.seen[1])
    torch.testing.assert_close(seen[1][0], 0.5 * seen[0][0])
    torch.testing.assert_close(seen[1][1], seen[0][1])


def test_a_policy_of_a_user_needs_no_discount():
    """Policies written before there was one have ``evaluate`` without it."""

    class Older:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def evaluate(self, batch, *, entropy=True):
            return self.inner.evaluate(batch, entropy=entropy)

    inner = Factorized()
    inner.setup(flatten([choice("x", 3), choice("y", 2)]), Random(0))
    rule = Reinforce().begin(Older(inner))
    tell(rule, ((0, 0), 5.0), ((2, 1), 8.0))
    assert inner.parameters["logits"].detach().any()


@pytest.mark.parametrize("discount", [0.0, 1.5, -0.1])
def test_a_discount_out_of_range_is_refused(discount):
    with pytest.raises(FieldValueError, match=r"\(discount=...\) takes a number above 0 and up to 1; got"):
        Reinforce(discount=discount)


def test_a_batch_is_averaged():
    rule = begin(Reinforce(scaled=False, baseline_decay=0.0, batch_size=2, entropy=0.0))
    tell(rule, ((0, 0), 1.0), ((1, 0), 3.0))
    assert len(rule.optimizer.seen) == 1
    assert not rule.optimizer.seen[0].any()  # a baseline without memory is the reward itself
    assert rule.waiting == []


def test_advantages_do_not_depend_on_the_unit_of_the_reward():
    rewards = [0.1, 0.5, 0.3, -9.0, 0.4, 0.45]
    runs = []
    for unit in (1.0, 1000.0):
        rule = begin(Reinforce())
        tell(rule, *(((i % 3, i % 2), unit * reward + 7 * unit) for i, reward in enumerate(rewards)))
        runs.append(torch.stack(rule.optimizer.seen))
    torch.testing.assert_close(*runs)
    assert runs[0].abs().max() <= 3.0


def test_the_moving_deviation_is_that_of_the_weighted_rewards():
    rule, rewards, keep = begin(Reinforce(baseline_decay=0.8)), [1.0, 4.0, 2.0, 2.5], 0.8
    tell(rule, *(((0, 0), reward) for reward in rewards))
    weights = [keep ** (len(rewards) - 1 - i) for i in range(len(rewards))]
    mean = sum(w * r for w, r in zip(weights, rewards)) / sum(weights)
    variance = sum(w * (r - mean) ** 2 for w, r in zip(weights, rewards)) / sum(weights)
    assert rule._mean == pytest.approx(mean)
    assert rule._variance == pytest.approx(variance)


@pytest.mark.parametrize(
    "rule", [Reinforce(entropy=0.5), ProximalPolicy(batch_size=2, epochs=1, entropy=0.5)]
)
def test_equal_rewards_leave_only_the_entropy(rule):
    own = begin(rule)
    with torch.no_grad():
        own.policy.parameters["logits"][0, 0] = 1.0
    own.policy.refresh()
    tell(own, ((0, 0), 0.1), ((0, 1), 0.1))
    _, entropy = own.policy.evaluate(own.policy.encode([own.policy.space.parse([0, 0])]))
    (expected,) = torch.autograd.grad(-0.5 * entropy[0], list(own.policy.parameters.values()))
    torch.testing.assert_close(own.optimizer.seen[-1], expected)


def test_ppo_starts_with_the_plain_gradient_of_normalized_rewards():
    rule = begin(ProximalPolicy(batch_size=2, epochs=1, entropy=0.0))
    tell(rule, ((0, 0), 10.0), ((1, 0), 30.0))
    expected = torch.tensor([[0.5, -0.5, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(rule.optimizer.seen[0], expected)


@pytest.mark.parametrize(
    ("shift", "reward", "counts"),
    [
        (math.log(1.5), 2.0, False),  # already likelier than 1.2 times: good news counts no more
        (math.log(1.5), -2.0, True),  # bad news does
        (math.log(0.5), 2.0, True),
        (math.log(0.5), -2.0, False),
        (math.log(1.1), 2.0, True),
    ],
)
def test_ppo_clips_where_the_ratio_went_too_far(shift, reward, counts):
    """One of two decision vectors was drawn when it was less or more likely than now, by ``shift``."""
    rule = begin(ProximalPolicy(batch_size=2, epochs=1, clip=0.2, entropy=0.0))
    now = -math.log(6)
    # the other one is far out of its clip range on the side that does not count
    tell(rule, ((0, 0), reward, now - shift), ((2, 1), 0.0, now - (5.0 if reward < 0 else -5.0)))
    column = rule.optimizer.seen[0][0]
    assert (float(column[0]) != 0.0) is counts


def test_ppo_uses_the_log_probability_of_the_draw():
    rule = begin(ProximalPolicy(batch_size=2, epochs=1, entropy=0.0, clip=0.9))
    now = -math.log(6)
    tell(rule, ((0, 0), 1.0, now - math.log(1.5)), ((1, 0), -1.0, now))
    ratio_times_advantage = torch.tensor([1.5, -1.0], dtype=torch.float64) / 2
    gradient = rule.optimizer.seen[0][0]
    ours = -(ratio_times_advantage[0] * torch.tensor([2 / 3, -1 / 3, -1 / 3], dtype=torch.float64))
    ours -= ratio_times_advantage[1] * torch.tensor([-1 / 3, 2 / 3, -1 / 3], dtype=torch.float64)
    torch.testing.assert_close(gradient, ours)


def test_ppo_goes_through_every_minibatch_in_every_epoch():
    rule = begin(ProximalPolicy(batch_size=5, epochs=3, minibatches=2))
    tell(rule, *(((i % 3, i % 2), float(i)) for i in range(5)))
    assert len(rule.optimizer.seen) == 6


def test_decisions_that_were_all_but_impossible_do_no_harm():
    rule = ProximalPolicy(batch_size=2, epochs=2).begin(begin(Reinforce()).policy)
    tell(rule, ((0, 0), 1.0, -1e4), ((1, 0), -1.0, -1e4))
    assert torch.isfinite(rule.policy.parameters["logits"]).all()


def test_normalize_has_mean_zero_and_deviation_one():
    found = normalize([3.0, 9.0, 4.0, 4.5])
    assert sum(found) == pytest.approx(0.0, abs=1e-12)
    assert sum(one * one for one in found) / 4 == pytest.approx(1.0)


def test_adam_is_as_published():
    """Algorithm 1 of the paper in plain numbers, in the efficient form of section 2."""
    weight, target = np.array([0.0, 5.0]), (1.0, -2.0)
    adam = Adam({"w": weight}, 0.1)
    x, m, v = [0.0, 5.0], [0.0, 0.0], [0.0, 0.0]
    for t in range(1, 26):
        adam.step([2 * (weight - target)])
        for i in range(2):
            g = 2 * (x[i] - target[i])
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g * g
            rate = 0.1 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            x[i] -= rate * m[i] / (math.sqrt(v[i]) + 1e-8)
    assert weight.tolist() == pytest.approx(x, abs=1e-12)


def test_a_rule_is_copied():
    rule = Reinforce(batch_size=3)
    policy = Recurrent(hidden=4, embedding=2)
    first, second = begin(rule, policy=policy), begin(rule)
    tell(first, ((0, 0), 1.0))
    assert (len(first.waiting), len(second.waiting)) == (1, 0)
    assert not hasattr(rule, "waiting")


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (
            Reinforce,
            {"batch_size": 0},
            r"Reinforce\(batch_size=...\) takes an integer of at least 1; got 0",
        ),
        (ProximalPolicy, {"batch_size": 1}, r"takes an integer of at least 2; got 1"),
        (Reinforce, {"learning_rate": 0}, r"learning_rate=...\) takes a finite number above 0; got 0"),
        (Reinforce, {"learning_rate": math.inf}, r"takes a finite number above 0; got inf"),
        (Reinforce, {"learning_rate": math.nan}, r"takes a finite number above 0; got nan"),
        (Reinforce, {"entropy": -0.1}, r"entropy=...\) takes a finite number of at least 0; got -0.1"),
        (Reinforce, {"baseline_decay": 1.0}, r"of at least 0 and below 1; got 1.0"),
        (ProximalPolicy, {"clip": 1.0}, r"clip=...\) takes a finite number above 0 and below 1; got 1.0"),
        (ProximalPolicy, {"epochs": 0}, r"ProximalPolicy\(epochs=...\) takes an integer of at least 1"),
        (ProximalPolicy, {"minibatches": 9}, r"minibatches=...\) takes an integer from 1 to 8; got 9"),
    ],
)
def test_bad_options(make, options, message):
    with pytest.raises(FieldValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 2.0}, r"takes an integer of at least 1; got 2.0 of type float"),
        ({"batch_size": True}, r"got True of type bool"),
        (
            {"learning_rate": "fast"},
            r"learning_rate=...\) takes a finite number above 0; got 'fast' of type str",
        ),
        ({"scaled": 1}, r"scaled=...\) takes True or False; got 1 of type int"),
    ],
)
def test_options_of_wrong_types(options, message):
    with pytest.raises(FieldTypeError, match=message):
        Reinforce(**options)
