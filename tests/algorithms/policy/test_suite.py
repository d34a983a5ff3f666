"""Each rule and each policy passes the suite that ships for everybody's algorithms."""

from __future__ import annotations

import pytest

from pliant.algorithms import Algorithm
from pliant.algorithms.policy import (
    PPO,
    REINFORCE,
    Factorized,
    PolicyGradient,
    ProximalPolicy,
    Recurrent,
    Reinforce,
)
from pliant.testing.algorithms import AlgorithmSuite


class TestReinforceFactorized(AlgorithmSuite):
    trials = 14

    def make(self, seed: int) -> Algorithm:
        return REINFORCE(seed=seed)


class TestPPOFactorized(AlgorithmSuite):
    trials = 18

    def make(self, seed: int) -> Algorithm:
        return PPO(epochs=2, seed=seed)


class TestPPORecurrent(AlgorithmSuite):
    trials = 10

    def make(self, seed: int) -> Algorithm:
        rule = ProximalPolicy(batch_size=5, epochs=2, minibatches=2)
        return PolicyGradient(rule, Recurrent(hidden=8, embedding=4), seed=seed)


@pytest.mark.parametrize("policy", [Factorized(), Recurrent(hidden=8, embedding=4)])
@pytest.mark.parametrize("rule", [Reinforce(learning_rate=0.2), ProximalPolicy(batch_size=4)])
def test_one_rule_and_one_policy_serve_several_searches(rule, policy):
    suite = TestReinforceFactorized()

    def run() -> list:
        first, second = (PolicyGradient(rule, policy, seed=seed) for seed in (1, 2))
        first.setup(suite.space("flat"))
        second.setup(suite.space("conditional"))
        found = []
        for _ in range(12):
            for one in (first, second):
                decisions = one.propose()
                one.feedback(decisions, suite.reward(decisions))
                found.append(decisions.values)
        return found

    assert run() == run()
