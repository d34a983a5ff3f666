"""The named algorithms of policy gradient: a rule and a policy each, with options that go together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pliant.values.errors import FieldTypeError, FieldValueError, listing, suggest

from .factorized import Factorized
from .gradient import PolicyGradient
from .options import options_of
from .policy import Policy
from .ppo import ProximalPolicy
from .recurrent import Recurrent
from .reinforce import Reinforce

PolicyName = Literal["factorized", "lstm"]

POLICIES: dict[str, Callable[[], Policy]] = {"factorized": Factorized, "lstm": Recurrent}
"""The policies that have names."""


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
      policy: ``"factorized"`` (logits of its own for each point), ``"lstm"`` (decisions that see those before
        them), or any policy.
      batch_size: after how many rewards the policy changes.
      epochs: how often each batch is gone through.
      minibatches: in how many parts.
      clip: how far the probability of decisions may move in one update before it stops to count.
      learning_rate: the step size of Adam; None stands for 0.1, and 0.005 with an LSTM.
      entropy: the weight of the entropy, per nat.
      seed: where the random numbers start.

    Raises:
      FieldTypeError, FieldValueError: an option is not what it should be.
    """
    chosen = _policy(policy, "PPO")
    with options_of("PPO", "ProximalPolicy"):
        rule = ProximalPolicy(
            batch_size=batch_size,
            epochs=epochs,
            minibatches=minibatches,
            clip=clip,
            learning_rate=_rate(learning_rate, chosen, 0.1, 0.005),
            entropy=entropy,
        )
    return PolicyGradient(rule, chosen, seed=seed)


def REINFORCE(  # noqa: N802 - an algorithm, called like the classes beside it
    *,
    policy: PolicyName | Policy = "factorized",
    batch_size: int = 1,
    baseline_decay: float = 0.9,
    scaled: bool = True,
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
      batch_size: after how many rewards the policy changes.
      baseline_decay: how slowly the baseline forgets, in [0, 1).
      scaled: whether advantages are divided by their moving standard deviation; False is as published
        (with ``entropy=0`` then).
      learning_rate: the step size of Adam; None stands for 0.1, and 0.005 with an LSTM.
      entropy: the weight of the entropy, per nat.
      seed: where the random numbers start.

    Raises:
      FieldTypeError, FieldValueError: an option is not what it should be.
    """
    chosen = _policy(policy, "REINFORCE")
    with options_of("REINFORCE", "Reinforce"):
        rule = Reinforce(
            batch_size=batch_size,
            learning_rate=_rate(learning_rate, chosen, 0.1, 0.005),
            entropy=entropy,
            baseline_decay=baseline_decay,
            scaled=scaled,
        )
    return PolicyGradient(rule, chosen, seed=seed)


def _policy(policy: Any, owner: str) -> Policy:
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str):
        raise FieldTypeError(
            f"{owner}(policy=...) takes one of {listing(POLICIES)}, or a policy such as `Factorized()`; got "
            f"{policy!r:.80} of type {type(policy).__name__}."
        )
    if policy not in POLICIES:
        raise FieldValueError(
            f"{owner}(policy=...) knows no policy {policy!r}{suggest(policy, POLICIES) or '.'} "
            f"Known: {listing(POLICIES)}."
        )
    return POLICIES[policy]()


def _rate(given: float | None, policy: Policy, factorized: float, other: float) -> float:
    if given is not None:
        return given
    return factorized if isinstance(policy, Factorized) else other
