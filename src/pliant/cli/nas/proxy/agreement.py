"""Whether a proxy task orders models as their full training does, at which step, and after how long.  Arithmetic only."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .curve import Curve

MIN_VALUES, MIN_SHARE = 5, 0.7
CORRELATED, ACCURATE = "correlation", "accuracy"
TOO_LONG, SLOWER = "time limit", "slower than the best"
SUCCESSES = (CORRELATED, ACCURATE)
_HOUR = 3600.0


class Moment(NamedTuple):
    """A proxy task at one step.

    Attributes:
      step: how many steps were done.
      correlation: Kendall's tau of the accuracies there with those of full training.
      accuracy: the median there; of an even number, the upper one.
      hours: that the model with that accuracy has trained; None where that is not known.
    """

    step: float
    correlation: float
    accuracy: float
    hours: float | None


@dataclass(frozen=True, slots=True)
class Goals:
    """When a proxy task is good, and when it is too long; None does not ask.

    Attributes:
      correlation: to reach.
      accuracy: to reach, by the median model.
      hours: that the median model may train.
      best_hours: that the best proxy task so far needs.
    """

    correlation: float | None = None
    accuracy: float | None = None
    hours: float | None = None
    best_hours: float | None = None


class End(NamedTuple):
    """Where a proxy task can end.

    Attributes:
      how: one of ``SUCCESSES``, ``TOO_LONG``, ``SLOWER``, or why there is no such place.
      step: where the goal is reached; None without one.
      hours: after how long; None without one, or where times are not known.
    """

    how: str
    step: int | None = None
    hours: float | None = None


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Returns Kendall's rank correlation of two lists (tau-b, which allows for ties): 1 for the same order, -1 for the reverse.

    (concordant - discordant) / sqrt((pairs - ties in first) * (pairs - ties in second)): M. G. Kendall, Rank Correlation
    Methods, 3.4; NaN where all values of a list are equal.

    >>> kendall_tau([1, 2, 3], [10, 30, 20]), kendall_tau([1, 2, 2, 3], [1, 2, 3, 4])
    (0.3333333333333333, 0.9128709291752769)
    """
    score, in_first, in_second = 0, 0, 0
    for i in range(len(first)):
        for j in range(i):
            a = (first[i] > first[j]) - (first[i] < first[j])
            b = (second[i] > second[j]) - (second[i] < second[j])
            score, in_first, in_second = score + a * b, in_first + abs(a), in_second + abs(b)
    return score / math.sqrt(in_first * in_second) if in_first and in_second else math.nan


def is_enough(valid: int, total: int) -> bool:
    """Returns whether so many of all values say something: at least 5, and 70 %.

    >>> is_enough(7, 10), is_enough(6, 10), is_enough(4, 4)
    (True, False, False)
    """
    return valid >= MIN_VALUES and valid >= MIN_SHARE * total - 1e-9


def correlate(first: Sequence[float | None], second: Sequence[float | None]) -> float:
    """Returns Kendall's tau over the places where both lists have a value; NaN where those are too few."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not is_enough(len(pairs), len(first)):
        return math.nan
    return kendall_tau([a for a, _ in pairs], [b for _, b in pairs])


def trace(
    curves: Sequence[Curve | None], references: Sequence[float | None], until: float = math.inf
) -> tuple[Moment, ...]:
    """Returns a proxy task at all steps at which a correlation can be told.

    Args:
      curves: of the models; None for one that failed.
      references: their accuracies after full training; None for one that has none.
      until: the last step that counts; see ``find_settled``.
    """
    steps = sorted({point.step for curve in curves if curve for point in curve.points if point.step <= until})
    moments = []
    for step in steps:
        found = [None if curve is None else curve.accuracy_at(step) for curve in curves]
        correlation = correlate(found, references)
        if math.isnan(correlation):
            continue
        accuracy = statistics.median_high(value for value in found if value is not None)
        hours = _hours(step, curves[found.index(accuracy)], curves)
        moments.append(Moment(step, correlation, accuracy, hours))
    return tuple(moments)


def find_settled(curves: Sequence[Curve | None], is_open: Sequence[bool]) -> float:
    """Returns the last step about which no model will say anything new.

    Steps beyond it are not judged, so that a verdict does not depend on which model was quicker to report.

    Args:
      curves: of the models; None for one that has reported nothing.
      is_open: for each, whether it has yet to end.
    """
    ends = [
        curve.points[-1].step if curve and curve.points else -math.inf
        for curve, waits in zip(curves, is_open, strict=True)
        if waits
    ]
    return min(ends, default=math.inf)


def find_end(moments: Sequence[Moment], goals: Goals) -> End | None:
    """Returns where a proxy task ends: at the first step at which something is reached; None where nothing is.

    Between two steps the place is on a straight line.  At one step, goals count before limits; a goal that is
    reached after the time limit is none.

    >>> moments = [Moment(10, 0.5, 0.1, 1.0), Moment(20, 0.9, 0.2, 2.0)]
    >>> find_end(moments, Goals(correlation=0.7))
    End(how='correlation', step=15, hours=1.5)
    >>> find_end(moments, Goals(correlation=0.7, hours=1.2)).how
    'time limit'
    """
    before: Moment | None = None
    for moment in moments:
        for how, goal, value, previous in (
            (CORRELATED, goals.correlation, moment.correlation, before and before.correlation),
            (ACCURATE, goals.accuracy, moment.accuracy, before and before.accuracy),
        ):
            if goal is not None and value >= goal:
                share = 1.0 if before is None or previous is None else (goal - previous) / (value - previous)
                end = _interpolate(how, before or moment, moment, share)
                is_late = goals.hours is not None and end.hours is not None and end.hours > goals.hours
                return End(TOO_LONG) if is_late else end
        if moment.hours is not None:
            if goals.hours is not None and moment.hours >= goals.hours:
                return End(TOO_LONG)
            if goals.best_hours is not None and moment.hours >= goals.best_hours:
                return End(SLOWER)
        before = moment
    return None


def _interpolate(how: str, before: Moment, moment: Moment, share: float) -> End:
    step = before.step + share * (moment.step - before.step)
    if before.hours is None or moment.hours is None:
        hours = moment.hours
    else:
        hours = before.hours + share * (moment.hours - before.hours)
    return End(how, math.ceil(step - 1e-9), hours)


def _hours(step: float, median: Curve | None, curves: Sequence[Curve | None]) -> float | None:
    rate = None if median is None else median.seconds_a_step
    if rate is None:
        known = [one.seconds_a_step for one in curves if one is not None and one.seconds_a_step is not None]
        rate = statistics.median_low(known) if known else None
    return None if rate is None else rate * step / _HOUR
