"""``EarlyStoppingPolicy``: the interface of rules that give up trials before their end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import symbolic
from .protocols import Trial


class EarlyStoppingPolicy(symbolic.Object):
    """Base class of rules that decide from its measurements whether a trial is given up.

    >>> from pliant.pyglove.tuning.protocols import Measurement
    >>> class Patience(EarlyStoppingPolicy):
    ...     def should_stop_early(self, trial):
    ...         return len(trial.measurements) > 2 and trial.measurements[-1].reward < 0.1
    >>> Patience().should_stop_early(Trial(id=1, measurements=[Measurement(0, 0.0, 0.05)] * 3))
    True
    """

    def setup(self, dna_spec: Any) -> None:
        """Prepares the rule for trials of a genotype."""
        self._dna_spec = dna_spec

    @property
    def dna_spec(self) -> Any:
        """The genotype that is searched; None before ``setup``."""
        return getattr(self, "_dna_spec", None)

    def should_stop_early(self, trial: Trial) -> bool:
        """Returns whether to give a trial up."""
        raise NotImplementedError(f"{type(self).__name__} has no `should_stop_early`. Write it.")

    def recover(self, history: Iterable[Trial]) -> None:
        """Brings the rule to where it was after earlier trials, in order."""
        for trial in history:
            if trial.measurements:
                self.should_stop_early(trial)
