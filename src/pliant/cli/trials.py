"""The loop of a command: run the trials of a search, one after another, in this process."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

from pliant.study import Study
from pliant.study.patience import Patience
from pliant.tune.progress import Display
from pliant.values.errors import FieldTypeError, RewardError

from .target import explain

ADVICE = "Mend that, and run the same command again: it goes on with the next trial."


def run_trials(search: Any, study: Study, evaluate: Callable[..., Any], display: Display) -> None:
    """Runs what is left of a search; a trial whose program fails is recorded as such, and the next one follows.

    Args:
      search: what ``sample`` returned for the study.
      study: open for writing.
      evaluate: returns the reward of a program.
      display: where trials are shown.

    Raises:
      EvaluationError: the first trials all failed. What was recorded stays; the loop may be run again.
    """
    from pliant.tune.worker import takes_feedback

    patience = Patience(study, ADVICE)
    has_two = takes_feedback(evaluate)
    for program, feedback in search:
        trace = ""
        try:
            found = evaluate(program, feedback) if has_two else evaluate(program)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever one program does, the search goes on
            trace = "".join(traceback.format_exception(error))
            feedback.is_told or feedback.skip(explain(error))
        else:
            _tell(feedback, found)
        trial = study.trial(feedback.id)
        display.add(trial)
        patience.note(trial, trace)


def _tell(feedback: Any, found: Any) -> None:
    """Gives feedback: the reward, or that it is none."""
    from pliant.tune.worker import split_metrics

    if found is None and feedback.is_told:
        return
    reward, metrics = split_metrics(found)
    try:
        feedback(reward, metrics=metrics)
    except (RewardError, FieldTypeError) as error:
        feedback.skip(explain_reward(reward, error))


def explain_reward(reward: Any, error: Exception) -> str:
    """Returns why what ``evaluate`` returned is no reward, or none for this search."""
    text = " ".join(f"{reward!r:.60}".split())
    if not _is_finite(reward):
        return f"evaluate returned {text} of type {type(reward).__name__}; a reward is a finite number"
    hint = ", such as --algorithm nsga2." if "for several objectives" in str(error) else ""
    said = str(error).partition(" Pass it:")[0]
    return f"evaluate returned {text}: {said.removesuffix('.') if hint else said}{hint}"


def _is_finite(reward: Any) -> bool:
    """Returns whether numbers are finite, so that it is not they that are wrong, but how many there are."""
    numbers = reward if isinstance(reward, (tuple, list)) else [reward]
    return bool(numbers) and all(
        isinstance(number, (int, float)) and math.isfinite(number) for number in numbers
    )
