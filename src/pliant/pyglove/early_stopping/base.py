"""Early stopping policies that combine: ``a & b``, ``a | b``, ``~a``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import symbolic
from .. import typing as pg_typing
from ..tuning.early_stopping import EarlyStoppingPolicy
from ..tuning.protocols import Trial


class EarlyStopingPolicyBase(EarlyStoppingPolicy):
    """Base class of early stopping policies that combine with ``&``, ``|``, ``~`` and ``-``; the name is spelled as in PyGlove."""

    def __and__(self, other: EarlyStoppingPolicy) -> And:
        made: And = And([self, other])
        return made

    def __or__(self, other: EarlyStoppingPolicy) -> Or:
        made: Or = Or([self, other])
        return made

    def __invert__(self) -> Not:
        made: Not = Not(self)
        return made

    def __neg__(self) -> Not:
        return ~self


@symbolic.members(
    [("policies", pg_typing.List(pg_typing.Object(EarlyStoppingPolicy), min_size=2), "The policies.")]
)
class Composite(EarlyStopingPolicyBase):
    """Base class of policies that ask several others."""

    def setup(self, dna_spec: Any) -> None:
        super().setup(dna_spec)
        for policy in self.policies:
            policy.setup(dna_spec)

    def recover(self, history: Iterable[Trial]) -> None:
        trials = list(history)
        for policy in self.policies:
            policy.recover(trials)

    def _ask(self, trial: Trial) -> list[bool]:
        """Returns what each policy decides; each is asked, as policies learn from the trials that they see."""
        return [policy.should_stop_early(trial) for policy in self.policies]


class And(Composite):
    """Gives a trial up where all policies do."""

    def should_stop_early(self, trial: Trial) -> bool:
        return all(self._ask(trial))


class Or(Composite):
    """Gives a trial up where one of the policies does."""

    def should_stop_early(self, trial: Trial) -> bool:
        return any(self._ask(trial))


@symbolic.members([("policy", pg_typing.Object(EarlyStoppingPolicy), "The policy.")])
class Not(EarlyStopingPolicyBase):
    """Gives a trial up where a policy does not."""

    def setup(self, dna_spec: Any) -> None:
        super().setup(dna_spec)
        self.policy.setup(dna_spec)

    def should_stop_early(self, trial: Trial) -> bool:
        return not self.policy.should_stop_early(trial)

    def recover(self, history: Iterable[Trial]) -> None:
        self.policy.recover(history)
