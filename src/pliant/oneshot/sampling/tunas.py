"""TuNAS: trains weights and a factorized policy together, one network per step, towards a target cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, final

import torch

from pliant.algorithms.objectives import absolute
from pliant.algorithms.options import check_number
from pliant.algorithms.policy import Factorized, Policy, Reinforce, Rule
from pliant.algorithms.policy.draw import draw_decisions
from pliant.space import Choice, Decisions, Int, from_unit, mutate
from pliant.values.errors import FieldValueError, quote
from pliant.values.numbers import to_real

from ..choices.choice import LayerChoice
from ..normalization import Normalization
from ..sampler import Step
from .extremes import largest, rank, smallest
from .policy_sampler import PolicySampler


@final
class TuNAS(PolicySampler):
    """Bender et al., "Can weight sharing outperform random architecture search?", CVPR 2020.

    Each step draws a network, trains its weights on a training batch, judges it on a validation batch with the statistics of
    that batch, and updates the policy by REINFORCE.  The reward is ``quality + exponent * |cost / target - 1|``.

    - *Delay*: the policy is constant for the first ``delay`` of all steps; then its learning rate grows tenfold,
      exponentially, until the last step.
    - *Op warm-up*: over the first ``warm_up`` of all steps, with a probability that falls from 1 to 0, a choice between
      modules runs all its candidates, averaged.
    - *Filter warm-up*: with the same probability, a number among the arguments of a module is the largest one.
    - The baseline is a moving average (0.95), corrected for its start, that includes the present reward; Adam has
      no momentum (beta1 = 0).

    Differences: theirs averages gradients over 32 accelerators that each draw a network; with one device, a step has one
    network, and rewards vary more.  Theirs judges the network as warm-up changed it, ours the network that was drawn; this
    changes the baseline only, because the policy is constant during warm-up.

    Args:
      cost: a function of decisions, such as ``MultiplyAdds(net, example)``.
      target: the wanted cost.
      exponent: the weight of a deviation in the reward; negative.
      learning_rate: of the policy when the delay ends (theirs: 3e-4 for each 256 images of a batch).
      delay: the share of all steps during which the policy is constant.
      warm_up: the share of all steps over which warm-up fades; at most ``delay``.
      policy: the distribution of networks; independent choices when None.
      rule: how the policy learns; as above when None.
      normalization: the statistics of normalization layers while a network is judged; those of the batch when None.

    Raises:
      FieldValueError: a cost without a target, an exponent that is not negative, a warm-up longer than the delay.
    """

    def __init__(
        self,
        *,
        cost: Callable[[Decisions], float] | None = None,
        target: float | None = None,
        exponent: float = -0.1,
        learning_rate: float = 3e-4,
        delay: float = 0.25,
        warm_up: float = 0.25,
        policy: Policy | None = None,
        rule: Rule | None = None,
        normalization: Normalization | None = None,
    ) -> None:
        if (cost is None) is not (target is None):
            raise FieldValueError(
                f"TuNAS moves a cost towards a target; got cost={quote(cost, 60)} and target={quote(target)}. Give both or neither."
            )
        delay = check_number(delay, "delay", "TuNAS", below=1.0)
        if not 0 <= (warm_up := check_number(warm_up, "warm_up", "TuNAS")) <= delay:
            raise FieldValueError(
                f"warm_up and delay of TuNAS are shares of all steps, with 0 <= warm_up <= delay < 1; got warm_up={quote(warm_up)} and "
                f"delay={quote(delay)}."
            )

        def reward(quality: float, decisions: Decisions) -> float:
            return quality if cost is None else absolute(quality, cost(decisions), target, exponent=exponent)

        number = to_real(exponent)
        if number is None or not -math.inf < number < 0:
            raise FieldValueError(
                f"TuNAS(exponent=...) takes a finite number below 0, such as -0.1; got {quote(exponent)}. An exponent of 0 or more would "
                "reward a distance from the target."
            )
        self.exponent = number
        self.learning_rate = learning_rate = check_number(learning_rate, "learning_rate", "TuNAS", above=0.0)
        self._is_ours = rule is None
        options = {"learning_rate": learning_rate, "entropy": 0.0, "baseline_decay": 0.95}
        rule = rule or Reinforce(batch_size=1, scaled=False, **options)
        super().__init__(rule, policy or Factorized(), reward=reward, normalization=normalization)
        self.cost, self.target = cost, target
        self.delay, self.warm_up = delay, warm_up

    def _bind(self) -> None:
        super()._bind()
        self.check_target()
        if self._is_ours:
            self.rule.optimizer.betas = (0.0, 0.999)
        self._rate = self.rule.optimizer.learning_rate
        self._drawn: Decisions | None = None
        self._choices = {m.key: len(m) for m in self.supernet.network.modules() if isinstance(m, LayerChoice)}

    def check_target(self) -> None:
        """Checks that networks on both sides of the target cost exist, among random and mutated ones.

        Raises:
          FieldValueError: all cost less, or all more.
        """
        if self.cost is None or self.target is None:
            return
        space, target, random = self.supernet.space, self.target, Random(0)
        low, high, nearest = math.inf, -math.inf, (math.inf, smallest(space))
        # Random networks of a large space have similar costs, so mutants of the nearest one are tried at last.
        mutants = (mutate(nearest[1], random) for _ in range(1024 if space.size != 1 else 0))
        ends = smallest(space), largest(space)
        for decisions in itertools.chain(ends, map(space.sample, range(256)), mutants):
            cost = self.cost(decisions)
            low, high = min(low, cost), max(high, cost)
            if low <= target <= high:
                return
            if abs(cost - target) <= abs(nearest[0] - target):
                nearest = cost, decisions
        raise FieldValueError(
            f"the target cost {target:g} is outside of the costs found in this space, {low:g} to {high:g}. Choose a target in "
            "between, or change the candidates."
        )

    def before_weights(self, step: Step) -> None:
        decisions, _ = self.policy.sample(self.random)
        self._drawn = decisions
        share = 1.0 - step.progress / self.warm_up if self.warm_up else 0.0
        self.supernet.activate(decisions)
        if share > 0.0:
            self._warm_up(decisions, share)

    def _warm_up(self, decisions: Decisions, share: float) -> None:
        """Replaces decisions, each with probability ``share``: by all candidates at once, or by the largest value."""
        points, selection = self.supernet.space.points, self.supernet.selection
        for index in decisions.active:
            point = points[index]
            count = self._choices.get(point.path)
            group = point.group if isinstance(point, Choice) else None
            is_plain = isinstance(point, Choice) and group is None and not any(point.branches)
            is_size = isinstance(point, Int) or (is_plain and bool(point.values))  # type: ignore[union-attr]
            is_bound = group is not None and (group.distinct or group.sorted)  # depends on the other picks
            if (count is None and not is_size) or is_bound or self.random.random() >= share:
                continue
            if count is None:
                selection.values[point.path] = rank(point)[-1]  # type: ignore[arg-type]  # no float, by is_size
                continue
            selection.weights[point.path] = torch.full((count,), 1.0 / count)
            if isinstance(point, Choice) and any(point.branches):
                self._fill_branches(decisions, index, count)

    def _fill_branches(self, decisions: Decisions, index: int, count: int) -> None:
        """Selects values inside the candidates of choice ``index`` that were not drawn, because all of them run."""
        space, net = self.supernet.space, self.supernet
        drawn, own = dict(zip(decisions.active, decisions.values)), net.to_values(decisions)

        for candidate in range(count):

            def pick(at: int, allowed: Sequence[int] | None, forced: int = candidate) -> int | float:
                if at == index:
                    return forced
                if at in drawn:
                    return drawn[at]
                point = space.points[at]
                if not isinstance(point, Choice):
                    return from_unit(point, self.random.random())
                open_to = range(point.count) if allowed is None else allowed
                return open_to[int(self.random.random() * len(open_to))]

            values = net.to_values(draw_decisions(space, pick))
            net.selection.values.update({key: value for key, value in values.items() if key not in own})

    def after_weights(self, step: Step) -> None:
        drawn = self._drawn
        assert drawn is not None  # before_weights comes first
        reward = self.judge(step, drawn)
        after = max(step.progress - self.delay, 0.0) / (1.0 - self.delay)
        self.rule.optimizer.learning_rate = self._rate * 10.0**after if step.progress >= self.delay else 0.0
        self.learn(drawn, reward)

    def metrics(self) -> dict[str, float]:
        found = super().metrics()
        if self.cost is not None:
            found["cost"] = float(self.cost(self.policy.mode()))
        return found

    def _state(self) -> dict[str, Any]:
        drawn = None if self._drawn is None else self._drawn.to_json()
        return {**super()._state(), "drawn": drawn}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        drawn = state["drawn"]
        self._drawn = None if drawn is None else Decisions.from_json(self.supernet.space, drawn)
