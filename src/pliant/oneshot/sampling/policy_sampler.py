"""Base class of samplers that learn a policy by rewards, with a policy and a rule of ``algorithms.policy``.

ENAS and TuNAS decide when networks are drawn and when the policy learns.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar

import torch

from pliant.algorithms.policy import Policy, Rule, Told
from pliant.space import Decisions
from pliant.values.errors import RewardError

from ..capability import DECISION_KINDS
from ..choices.evaluation import evaluating
from ..normalization import BatchStatistics, Normalization
from ..sampler import Sampler, Step

Reward = Callable[[float, Decisions], float]


class PolicySampler(Sampler):
    """Draws networks from a policy that a rule updates by rewards.

    Args:
      rule: how the policy learns.
      policy: the distribution of networks.
      reward: from the quality of a network and its decisions to its reward; the quality itself when None.
      normalization: the statistics of normalization layers while a network is judged.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    def __init__(
        self, rule: Rule, policy: Policy, *, reward: Reward | None, normalization: Normalization | None
    ) -> None:
        super().__init__()
        self._blank = rule, policy
        self.reward: Reward = reward or _quality
        self.normalization = normalization or BatchStatistics()
        self.last_reward = math.nan

    def _bind(self) -> None:
        rule, policy = self._blank
        self.policy = copy.copy(policy)
        self.policy.setup(self.supernet.space, Random(self.random.random()))
        self.rule = rule.begin(self.policy)

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's arguments, with the policy and the rule in their first state."""
        rule, policy = self._blank
        return {**super().options, "rule": rule, "policy": policy}

    def judge(self, step: Step, decisions: Decisions, batch: Any = None) -> float:
        """Returns the reward of a network on a batch of the validation data.

        Raises:
          RewardError: it is not finite.
        """
        net = self.supernet
        with evaluating(net):
            net.activate(decisions)
            with self.normalization.applied(net, step.train_batches, step.loss), torch.no_grad():
                quality = step.quality(step.next_valid() if batch is None else batch)
        reward = float(self.reward(quality, decisions))
        if not math.isfinite(reward):
            raise RewardError(
                f"the reward of the network {decisions.to_params_str()} is {reward}, from the quality {quality}. "
                "Diverged weights are a usual reason: lower their learning rate, or clip gradients."
            )
        self.last_reward = reward
        return reward

    def learn(self, decisions: Decisions, reward: float) -> None:
        """Updates the policy by a reward."""
        with torch.inference_mode(mode=False), torch.enable_grad():
            log_prob = float(self.policy.log_prob([decisions]).detach()[0])
            self.rule.learn(Told(decisions, reward, log_prob), self.random)

    def decisions(self) -> Decisions:
        """Returns the most probable network."""
        space = self.supernet.space  # raises before `bind`
        return Decisions(space, self.policy.mode().values)

    def metrics(self) -> dict[str, float]:
        draw = Random(0)  # the mean entropy of some networks, drawn apart from the search
        drawn = [self.policy.sample(draw)[0] for _ in range(8)]
        _, entropy = self.policy.evaluate(self.policy.encode(drawn))
        best = float(self.policy.log_prob([self.policy.mode()]).detach()[0])
        points = max(len(self.policy.mode()), 1)
        return {
            "entropy": float(entropy.detach().mean()),
            "leading": math.exp(best / points),  # the geometric mean
            "reward": self.last_reward,
        }

    def _state(self) -> dict[str, Any]:
        return {"policy": self.policy.state(), "rule": self.rule.state(), "reward": self.last_reward}

    def _restore(self, state: dict[str, Any]) -> None:
        self.policy.restore(state["policy"])
        self.rule.restore(state["rule"])
        self.last_reward = state["reward"]


def _quality(quality: float, decisions: Decisions) -> float:
    return quality
