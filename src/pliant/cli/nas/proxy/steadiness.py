"""Whether a training tells the same when it is repeated, and whether it tells it early.  Arithmetic only."""

from __future__ import annotations

import itertools
import statistics
from bisect import bisect_right
from collections.abc import Sequence

SECTIONS = (0.0, 0.7, 0.9, 1.0)  # more samples towards the end, whose ups and downs matter
SAMPLES = 10  # of each section
GOOD_VARIANCE, GOOD_SMOOTHNESS = 0.4, 10.0


def measure_variance(values: Sequence[float]) -> float:
    """Returns the coefficient of variation: standard deviation (of the whole, not of a sample) over mean.

    >>> measure_variance([0.8, 0.9, 1.0])
    0.09072184232530286

    Args:
      values: of repeated trainings, at least one.
    """
    mean = statistics.fmean(values)
    deviation = statistics.pstdev(values)
    if not deviation:
        return 0.0
    return deviation / abs(mean) if mean else float("inf")


def measure_smoothness(points: Sequence[tuple[float, float]]) -> float:
    """Returns how much an accuracy falls on its way: 0 for one that only rises, more for more and steeper falls.

    Steps and accuracies are scaled to 0 ... 1; the line through the points is sampled ten times in each of the sections
    0 to 0.7, 0.7 to 0.9 and 0.9 to 1; the slopes there that are negative are summed, without their sign.

    >>> measure_smoothness([(0, 0.1), (1, 0.5), (2, 0.9)])
    0.0
    >>> measure_smoothness([(0, 0.0), (5, 1.0), (10, 0.5)])  # 2 + 10 + 10 samples with a slope of -1
    22.0

    Args:
      points: step and accuracy, by step, each step once.
    """
    if len(points) < 2:
        return 0.0
    steps, scores = _scale([step for step, _ in points]), _scale([score for _, score in points])
    total = 0.0
    for start, end in itertools.pairwise(SECTIONS):
        for number in range(SAMPLES):
            place = start + (end - start) * number / SAMPLES
            index = min(bisect_right(steps, place), len(steps) - 1)
            slope = (scores[index] - scores[index - 1]) / (steps[index] - steps[index - 1])
            total -= min(slope, 0.0)
    return total


def _scale(values: Sequence[float]) -> list[float]:
    low, width = min(values), max(values) - min(values)
    return [(value - low) / width if width > 0 else 0.0 for value in values]
