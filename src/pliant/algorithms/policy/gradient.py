"""Policy-gradient search: an update rule and a policy as one algorithm; ``PPO`` and ``REINFORCE``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, final

import torch

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed, suggest

from ..base import Algorithm, take_first
from ..options import check_part
from ..rewards import Reward
from .factorized import Factorized
from .policy import Policy
from .ppo import ProximalPolicy
from .recurrent import Recurrent
from .reinforce import Reinforce
from .rule import Rule, Told


@final
class PolicyGradient(Algorithm):
    """Policy-gradient search: draws decisions from a policy, which an update rule changes by the rewards.

    >>> from pliant.algorithms.policy import Factorized, Reinforce
    >>> from pliant.space import choice, flatten
    >>> algorithm = PolicyGradient(Reinforce(learning_rate=0.3), Factorized(), seed=1)
    >>> algorithm.setup(flatten([choice("op", 3), choice("act", 3)]))
    >>> for _ in range(50):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, float(sum(decisions)))
    >>> algorithm.policy.mode().values
    (2, 2)

    Failed or infeasible decisions (a reward of None) count as the worst reward so far, and are ignored before the
    first reward.  A converging policy repeats decisions, and each repetition is a trial; use ``Deduplicate`` if trials
    are expensive and rewards are deterministic.

    Args:
      rule: the update rule; it is copied, so several algorithms may use one object.
      policy: the distribution of proposals; copied likewise.
      seed: of the random numbers, initial weights included.
    """

    def __init__(self, rule: Rule, policy: Policy, *, seed: int = 0) -> None:
        super().__init__(seed)
        check_part(rule, Rule, "PolicyGradient(rule=...)", "the update rule, such as `Reinforce()`")
        check_part(policy, Policy, "PolicyGradient(policy=...)", "the policy, such as `Factorized()`")
        self._blank = rule, policy
        self.rule, self.policy = rule, policy

    def _setup(self) -> None:
        rule, policy = self._blank
        self.policy = copy.copy(policy)
        with _own_settings():
            self.policy.setup(self.space, self.random)
            self.rule = rule.begin(self.policy)
        self._pending: dict[Decisions, list[float]] = {}  # log-probabilities of pending proposals
        self._worst: float | None = None

    def _propose(self) -> Decisions:
        decisions, log_prob = self.policy.sample(self.random)
        self._pending.setdefault(decisions, []).append(log_prob)
        return decisions

    def _withdraw(self, decisions: Decisions) -> None:
        waiting = self._pending.get(decisions)
        if waiting:
            waiting.pop()
            if not waiting:
                del self._pending[decisions]

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        log_prob = take_first(self._pending, decisions)
        if reward is None:
            reward = self._worst
        if reward is None:
            return
        assert isinstance(reward, float)  # several rewards were refused
        self._worst = reward if self._worst is None else min(self._worst, reward)
        with _own_settings():
            if log_prob is None:
                log_prob = float(self.policy.log_prob([decisions]).detach()[0])
            if self.policy.has_weights:
                self.rule.learn(Told(decisions, reward, log_prob), self.random)

    def _state(self) -> dict[str, Any]:
        return {
            "of": [type(self.rule).__name__, type(self.policy).__name__],
            "policy": self.policy.state(),
            "rule": self.rule.state(),
            "pending": [[one.to_json(), list(log_probs)] for one, log_probs in self._pending.items()],
            "worst": self._worst,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        of = [type(self.rule).__name__, type(self.policy).__name__]
        if state["of"] != of:
            raise ValueError(f"it belongs to a search by {state['of']}, and this one is by {of}.")
        with _own_settings():
            self.policy.restore(state["policy"])
            self.rule.restore(state["rule"])
        self._pending = {
            self._load(values): [float(one) for one in log_probs] for values, log_probs in state["pending"]
        }
        self._worst = None if state["worst"] is None else float(state["worst"])


@contextmanager
def _own_settings() -> Iterator[None]:
    """Overrides torch settings of a surrounding training loop: no gradients, inference mode, default device."""
    with torch.inference_mode(False), torch.enable_grad():
        # get_default_device of PyTorch 2.6 fails after set_default_device(None)
        if torch.empty(()).device.type == "cpu":
            yield
        else:
            with torch.device("cpu"):
                yield


PolicyName = Literal["factorized", "lstm"]

POLICIES: dict[str, Callable[[], Policy]] = {"factorized": Factorized, "lstm": Recurrent}
"""The policies by name."""


def PPO(  # noqa: N802 - an algorithm, called like the classes beside it
    *,
    policy: PolicyName | Policy = "factorized",
    batch_size: int = 8,
    epochs: int = 4,
    minibatches: int = 1,
    clip: float = 0.2,
    learning_rate: float | None = None,
    entropy: float = 0.05,
    seed: int = 0,
) -> PolicyGradient:
    """Returns proximal policy optimization; see ``ProximalPolicy`` for the method and the options.

    >>> from pliant.space import choice, flatten
    >>> algorithm = PPO(seed=1)
    >>> algorithm.setup(flatten([choice("op", 3), choice("act", 2)]))
    >>> algorithm.propose()
    Decisions({'op': 1, 'act': 1})

    Args:
      policy: ``"factorized"`` (independent logits for each point), ``"lstm"`` (each decision depends on those before
        it), or any policy.
      batch_size: number of rewards per update; at least 2.
      epochs: passes over each batch.
      minibatches: number of parts of a batch.
      clip: the change of a probability ratio beyond which its gradient is cut.
      learning_rate: the step size of Adam; None is 0.1, and 0.005 with an LSTM.
      entropy: the weight of the policy's entropy, per nat.
      seed: of the random numbers.

    Raises:
      FieldTypeError, FieldValueError: an option is invalid.
    """
    chosen = _policy(policy, "PPO")
    rule = ProximalPolicy(
        batch_size=batch_size,
        epochs=epochs,
        minibatches=minibatches,
        clip=clip,
        learning_rate=_rate(learning_rate, chosen),
        entropy=entropy,
    )
    return PolicyGradient(rule, chosen, seed=seed)


def REINFORCE(  # noqa: N802 - an algorithm, called like the classes beside it
    *,
    policy: PolicyName | Policy = "factorized",
    batch_size: int = 1,
    baseline_decay: float = 0.9,
    scaled: bool = True,
    discount: float = 1.0,
    learning_rate: float | None = None,
    entropy: float = 0.1,
    seed: int = 0,
) -> PolicyGradient:
    """Returns REINFORCE with a moving baseline; see ``Reinforce`` for the method and the options.

    >>> from pliant.space import choice, flatten
    >>> algorithm = REINFORCE(policy="lstm", seed=1)
    >>> algorithm.setup(flatten([choice("op", 3), choice("act", 2)]))
    >>> algorithm.feedback(algorithm.propose(), 0.5)

    Args:
      policy: as for ``PPO``.
      batch_size: number of rewards per update.
      baseline_decay: decay rate of the baseline, in [0, 1).
      scaled: whether advantages are divided by their moving standard deviation.
      discount: the factor of a decision's credit for each decision after it, above 0 and up to 1.
      learning_rate: as for ``PPO``.
      entropy: the weight of the policy's entropy, per nat.
      seed: of the random numbers.

    Raises:
      FieldTypeError, FieldValueError: an option is invalid.
    """
    chosen = _policy(policy, "REINFORCE")
    rule = Reinforce(
        batch_size=batch_size,
        learning_rate=_rate(learning_rate, chosen),
        entropy=entropy,
        baseline_decay=baseline_decay,
        scaled=scaled,
        discount=discount,
    )
    return PolicyGradient(rule, chosen, seed=seed)


def _policy(policy: object, owner: str) -> Policy:
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str):
        raise FieldTypeError(
            f"{owner}(policy=...) takes one of {listing(POLICIES)}, or a policy such as `Factorized()`; got "
            f"{quote_typed(policy)}."
        )
    if policy not in POLICIES:
        raise FieldValueError(
            f"{owner}(policy=...): unknown policy {quote(policy)}{suggest(policy, POLICIES) or '.'} "
            f"Known: {listing(POLICIES)}."
        )
    return POLICIES[policy]()


def _rate(given: float | None, policy: Policy) -> float:
    return given if given is not None else 0.1 if isinstance(policy, Factorized) else 0.005
