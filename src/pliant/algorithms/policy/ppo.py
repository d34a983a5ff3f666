"""``ProximalPolicy``, the update rule of proximal policy optimization (PPO)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from random import Random
from typing import final

import torch

from ..options import check_count, check_number
from .rule import Rule, Told


@final
class ProximalPolicy(Rule):
    """PPO update: maximizes ``mean(min(q a, clip(q, 1 - c, 1 + c) a)) + entropy * H(pi)``, ``q = pi(d) / pi_old(d)``.

    Schulman et al. (2017), "Proximal Policy Optimization Algorithms", equations 7 and 9 and algorithm 1, as
    NASNet (Zoph et al. 2018) uses it: a whole decision vector is one action, so ``q`` is the ratio of
    the joint probabilities of its active decisions.  Instead of a value network, the advantage ``a`` is the reward
    normalized to mean 0 and standard deviation 1 over the batch.  ``pi_old`` is the policy that drew the decision
    vector, even if its reward arrives updates later; decisions that were not proposed count as drawn when their
    reward arrives.

    Args:
      batch_size: number of rewards per update; at least 2.
      epochs: passes over each batch.
      minibatches: number of parts of a batch, shuffled in each epoch.
      clip: ``c``, the change of the ratio from 1 beyond which its gradient is cut.
      learning_rate: the step size of Adam.
      entropy: the weight of the policy's entropy, per nat.
    """

    def __init__(
        self,
        *,
        batch_size: int = 8,
        epochs: int = 4,
        minibatches: int = 1,
        clip: float = 0.2,
        learning_rate: float = 0.1,
        entropy: float = 0.05,
    ) -> None:
        super().__init__(batch_size, learning_rate, entropy, smallest_batch=2)
        self.epochs = check_count(epochs, "epochs", self)
        self.minibatches = check_count(minibatches, "minibatches", self, most=self.batch_size)
        self.clip = check_number(clip, "clip", self, above=0.0, below=1.0)

    def update(self, told: list[Told], random: Random) -> None:
        batch = self.policy.encode([one.decisions for one in told])
        old = torch.tensor([one.log_prob for one in told], dtype=torch.float64)
        advantages = torch.tensor(normalize([one.reward for one in told]), dtype=torch.float64)
        rows = list(range(len(told)))
        for _ in range(self.epochs):
            if self.minibatches > 1:
                random.shuffle(rows)
            for part in range(self.minibatches):
                at = rows[part :: self.minibatches]
                some = batch if self.minibatches == 1 else batch.take(at)
                log_prob, entropy = self.policy.evaluate(some, entropy=self.entropy > 0.0)
                # keeps the ratio finite for decisions that had nearly zero probability
                ratio = (log_prob - old[at]).clamp(max=_LARGEST).exp()
                clipped = ratio.clamp(1.0 - self.clip, 1.0 + self.clip)
                gain = torch.minimum(ratio * advantages[at], clipped * advantages[at]).mean()
                self.descend(-gain - self.entropy * entropy.mean())


def normalize(rewards: Sequence[float]) -> list[float]:
    """Returns rewards with mean 0 and standard deviation 1; zeros if all are equal.

    >>> normalize([1.0, 3.0]), normalize([0.1, 0.1, 0.1])
    ([-1.0, 1.0], [0.0, 0.0, 0.0])
    """
    middle = sum(rewards) / len(rewards)
    spread = sqrt(sum((reward - middle) ** 2 for reward in rewards) / len(rewards))
    if spread <= 1e-12 * abs(middle):
        return [0.0] * len(rewards)
    return [(reward - middle) / spread for reward in rewards]


_LARGEST = 20.0
