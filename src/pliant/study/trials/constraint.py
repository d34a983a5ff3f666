"""Constraints: limits on the metrics of trials, such as ``latency <= 10``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

from pliant.values.errors import FieldTypeError, FieldValueError, RewardError, quote, quote_typed, suggest
from pliant.values.numbers import to_real

from .check import to_plain

_FORM = re.compile(r"\s*(?P<metric>\S(?:.*\S)?)\s*(?P<sign><=|>=)\s*(?P<limit>\S+)\s*")
_MORE = re.compile(r"[<>=&|,;]|\b(?:and|or|not)\b")  # signs of more than one limit in a text
_REWARD = re.compile(r"rewards?( \d+)?", re.IGNORECASE)
_LARGEST = 1e150  # as of rewards, so that squares are finite
MAX_NAME = 200  # characters in the name of a metric


@final
@dataclass(frozen=True, slots=True)
class Constraint:
    """A limit on a metric of each trial.

    >>> limit = Constraint.parse("latency <= 10")
    >>> limit, limit.allows(10.0), limit.allows(10.5)
    (Constraint(metric='latency', sign='<=', limit=10.0), True, False)

    Attributes:
      metric: its name.
      sign: ``<=`` or ``>=``.
      limit: in the metric's unit.
    """

    metric: str
    sign: str
    limit: float

    @classmethod
    def parse(cls, text: object) -> Constraint:
        """Returns the constraint that a text states.

        Raises:
          FieldTypeError: it is not a text.
          FieldValueError: it is not of the form ``metric <= number`` or ``metric >= number``.
        """
        if isinstance(text, Constraint):
            return text
        if not isinstance(text, str):
            raise FieldTypeError(f"a constraint is text, such as 'latency <= 10'; got {quote_typed(text)}.")
        match = _FORM.fullmatch(text)
        try:
            limit = float(match["limit"]) if match else math.nan
        except ValueError:
            limit = math.nan
        if match is None or not math.isfinite(limit):
            raise FieldValueError(
                f"a constraint is a metric, '<=' or '>=', and a number, such as 'latency <= 10'; got {quote(text)}."
            )
        name = match["metric"]
        if _MORE.search(name) or _is_number(name):
            raise FieldValueError(
                f"a constraint begins with the name of a metric; {quote(name)} is not one. Write one limit each, such as "
                f"['latency <= 10', 'latency >= 1']; got {quote(text)}."
            )
        return cls(name, match["sign"], limit)

    def allows(self, value: float) -> bool:
        """Returns whether a value is within the limit."""
        return value <= self.limit if self.sign == "<=" else value >= self.limit

    def exceed(self, value: float) -> float:
        """Returns by how much a value is beyond the limit; 0 or less within it.

        >>> Constraint.parse("latency <= 10").exceed(12.5), Constraint.parse("accuracy >= 0.5").exceed(0.75)
        (2.5, -0.25)
        """
        return value - self.limit if self.sign == "<=" else self.limit - value

    def __str__(self) -> str:
        return f"{self.metric} {self.sign} {_to_text(self.limit)}"


def parse_constraints(given: Iterable[Any]) -> tuple[Constraint, ...]:
    """Returns the constraints that a list of texts states.

    Raises:
      FieldTypeError: it is one text in place of a list of them.
      FieldValueError: one is not of the form, or limits the reward.
    """
    if isinstance(given, (str, bytes)):
        raise FieldTypeError(f"constraints is a list of text, such as ['latency <= 10']; got {quote(given)}.")
    limits = tuple([Constraint.parse(text) for text in given])
    for one in limits:
        if _REWARD.fullmatch(one.metric):
            raise FieldValueError(
                f"the constraint '{one}' limits the reward itself, which the search optimizes already. To exclude trials by "
                f"it, constrain a metric of another name, such as 'accuracy {one.sign} "
                f"{_to_text(one.limit)}', and tell it: tell(id, reward, metrics={{'accuracy': ...}})."
            )
    return limits


def measure_excess(
    constraints: Iterable[Constraint], metrics: Mapping[str, float] | None
) -> tuple[float, ...] | None:
    """Returns by how much a trial breaks each constraint; None without constraints, or where a metric is missing.

    >>> measure_excess([Constraint.parse("latency <= 10")], {"latency": 12.5}), measure_excess([], {"latency": 12.5})
    ((2.5,), None)
    """
    limits = tuple(constraints)
    if not limits or metrics is None or any(one.metric not in metrics for one in limits):
        return None
    return tuple([min(max(one.exceed(metrics[one.metric]), -_LARGEST), _LARGEST) for one in limits])


def find_broken(constraints: Iterable[Constraint], metrics: Mapping[str, float], trial_id: int) -> str | None:
    """Returns the reason why a trial fails by its constraints, as text; None if it keeps all.

    Raises:
      RewardError: it lacks a constrained metric.
    """
    broken = []
    for one in constraints:
        if one.metric not in metrics:
            raise RewardError(
                f"the study has the constraint '{one}', and trial {trial_id} was told without {one.metric!r}"
                f"{suggest(one.metric, metrics) or '.'}",
                f"Pass it: tell(id, reward, metrics={{{one.metric!r}: ...}}).",
            )
        if not one.allows(metrics[one.metric]):
            broken.append(
                f"{one.metric} is {_to_text(metrics[one.metric])}, not {one.sign} {_to_text(one.limit)}"
            )
    return f"breaks a constraint: {'; '.join(broken)}" if broken else None


def check_metrics(trial_id: int, metrics: object) -> dict[str, float]:
    """Returns metrics with their numbers as floats.

    Raises:
      FieldTypeError: they are not a mapping, or a name is not a text.
      RewardError: a value is not a finite number.
    """
    if not isinstance(metrics, Mapping):
        raise FieldTypeError(
            f"metrics is a dict of numbers by name, such as {{'latency': 3.2}}; got {quote_typed(metrics)}."
        )
    found = {}
    for name, value in metrics.items():
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise FieldTypeError(
                f"the name of a metric is text of 1 to {MAX_NAME} characters; trial {trial_id} has {quote(name)}."
            )
        number = to_real(value, takes_bool=True)
        if number is None or not math.isfinite(number):
            raise RewardError(
                f"the metric {quote(name)} of trial {trial_id} is a finite number; got {quote_typed(value)}. "
                "Leave it out, or end the trial without a reward: `feedback.skip(reason)` in a loop, `study.fail(id, reason)`."
            )
        found[to_plain(name)] = number + 0.0
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _to_text(number: float) -> str:
    """Returns a number as text that reads back as the same number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
