"""The loop of a command: run the trials of a search, one after another, in this process."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

from pliant.study import Study
from pliant.values.errors import PliantError, RewardError

from .progress import Display
from .target import explain

PATIENCE = 5  # so many failures before the first reward are a fault of the code, not of the programs


class EvaluationError(PliantError, RuntimeError):
    """Trials that all failed."""


def run_trials(search: Any, study: Study, evaluate: Callable[[Any], Any], display: Display) -> None:
    """Runs what is left of a search; a trial whose program fails is recorded as such, and the next one follows.

    Args:
      search: what ``sample`` returned for the study.
      study: open for writing.
      evaluate: returns the reward of a program.
      display: where trials are shown.

    Raises:
      EvaluationError: the first trials all failed. What was recorded stays; the loop may be run again.
    """
    failures = 0
    for program, feedback in search:
        trace = ""
        try:
            reward = evaluate(program)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever one program does, the search goes on
            trace = "".join(traceback.format_exception(error))
            feedback.skip(explain(error))
        else:
            _tell(feedback, reward)
        trial = study.trial(feedback.id)
        display.add(trial)
        failures += trial.reason is not None
        if search.best_reward is None and failures == PATIENCE and not study.front():
            raise EvaluationError(
                f"the first {failures} trials all failed, so the search stops. The last one: {trial.reason}\n{trace}"
                "Mend that, and run the same command again: it goes on with the next trial."
            )


def _tell(feedback: Any, reward: Any) -> None:
    """Gives feedback: the reward, or that it is none."""
    try:
        feedback(reward)
    except RewardError as error:
        text = " ".join(f"{reward!r:.60}".split())
        if _is_finite(reward):
            hint = ", such as --algorithm nsga2." if "for several objectives" in str(error) else ""
            feedback.skip(
                f"evaluate returned {text}: {str(error).removesuffix('.') if hint else error}{hint}"
            )
            return
        feedback.skip(
            f"evaluate returned {text} of type {type(reward).__name__}; a reward is a finite number"
        )


def _is_finite(reward: Any) -> bool:
    """Returns whether numbers are finite, so that it is not they that are wrong, but how many there are."""
    numbers = reward if isinstance(reward, (tuple, list)) else [reward]
    return bool(numbers) and all(
        isinstance(number, (int, float)) and math.isfinite(number) for number in numbers
    )
