"""Ways to choose a program that ``pliant search`` compares: by a search, or by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

from rich.console import Console

from pliant.study import Study
from pliant.tune.progress import Display, open_display
from pliant.values.errors import EvaluationError

from .target import explain

Function = Callable[[Any], Any]
Runner = Callable[[Any, Study, Display], None]  # of what `sample` returned for a study


@final
@dataclass(frozen=True, slots=True)
class Contender:
    """A way to choose a program, and its result.

    Attributes:
      label: its name in the report.
      evaluations: how often ``evaluate`` was called for it.
      make: builds its program, a new one in each call, so that evaluations do not affect each other.
      reward: by ``evaluate``; None without one.
      score: by ``test``; None without one.
      note: why a number is missing.
    """

    label: str
    evaluations: int
    make: Callable[[], Any]
    reward: float | None = None
    score: float | None = None
    note: str = ""


def choose_by_search(
    label: str, program: Any, study: Study, *, runs: Runner, console: Console
) -> Contender | None:
    """Runs what is left of a study, and returns its best; None where trials have several rewards, of which none is.

    Args:
      label: its name in the report.
      program: with holes.
      study: open for writing.
      runs: runs the trials of a search, which it is given with its study and a display.
      console: where to show them.

    Raises:
      EvaluationError: no trial has a reward.
    """
    from pliant.tune import sample

    search = sample(program, study=study, progress=False)
    if not study.is_complete:
        with open_display(console, label, study) as display:
            runs(search, study, display)
        search = sample(program, study=study, progress=False)  # with the trials that workers ran
    best = search.best_reward
    if isinstance(best, tuple):  # of several objectives, none is the best
        return None
    if best is None:
        last = list(study.trials("failed"))[-1]
        raise EvaluationError(
            f"all {last.id} trials of {study.path} failed; the last one: {last.reason}. "
            "Fix this, and run again with --restart."
        )
    return Contender(label, study.info().proposed, lambda: search.best_program, best)


def choose_by_hand(make: Callable[[], Any], evaluate: Function) -> Contender:
    """Evaluates the hand-made program, once."""
    from pliant.tune.worker import split_metrics

    hand = Contender("hand-made", 1, make)
    try:
        reward = float(split_metrics(evaluate(make()))[0])
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the search is done, and its report is due
        return replace(hand, note=f"evaluate failed: {explain(error)}")
    return (
        replace(hand, reward=reward)
        if math.isfinite(reward)
        else replace(hand, note=f"evaluate returned {reward}")
    )


def measure(contender: Contender, test: Function | None) -> Contender:
    """Returns a contender with its score by ``test``, or with the reason why there is none."""
    if test is None or contender.reward is None:
        return contender
    try:
        return replace(contender, score=float(test(contender.make())))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the search is done, and its report is due
        return replace(contender, note=f"test failed: {explain(error)}")
