"""Curves of searches: the incumbent after each trial, and its mean over runs.

The *incumbent* is the first trial with the best validation reward so far.  Its test score is what a user would report
at that moment; no search sees it.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed
from pliant.values.numbers import to_whole

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.95
_Z = 1.959963984540054  # the normal quantile at (1 + CONFIDENCE) / 2


class Step(NamedTuple):
    """A trial that became the incumbent."""

    trial: int  # its number, from 1
    reward: float  # its validation reward
    test: float  # its test score


@final
@dataclass(frozen=True, slots=True)
class Curve:
    """One run: all changes of its incumbent.

    >>> curve = Curve(seed=0, trials=10, steps=(Step(1, 0.5, 0.4), Step(7, 0.9, 0.8)))
    >>> curve.at(6), curve.at(10).test
    (Step(trial=1, reward=0.5, test=0.4), 0.8)
    """

    seed: int  # of the algorithm
    trials: int  # the largest number of trials
    steps: tuple[Step, ...]  # the incumbents, in order
    evaluated: int = 0  # the number of trials; fewer than ``trials`` if the space was exhausted
    failed: int = 0  # the number of infeasible trials
    seconds: float = 0.0  # the time of the algorithm, without the evaluations

    def at(self, trial: int) -> Step | None:
        """Returns the incumbent after ``trial`` trials; None before the first feasible one."""
        found = bisect.bisect_right(self.steps, trial, key=lambda step: step.trial)
        return self.steps[found - 1] if found else None

    def to_json(self) -> dict[str, Any]:
        """Returns the curve as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Curve:
        """Reads what ``to_json`` returned; raises KeyError, TypeError or ValueError for other data."""
        steps = tuple(Step(int(trial), float(reward), float(test)) for trial, reward, test in data["steps"])
        seed, trials, evaluated, failed = (
            int(data[name]) for name in ("seed", "trials", "evaluated", "failed")
        )
        return cls(seed, trials, steps, evaluated, failed, float(data["seconds"]))


@final
class Recorder:
    """Records a curve, one evaluation after another.

    >>> recorder = Recorder(seed=0, trials=3)
    >>> for reward in (0.5, None, 0.5):
    ...     recorder.add(reward, 0.4)
    >>> recorder.curve(seconds=0.1)
    Curve(seed=0, trials=3, steps=(Step(trial=1, reward=0.5, test=0.4),), evaluated=3, failed=1, seconds=0.1)
    """

    def __init__(self, *, seed: int, trials: int) -> None:
        self.seed, self.trials = seed, trials
        self.evaluated = self.failed = 0
        self._steps: list[Step] = []

    def add(self, reward: float | None, test: float = math.nan) -> None:
        """Records the next trial; None is an infeasible one, and a tie keeps the incumbent."""
        self.evaluated += 1
        if reward is None:
            self.failed += 1
        elif not self._steps or reward > self._steps[-1].reward:
            self._steps.append(Step(self.evaluated, float(reward), float(test)))

    def curve(self, *, seconds: float = 0.0) -> Curve:
        """Returns the curve so far."""
        return Curve(self.seed, self.trials, tuple(self._steps), self.evaluated, self.failed, seconds)


@final
@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, standard deviation and confidence interval of numbers."""

    count: int  # how many numbers
    mean: float  # NaN for none
    std: float  # standard deviation, with n - 1; 0 for one
    ci: float  # half the width of the 95% confidence interval of the mean; NaN for fewer than two

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        """Summarizes numbers.

        >>> spread = Spread.of([1.0, 2.0, 3.0])
        >>> spread.mean, spread.std, round(spread.ci, 2)
        (2.0, 1.0, 2.48)
        """
        values = np.asarray(list(numbers), dtype=np.float64)
        if not len(values):
            return cls(0, math.nan, math.nan, math.nan)
        if len(values) == 1:
            return cls(1, float(values[0]), 0.0, math.nan)
        std, count = float(values.std(ddof=1)), len(values)
        return cls(count, float(values.mean()), std, student(count - 1) * std / count**0.5)


@final
@dataclass(frozen=True, slots=True)
class Row:
    """The results of one algorithm after ``budget`` trials, over runs."""

    budget: int  # in trials
    reward: Spread  # validation reward of the incumbents
    test: Spread  # test score of the incumbents


def summarize(curves: Sequence[Curve], budgets: Iterable[int]) -> list[Row]:
    """Returns a row for each budget; runs without a feasible trial so far are excluded."""
    rows = []
    for budget in budgets:
        steps = [step for curve in curves if (step := curve.at(budget)) is not None]
        reward, test = Spread.of(step.reward for step in steps), Spread.of(step.test for step in steps)
        rows.append(Row(budget, reward, test))
    return rows


def band(curves: Sequence[Curve], trials: int, *, test: bool) -> tuple[Array, Array]:
    """Returns mean and standard deviation of the incumbents after each of 1 to ``trials`` trials, [trials] each.

    Of validation rewards, or of test scores; NaN where no run has a number.
    """
    table = np.full((len(curves), trials + 1), np.nan)
    for row, curve in zip(table, curves):
        for step in curve.steps:
            if step.trial <= trials:
                row[step.trial :] = step.test if test else step.reward
    table = table[:, 1:]
    known = ~np.isnan(table)
    count = known.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, table, 0.0).sum(0) / count
        squares = np.where(known, (table - mean) ** 2, 0.0).sum(0)
        std = np.where(count > 1, np.sqrt(squares / (count - 1)), 0.0 * mean)
    return mean, std


def default_budgets(trials: int) -> list[int]:
    """Returns the default budgets of a table: a sixth, a third, two thirds, all.

    >>> default_budgets(300), default_budgets(2)
    ([50, 100, 200, 300], [1, 2])
    """
    return sorted({max(1, trials * share // 6) for share in (1, 2, 4, 6)})


def check_budgets(budgets: Iterable[Any], trials: int) -> list[int]:
    """Returns budgets in ascending order.

    Raises:
      FieldTypeError, FieldValueError: one is not an integer from 1 to ``trials``.
    """
    found = set()
    for budget in budgets:
        number = to_whole(budget)
        if number is None:
            raise FieldTypeError(
                f"a budget is a number of trials such as 100; got {quote_typed(budget, 40)}."
            )
        if not 1 <= number <= trials:
            more = ", or more trials" if number > trials else ""
            raise FieldValueError(
                f"a budget is from 1 to {trials}, the trials of a run; got {budget}. Give budgets in this range{more}."
            )
        found.add(number)
    if not found:
        raise FieldValueError(f"no budgets were given. Give one or more, from 1 to {trials} trials.")
    return sorted(found)


def student(freedom: int) -> float:
    """Returns the quantile of Student's t at 97.5%, by the expansion in Abramowitz and Stegun, 26.7.5.

    Accurate to 0.2% from 5 degrees of freedom; below that, from a table.

    >>> round(student(1), 2), round(student(9), 3), round(student(99), 3)
    (12.71, 2.262, 1.984)
    """
    small = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
    if freedom in small:
        return small[freedom]
    z, n = _Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )
