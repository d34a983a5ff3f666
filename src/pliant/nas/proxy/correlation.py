"""Rank correlation of a proxy task with full training: at which step it is reached, and after how long.  Arithmetic only."""

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
    """A proxy task at one step."""

    step: float  # of training
    correlation: float  # Kendall's tau of the accuracies with those of full training
    accuracy: float  # the median; of an even number, the upper one
    hours: float | None  # that the model with this accuracy has trained; None if unknown


@dataclass(frozen=True, slots=True)
class Goals:
    """When a proxy task is good, and when it takes too long; None skips a test."""

    correlation: float | None = None  # to reach
    accuracy: float | None = None  # of the median model, to reach
    hours: float | None = None  # that the median model may train
    best_hours: float | None = None  # that the best proxy task so far needs


class End(NamedTuple):
    """Where a proxy task ends."""

    how: str  # one of `SUCCESSES`, or why it reaches no goal
    step: int | None = None  # at which the goal is reached; None without one
    hours: float | None = None  # after which it is reached; None without one, or if times are unknown


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Returns Kendall's rank correlation tau-b: 1 for the same order, -1 for the reverse; NaN if a list is constant.

    (concordant - discordant) / sqrt((pairs - ties in first) * (pairs - ties in second)): M. G. Kendall, Rank Correlation
    Methods, 3.4.

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
    """Returns whether enough values are valid for a correlation: at least 5, and 70 %.

    >>> is_enough(7, 10), is_enough(6, 10), is_enough(4, 4)
    (True, False, False)
    """
    return valid >= MIN_VALUES and valid >= MIN_SHARE * total - 1e-9


def correlate(first: Sequence[float | None], second: Sequence[float | None]) -> float:
    """Returns Kendall's tau over the places where both lists have a value; NaN if these are too few."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not is_enough(len(pairs), len(first)):
        return math.nan
    return kendall_tau([a for a, _ in pairs], [b for _, b in pairs])


def trace(
    curves: Sequence[Curve | None], references: Sequence[float | None], until: float = math.inf
) -> tuple[Moment, ...]:
    """Returns a proxy task at each step that has a correlation.

    Args:
      curves: of the models; None for one that failed.
      references: accuracies of full training; None for a model that failed.
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
        hours = _estimate_hours(step, curves[found.index(accuracy)], curves)
        moments.append(Moment(step, correlation, accuracy, hours))
    return tuple(moments)


def find_settled(curves: Sequence[Curve | None], is_open: Sequence[bool]) -> float:
    """Returns the last step that all running models have reached, so that results do not depend on their speed.

    Args:
      curves: of the models; None for one that has reported nothing.
      is_open: for each, whether it has not ended.
    """
    ends = [
        curve.points[-1].step if curve and curve.points else -math.inf
        for curve, waits in zip(curves, is_open, strict=True)
        if waits
    ]
    return min(ends, default=math.inf)


def find_end(moments: Sequence[Moment], goals: Goals) -> End | None:
    """Returns the first step where a goal or limit is reached, interpolated linearly; None if none is.

    At one step, goals count before limits. A goal that is reached after the time limit does not count.

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
        for how, limit in ((TOO_LONG, goals.hours), (SLOWER, goals.best_hours)):
            if moment.hours is not None and limit is not None and moment.hours >= limit:
                return End(how)
        before = moment
    return None


def _interpolate(how: str, before: Moment, moment: Moment, share: float) -> End:
    step = before.step + share * (moment.step - before.step)
    hours = moment.hours
    if before.hours is not None and moment.hours is not None:
        hours = before.hours + share * (moment.hours - before.hours)
    return End(how, math.ceil(step - 1e-9), hours)


def _estimate_hours(step: float, median: Curve | None, curves: Sequence[Curve | None]) -> float | None:
    rate = None if median is None else median.seconds_per_step
    if rate is None:
        rates = [None if one is None else one.seconds_per_step for one in curves]
        known = [rate for rate in rates if rate is not None]
        rate = statistics.median_low(known) if known else None
    return None if rate is None else rate * step / _HOUR
