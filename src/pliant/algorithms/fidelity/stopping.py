"""Early stopping: stops bad trials of any algorithm by the intermediate rewards that they report.

A trial reports by ``feedback.report(reward, step=...)`` and should end when that returns True.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, bisect_right, insort
from itertools import accumulate
from math import inf
from typing import Any, final

from pliant.space import Decisions

from ..base import Algorithm
from ..options import check_count, check_number
from ..random import Random
from ..rewards import Reward
from ..wrapper import Wrapper
from .budget import Values

Curve = dict[float, float]


def _to_lists(table: dict[Values, Any]) -> list[Any]:
    return [[list(values), [list(one) for one in row.items()]] for values, row in table.items()]


class Stopping(Wrapper):
    """Abstract: wraps an algorithm, and decides from intermediate rewards whether its trials stop.

    The inner algorithm receives the final rewards, also of stopped trials, and may stop trials itself.
    """

    def __init__(self, algorithm: Algorithm | None, seed: int | None) -> None:
        super().__init__(Random() if algorithm is None else algorithm, seed)

    @abstractmethod
    def _judge(self, trial: Values, curve: Curve, step: float) -> bool:
        """Returns whether a trial that has just reported ``curve[step]`` should stop."""

    @abstractmethod
    def _end(self, trial: Values, curve: Curve) -> None:
        """Records a trial that has ended with at least one report."""

    def _setup(self) -> None:
        super()._setup()
        self._curves: dict[Values, Curve] = {}  # of running trials

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        super()._feedback(decisions, reward)
        curve = self._curves.pop(decisions.values, None)
        if curve is not None:
            self._end(decisions.values, curve)

    def _report(self, decisions: Decisions, reward: float, step: float) -> bool:
        inner = super()._report(decisions, reward, step)
        curve = self._curves.setdefault(decisions.values, {})
        curve[step] = reward
        return self._judge(decisions.values, curve, step) or inner

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "curves": _to_lists(self._curves)}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._curves = {
            self._load(values).values: {float(step): float(reward) for step, reward in curve}
            for values, curve in state["curves"]
        }


@final
class MedianStopping(Stopping):
    """Median stopping rule: stops a trial whose best reward is below the median of the running averages of earlier trials.

    The median rule of Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section
    3.2.2: at step ``s`` the best reward that the trial reported up to ``s`` is compared with the running averages
    of the ended trials, each the mean of its reports up to ``s``; it stops when strictly below their median.  Stopped
    trials count as ended, which the paper leaves open: without the bad ones the median would keep rising.

    >>> from pliant.space import flatten, integer
    >>> algorithm = MedianStopping(min_trials=3)
    >>> algorithm.setup(flatten([integer("x", 0, 9)]))
    >>> def train(decisions, slope):
    ...     for epoch in range(1, 11):
    ...         if algorithm.report(decisions, slope * epoch, step=epoch):
    ...             break
    ...     algorithm.feedback(decisions, slope * epoch)
    ...     return epoch
    >>> [train(algorithm.propose(), slope) for slope in (0.5, 0.6, 0.7, 0.8, 0.1)]
    [10, 10, 10, 10, 1]

    Memory and state grow by the reports of each trial; a report costs the logarithm of the number of trials if
    trials report at the same steps.

    Args:
      algorithm: proposes the trials; random search if None.
      min_trials: number of ended trials that a median needs; with fewer, no trial stops.
      min_step: no trial stops before this step.
      seed: of the random numbers; that of ``algorithm`` if None.
    """

    def __init__(
        self,
        algorithm: Algorithm | None = None,
        *,
        min_trials: int = 5,
        min_step: float = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__(algorithm, seed)
        self.min_trials = check_count(min_trials, "min_trials", "MedianStopping")
        self.min_step = check_number(min_step, "min_step", "MedianStopping", least=-inf)

    def _setup(self) -> None:
        super()._setup()
        self._ended: list[tuple[list[float], list[float]]] = []  # per trial: its steps, its running averages
        self._rewards: list[list[float]] = []  # per trial: its reports
        self._averages: dict[float, tuple[int, list[float]]] = {}  # per step: of how many trials, sorted

    def _judge(self, trial: Values, curve: Curve, step: float) -> bool:
        if step < self.min_step:
            return False
        averages = self._averages_at(step)
        if len(averages) < self.min_trials:
            return False
        middle = len(averages) // 2
        median = averages[middle]
        if len(averages) % 2 == 0:
            median = averages[middle - 1] / 2 + median / 2
        return max(reward for at, reward in curve.items() if at <= step) < median

    def _averages_at(self, step: float) -> list[float]:
        """Returns the sorted running averages, at this step, of the ended trials that reached it."""
        count, found = self._averages.get(step, (0, []))
        for steps, averages in self._ended[count:]:
            if at := bisect_right(steps, step):
                insort(found, averages[at - 1])
        self._averages[step] = len(self._ended), found
        return found

    def _end(self, trial: Values, curve: Curve) -> None:
        steps = sorted(curve)
        self._add(steps, [curve[step] for step in steps])

    def _add(self, steps: list[float], rewards: list[float]) -> None:
        sums = accumulate(rewards)
        self._ended.append((steps, [total / (i + 1) for i, total in enumerate(sums)]))
        self._rewards.append(rewards)

    def _state(self) -> dict[str, Any]:
        ended = [[s, r] for (s, _), r in zip(self._ended, self._rewards, strict=True)]
        return {**super()._state(), "ended": ended}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        for steps, rewards in state["ended"]:
            if not steps or len(steps) != len(rewards):
                raise ValueError(f"an ended trial has {len(steps)} steps and {len(rewards)} rewards.")
            self._add([float(step) for step in steps], [float(reward) for reward in rewards])


@final
class HalvingStopping(Stopping):
    """Stops a trial that at step 1, eta, eta ** 2, ... is not among the best ``1 / eta`` so far (ASHA, stopping variant).

    Asynchronous successive halving by stopping instead of promotion, as in Ray Tune and Syne Tune: every trial may run
    to the end, so no trial is resumed.  Of the ``n`` trials that reached a rung, the best ``max(1, n // eta)``
    continue, so the first one always does.  A trial that reports less often is compared at the highest rung that it
    has passed.

    >>> from pliant.space import flatten, integer
    >>> algorithm = HalvingStopping(eta=2)
    >>> algorithm.setup(flatten([integer("x", 0, 9)]))
    >>> [algorithm.report(algorithm.space.parse([x]), x, step=1) for x in (5, 3, 8, 6)]
    [False, True, False, False]

    Args:
      algorithm: proposes the trials; random search if None.
      eta: one in ``eta`` trials continues at each rung.
      min_step: the first rung; the others are ``min_step * eta ** i``.
      seed: of the random numbers; that of ``algorithm`` if None.
    """

    def __init__(
        self,
        algorithm: Algorithm | None = None,
        *,
        eta: int = 3,
        min_step: float = 1,
        seed: int | None = None,
    ) -> None:
        super().__init__(algorithm, seed)
        self.eta = check_count(eta, "eta", "HalvingStopping", least=2)
        self.min_step = check_number(min_step, "min_step", "HalvingStopping", above=0)

    def _setup(self) -> None:
        super()._setup()
        self._rungs: list[list[float]] = []  # per rung: the negated rewards, sorted
        self._counted: dict[Values, dict[int, float]] = {}  # per running trial: its entry in each rung

    def _judge(self, trial: Values, curve: Curve, step: float) -> bool:
        rung = self._rung_at(step)
        counted = self._counted.setdefault(trial, {})
        if rung < 0 or (counted and rung < max(counted)):
            return False
        if rung in counted:
            first = min(at for at in curve if self._rung_at(at) == rung)
            if step != first:
                return False  # it was compared when it reached this rung
            rewards = self._rungs[rung]
            del rewards[bisect_left(rewards, counted[rung])]  # reported again, after a restart of the trial
        self._rungs += [[] for _ in range(rung + 1 - len(self._rungs))]
        rewards = self._rungs[rung]
        counted[rung] = -curve[step]
        place = bisect_left(rewards, -curve[step])
        rewards.insert(place, -curve[step])
        return place >= max(1, len(rewards) // self.eta)

    def _rung_at(self, step: float) -> int:
        """Returns the highest rung at or below a step; -1 before the first."""
        rung, at = -1, self.min_step
        while at <= step:
            rung, at = rung + 1, at * self.eta
        return rung

    def _end(self, trial: Values, curve: Curve) -> None:
        self._counted.pop(trial, None)

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "rungs": self._rungs, "counted": _to_lists(self._counted)}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._rungs = [sorted(float(reward) for reward in rung) for rung in state["rungs"]]
        self._counted = {
            self._load(values).values: {int(rung): float(reward) for rung, reward in counted}
            for values, counted in state["counted"]
        }
