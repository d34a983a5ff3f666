"""How a trial learned: its accuracy over steps, as its trainer wrote it down.  Nothing in those files is trusted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..measure import MAX_BYTES, read_end, read_measurements

DETAILS = "TRIAL_TRAINING_METRICS.json"
PERCENT = "training_step_pct"  # the metric by which other trainers may say how far they are
_NEAR = 1e-9


class Point(NamedTuple):
    """A trial on its way.

    Attributes:
      step: how many steps were done.
      accuracy: there.
      percent: of all steps; None where the trainer did not say it.
    """

    step: float
    accuracy: float
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """How a trial learned.

    Attributes:
      points: by step, each step once.
      latency: of its model; None where it is not in the details.
      seconds_a_step: of training; None where it is not known.
    """

    points: tuple[Point, ...] = ()
    latency: float | None = None
    seconds_a_step: float | None = None

    def accuracy_at(self, step: float) -> float | None:
        """Returns the accuracy at a step; None where none was reported just there."""
        return next((point.accuracy for point in self.points if point.step == step), None)

    def accuracy_at_percent(self, percent: float) -> float | None:
        """Returns the accuracy at a part of training, on straight lines between the points, the first from 0 at 0 %.

        >>> curve = Curve((Point(1, 0.4, 20.0), Point(2, 0.6, 40.0)))
        >>> curve.accuracy_at_percent(10), curve.accuracy_at_percent(30), curve.accuracy_at_percent(50)
        (0.2, 0.5, None)

        Of a trainer that does not say how far it is, the last point counts: it was told where to stop.
        """
        if not self.points:
            return None
        if any(point.percent is None for point in self.points):
            return self.points[-1].accuracy
        before, value = 0.0, 0.0
        for point in self.points:
            assert point.percent is not None
            if point.percent >= percent - _NEAR:
                width = point.percent - before
                share = 1.0 if width <= 0 else min((percent - before) / width, 1.0)
                return value + share * (point.accuracy - value)
            before, value = point.percent, point.accuracy
        return None

    def count_beyond(self, percent: float) -> int:
        """Returns how many points say that they are at a part of training or beyond."""
        return sum(point.percent is not None and point.percent >= percent - _NEAR for point in self.points)


def read_curve(home: Path, metrics: Path, tag: str, seconds: float | None) -> Curve:
    """Returns how a trial learned.

    Trainers of the cloud service write ``TRIAL_TRAINING_METRICS.json``, whose steps count from 0; of others the metrics file
    is read, and the time per step is what the trial has taken.

    Args:
      home: the folder of the trial.
      metrics: its metrics file.
      tag: which metric is the accuracy.
      seconds: that the trial has taken, to its last report; None where that is not known.
    """
    found = _read_details(home / DETAILS)
    if found is not None and found.points:
        return found
    points = [
        Point(one.step, one.values[tag], _finite(one.values.get(PERCENT)))
        for one in read_measurements(metrics).measurements
        if math.isfinite(one.values.get(tag, math.nan))
    ]
    ordered = _in_order(points)
    last = ordered[-1].step if ordered else 0.0
    rate = seconds / last if seconds is not None and last > 0 else None
    return Curve(ordered, None if found is None else found.latency, rate)


def _read_details(path: Path) -> Curve | None:
    text, is_cut = read_end(path, MAX_BYTES)
    if text is None or is_cut:
        return None
    try:
        data: Any = json.loads(text)
        points = [
            Point(
                float(one["training_step"]) + 1, float(one["accuracy"]), _finite(one.get("training_step_pct"))
            )
            for one in data.get("training_accuracy_over_steps", [])
        ]
        time: Any = data.get("training_time") or {}
        steps = float(time.get("total_training_steps", 0))
        seconds = float(time.get("total_training_time_in_secs", 0))
        latency = float(data.get("latency", -1))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    is_timed = steps > 0 and seconds >= 0 and math.isfinite(seconds / steps)
    return Curve(
        _in_order([one for one in points if math.isfinite(one.accuracy) and math.isfinite(one.step)]),
        latency if latency > 0 and math.isfinite(latency) else None,
        seconds / steps if is_timed else None,
    )


def _in_order(points: list[Point]) -> tuple[Point, ...]:
    """Sorts by step; of several for one step the last counts."""
    return tuple(sorted({point.step: point for point in points}.values()))


def _finite(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
