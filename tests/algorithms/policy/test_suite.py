"""Every combination of rule and policy passes the suite that ships for everybody's algorithms."""

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
    trials = 20

    def make(self, seed: int) -> Algorithm:
        return REINFORCE(seed=seed)


class TestReinforceInBatchesRecurrent(AlgorithmSuite):
    trials = 12

    def make(self, seed: int) -> Algorithm:
        rule = Reinforce(batch_size=4, entropy=0.1, learning_rate=0.05)
        return PolicyGradient(rule, Recurrent(hidden=8, embedding=4), seed=seed)


class TestPPOFactorized(AlgorithmSuite):
    trials = 24

    def make(self, seed: int) -> Algorithm:
        return PPO(batch_size=8, seed=seed)


class TestPPORecurrent(AlgorithmSuite):
    trials = 12

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
