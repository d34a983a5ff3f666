"""ENAS: an LSTM draws the networks that are trained; after each epoch it learns from validation batches."""

from __future__ import annotations

from typing import Any, final

from pliant.algorithms.options import check_count
from pliant.algorithms.policy import Policy, Recurrent, Reinforce, Rule
from pliant.space import Decisions

from ..normalization import Normalization, RunningStatistics
from ..sampler import Step
from .policy_sampler import PolicySampler, Reward


@final
class ENAS(PolicySampler):
    """Efficient neural architecture search via parameter sharing.

    Pham et al., ICML 2018, section 2.2: one phase per epoch trains the shared weights, each step on a network drawn from
    the policy; the other trains the policy by REINFORCE with a moving baseline, on the accuracy of networks on single
    validation batches.  After training some networks are drawn, and the best on one batch is taken.

    Differences: the baseline is corrected for its start at zero (theirs biases the first updates), and the entropy is the
    exact one of the policy, not an estimate from the sampled action.  The LSTM is ``policy.Recurrent``, without
    the bounds on logits (``tanh_constant``) and the penalty on skip connections of their macro space.

    Args:
      policy: the distribution of networks; an LSTM with 64 units when None.
      rule: how the policy learns; REINFORCE over batches of 10 rewards, Adam at 3.5e-3, entropy 1e-4, baseline 0.99 when None.
      updates: the number of updates of the policy after each epoch (theirs: 30 for cells, 50 for whole networks).
      draws: the number of networks that are drawn after training.
      reward: from quality and decisions to the reward; the quality when None.
      normalization: the statistics of normalization layers; the running ones when None, as theirs.

    Raises:
      FieldValueError: no updates, or no draws.
    """

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        rule: Rule | None = None,
        updates: int = 30,
        draws: int = 10,
        reward: Reward | None = None,
        normalization: Normalization | None = None,
    ) -> None:
        options = {"learning_rate": 3.5e-3, "entropy": 1e-4, "baseline_decay": 0.99}
        rule = rule or Reinforce(batch_size=10, scaled=False, **options)
        normalization = normalization or RunningStatistics()
        super().__init__(rule, policy or Recurrent(), reward=reward, normalization=normalization)
        self._best: Decisions | None = None
        self.updates = check_count(updates, "updates", "ENAS")
        self.draws = check_count(draws, "draws", "ENAS")

    def before_weights(self, step: Step) -> None:
        self.supernet.activate(self.policy.sample(self.random)[0])

    def end_epoch(self, step: Step) -> None:
        for _ in range(self.updates * self.rule.batch_size):
            decisions, _ = self.policy.sample(self.random)
            self.learn(decisions, self.judge(step, decisions))

    def finish(self, step: Step) -> None:
        batch = step.next_valid()
        drawn = [self.policy.sample(self.random)[0] for _ in range(self.draws)]
        self._best = max(drawn, key=lambda decisions: self.judge(step, decisions, batch))

    def decisions(self) -> Decisions:
        """Returns the best network that was drawn after training; before that, the most probable one."""
        likeliest = super().decisions()
        return likeliest if self._best is None else self._best

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "best": None if self._best is None else self._best.to_json()}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        best = state["best"]
        self._best = None if best is None else Decisions.from_json(self.supernet.space, best)
