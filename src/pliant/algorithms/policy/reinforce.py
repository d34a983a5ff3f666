"""``Reinforce``, the update rule of REINFORCE: the likelihood-ratio gradient with a moving-average baseline."""

from __future__ import annotations

from math import sqrt
from random import Random
from typing import Any, final

import torch

from ..options import check_flag, check_number
from .rule import Rule, Told


@final
class Reinforce(Rule):
    """REINFORCE update: steps along ``mean(a grad log pi(d)) + entropy * grad H(pi)``, advantages ``a = (r - b) / s``.

    Williams (1992), "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
    Learning", section 4; the baseline ``b`` as in ENAS and NAS-Bench-201: an exponential moving
    average of the rewards, with bias correction, that includes the current reward (so the first advantage is zero).

    Our additions: ``s`` is the moving standard deviation about that average, so that learning does not depend on the
    unit of the reward, and advantages are clipped to 3 of these, because Adam remembers the square of one outlier (a
    network that does not train) for a thousand steps.  ``scaled=False, entropy=0`` is the published method.

    With a ``discount`` below 1, a decision has less credit the more decisions follow it: ``a`` is multiplied by ``discount ** n`` for
    n decisions after it (Sutton and Barto, 2018, equation 3.8, with the reward after the last decision).  It lowers the variance of
    the gradient, and favours learning the last decisions first.

    A late reward is treated like a reward of decisions that were just drawn.

    Args:
      batch_size: number of rewards per update.
      learning_rate: the step size of Adam.
      entropy: the weight of the policy's entropy, per nat.
      baseline_decay: decay rate of the baseline, in [0, 1).
      scaled: whether advantages are divided by their moving standard deviation, and clipped.
      discount: the factor of a decision's credit for each decision after it, above 0 and up to 1.
    """

    def __init__(
        self,
        *,
        batch_size: int = 1,
        learning_rate: float = 0.1,
        entropy: float = 0.1,
        baseline_decay: float = 0.9,
        scaled: bool = True,
        discount: float = 1.0,
    ) -> None:
        super().__init__(batch_size, learning_rate, entropy)
        self.baseline_decay = check_number(baseline_decay, "baseline_decay", self, below=1.0)
        self.scaled = check_flag(scaled, "scaled", self)
        self.discount = check_number(discount, "discount", self, above=0.0, most=1.0)

    def _start(self) -> None:
        self._weight: float = 0.0  # of all rewards so far, tends to 1
        self._mean: float = 0.0
        self._variance: float = 0.0

    def update(self, told: list[Told], random: Random) -> None:
        advantages = torch.tensor([self._advantage(one.reward) for one in told], dtype=torch.float64)
        batch = self.policy.encode([one.decisions for one in told])
        options = {} if self.discount == 1.0 else {"discount": self.discount}
        log_prob, entropy = self.policy.evaluate(batch, entropy=self.entropy > 0.0, **options)
        self.descend(-(advantages * log_prob).mean() - self.entropy * entropy.mean())

    def _advantage(self, reward: float) -> float:
        """Updates the baseline with a reward, and returns its advantage."""
        keep, share = self.baseline_decay, 1.0 - self.baseline_decay
        self._weight = keep * self._weight + share
        share /= self._weight
        before = self._mean
        self._mean += share * (reward - before)
        # the variance about a moving mean, one number at a time (West 1979, with weights that decay)
        self._variance += share * ((reward - before) * (reward - self._mean) - self._variance)
        if not self.scaled:
            return reward - self._mean
        spread = sqrt(max(self._variance, 0.0))
        if spread <= _SAME * abs(self._mean):
            return 0.0
        return min(max((reward - self._mean) / spread, -_WIDEST), _WIDEST)

    def _state(self) -> dict[str, Any]:
        return {"weight": self._weight, "mean": self._mean, "variance": self._variance}

    def _restore(self, state: dict[str, Any]) -> None:
        self._weight, self._mean = float(state["weight"]), float(state["mean"])
        self._variance = float(state["variance"])


_SAME = 1e-12  # rewards whose spread is smaller than this share of their mean count as equal
_WIDEST = 3.0
