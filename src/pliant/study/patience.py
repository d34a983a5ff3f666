"""When to give up on what evaluates: a search whose first trials all fail has a fault in its code, not in its programs.

Counts trials that ended; runs and records none.
"""

from __future__ import annotations

from typing import final

from pliant.values.errors import EvaluationError, RewardError

from .trials.constraint import Constraint, find_broken
from .trials.trial import Trial
from .view import View

PATIENCE = 5  # so many failures before the first reward are a fault of the code, not of the programs


@final
class Patience:
    """Ends a search whose first trials all fail.  A trial that breaks a constraint has not failed in this sense.

    Args:
      study: what the trials are of; one that has a reward already is searched whatever fails.
      advice: what to do, the last words of the error.
    """

    def __init__(self, study: View, advice: str) -> None:
        self._study, self._advice = study, advice
        self._constraints = [Constraint.parse(text) for text in study.constraints]
        self._failures = 0
        self._is_over = False

    def note(self, trial: Trial, trace: str = "") -> None:
        """Counts a trial that ended.

        Args:
          trial: as it ended.
          trace: the last lines of its output, its traceback say.

        Raises:
          EvaluationError: it was one failure too many.
        """
        self._failures += trial.reason is not None and not self._has_broken(trial)
        if self._is_over or self._failures != PATIENCE:
            return
        self._is_over = True
        if not self._study.front():
            lines = trace.rstrip()
            raise EvaluationError(
                f"the first {PATIENCE} trials all failed, so the search stops. The last one: {trial.reason}\n"
                f"{lines}{chr(10) if lines else ''}{self._advice}"
            )

    def _has_broken(self, trial: Trial) -> bool:
        try:
            return find_broken(self._constraints, trial.metrics, trial.id) is not None
        except RewardError:  # without the metric
            return False
