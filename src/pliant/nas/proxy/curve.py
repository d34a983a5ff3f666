"""Learning curve of a trial: its accuracy by training step, as its trainer reported it.  The files are untrusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pliant.values.lines import read_json

from ..reports import MAX_BYTES, read_end, read_measurements

DETAILS = "TRIAL_TRAINING_METRICS.json"  # of trainers of the cloud service
PERCENT = "training_step_pct"  # the progress metric of other trainers
_NEAR = 1e-9


class Point(NamedTuple):
    """Accuracy at a step; ``percent`` is the part of the training done, None if the trainer does not report it."""

    step: float
    accuracy: float
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve."""

    points: tuple[Point, ...] = ()  # by step, each step once
    latency: float | None = None  # of the model; None if it is not in the details
    seconds_per_step: float | None = None  # of training; None if unknown

    def accuracy_at(self, step: float) -> float | None:
        """Returns the accuracy reported at exactly this step; None without one."""
        return next((point.accuracy for point in self.points if point.step == step), None)

    def accuracy_at_percent(self, percent: float) -> float | None:
        """Returns the accuracy at a part of training, interpolated linearly between the points and 0 at 0 %.

        If the trainer does not report its progress, the last point counts: it was told where to stop.

        >>> curve = Curve((Point(1, 0.4, 20.0), Point(2, 0.6, 40.0)))
        >>> curve.accuracy_at_percent(10), curve.accuracy_at_percent(30), curve.accuracy_at_percent(50)
        (0.2, 0.5, None)
        """
        before, value = 0.0, 0.0
        for point in self.points:
            if point.percent is None:
                return self.points[-1].accuracy
            if point.percent >= percent - _NEAR:
                width = point.percent - before
                share = 1.0 if width <= 0 else min((percent - before) / width, 1.0)
                return value + share * (point.accuracy - value)
            before, value = point.percent, point.accuracy
        return None

    def count_beyond(self, percent: float) -> int:
        """Returns the number of points at or beyond a part of training."""
        return sum(point.percent is not None and point.percent >= percent - _NEAR for point in self.points)


def read_curve(home: Path, metrics: Path, tag: str, seconds: float | None) -> Curve:
    """Returns the learning curve of a trial, from the details file of cloud trainers, otherwise from the metrics file.

    Args:
      home: the folder of the trial.
      metrics: its metrics file.
      tag: the metric that is the accuracy.
      seconds: that the trial has run, up to its last report; None if unknown.
    """
    details = _read_details(home / DETAILS)
    if details.points:
        return details
    points = _sort(
        Point(one.step, one.values[tag], _to_finite(one.values.get(PERCENT)))
        for one in read_measurements(metrics).measurements
        if tag in one.values
    )
    last = points[-1].step if points else 0.0
    return Curve(points, details.latency, seconds / last if seconds is not None and last > 0 else None)


def _read_details(path: Path) -> Curve:
    """Returns the curve in a details file, whose steps count from 0; an empty one if the file cannot be read."""
    text, is_cut = read_end(path, MAX_BYTES)
    try:
        data: Any = {} if text is None or is_cut else read_json(text)
        points = [
            Point(float(one["training_step"]) + 1, float(one["accuracy"]), _to_finite(one.get(PERCENT)))
            for one in data.get("training_accuracy_over_steps", [])
        ]
        time: Any = data.get("training_time") or {}
        steps = float(time.get("total_training_steps", 0))
        seconds = float(time.get("total_training_time_in_secs", 0))
        latency = float(data.get("latency", -1))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return Curve()
    is_timed = steps > 0 and seconds >= 0 and math.isfinite(seconds / steps)
    has_latency = latency > 0 and math.isfinite(latency)
    return Curve(_sort(points), latency if has_latency else None, seconds / steps if is_timed else None)


def _sort(points: Iterable[Point]) -> tuple[Point, ...]:
    """Returns the finite points by step; the last one for each step."""
    finite = {p.step: p for p in points if math.isfinite(p.step) and math.isfinite(p.accuracy)}
    return tuple(sorted(finite.values()))


def _to_finite(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
