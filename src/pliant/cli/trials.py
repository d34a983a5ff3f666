"""Runs the trials of a command in this process, one after another."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

from pliant.study import Study
from pliant.study.run import Patience
from pliant.tune.progress import Display
from pliant.values.errors import FieldTypeError, RewardError

from .target import explain

ADVICE = "Fix this and run the same command again: it continues with the next trial."


def run_trials(search: Any, study: Study, evaluate: Callable[..., Any], display: Display) -> None:
    """Runs the remaining trials of a search; a failing program is recorded as a failed trial, and the next one follows.

    Args:
      search: from ``sample`` for the study.
      study: open for writing.
      evaluate: returns the reward of a program.
      display: shows the trials.

    Raises:
      EvaluationError: the first trials all failed. The study keeps them; run again to continue.
    """
    from pliant.tune.worker import takes_feedback

    patience = Patience(study, ADVICE)
    has_two = takes_feedback(evaluate)
    for program, feedback in search:
        trace = ""
        try:
            found = evaluate(program, feedback) if has_two else evaluate(program)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the search continues after any error of a program
            trace = "".join(traceback.format_exception(error))
            feedback.is_told or feedback.skip(explain(error), cause="error")
        else:
            _tell(feedback, found)
        trial = study.trial(feedback.id)
        display.add(trial)
        patience.note(trial, trace)


def _tell(feedback: Any, found: Any) -> None:
    """Tells the reward of a program, or that it is not a valid one."""
    from pliant.tune.worker import split_metrics

    if found is None and feedback.is_told:
        return
    reward, metrics = split_metrics(found)
    try:
        feedback(reward, metrics=metrics)
    except (RewardError, FieldTypeError) as error:
        feedback.skip(explain_reward(reward, error), cause="reward")


def explain_reward(reward: Any, error: Exception) -> str:
    """Returns why the result of ``evaluate`` is not a valid reward of this search."""
    text = " ".join(f"{reward!r:.60}".split())
    if not _is_finite(reward):
        return f"evaluate returned {text} of type {type(reward).__name__}; a reward is a finite number"
    if isinstance(error, RewardError) and error.takes_one:
        return (
            f"evaluate returned {text}: {error.fault} Combine them into one number, or use an algorithm for several "
            "objectives, such as --algorithm nsga2."
        )
    return f"evaluate returned {text}: {error.fault if isinstance(error, RewardError) else error}"


def _is_finite(reward: Any) -> bool:
    """Returns whether all numbers of a reward are finite, so that only their count can be wrong."""
    numbers = reward if isinstance(reward, (tuple, list)) else [reward]
    return bool(numbers) and all(
        isinstance(number, (int, float)) and math.isfinite(number) for number in numbers
    )
