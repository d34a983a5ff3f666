"""Proximal policy optimization: several careful steps on each batch.  A rule; ``recipes`` makes the algorithm."""

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
    """Climbs ``mean(min(q a, clip(q, 1 - c, 1 + c) a)) + entropy * H(pi)``, ``q = pi(d) / pi_old(d)``.

    Schulman et al. (2017), "Proximal Policy Optimization Algorithms", equations 7 and 9 and algorithm 1, as
    NASNet (Zoph et al. 2018) uses it: a whole decision vector is one action, so that ``q`` is the ratio of
    the probabilities of all its active decisions together, and there is no value network: the advantage ``a``
    is the reward normalized to mean 0 and standard deviation 1 over the batch.  ``pi_old`` is what each
    decision vector was drawn with, also where its reward comes updates later; decisions that were not
    proposed count as drawn when they were told.

    Args:
      batch_size: after how many rewards the policy changes; at least 2.
      epochs: how often each batch is gone through.
      minibatches: in how many parts, drawn anew each time.
      clip: ``c``, how far a ratio may move from 1 before it stops to count.
      learning_rate: the step size of Adam.
      entropy: the weight of the policy's entropy (exact where the policy knows it), per nat.
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
                # a decision that was all but impossible when drawn must not make the ratio infinite
                ratio = (log_prob - old[at]).clamp(max=_LARGEST).exp()
                clipped = ratio.clamp(1.0 - self.clip, 1.0 + self.clip)
                gain = torch.minimum(ratio * advantages[at], clipped * advantages[at]).mean()
                self.descend(-gain - self.entropy * entropy.mean())


def normalize(rewards: Sequence[float]) -> list[float]:
    """Returns rewards less their mean, over their standard deviation; zeros where all are equal.

    >>> normalize([1.0, 3.0]), normalize([0.1, 0.1, 0.1])
    ([-1.0, 1.0], [0.0, 0.0, 0.0])
    """
    middle = sum(rewards) / len(rewards)
    spread = sqrt(sum((reward - middle) ** 2 for reward in rewards) / len(rewards))
    if spread <= 1e-12 * abs(middle):
        return [0.0] * len(rewards)
    return [(reward - middle) / spread for reward in rewards]


_LARGEST = 20.0
