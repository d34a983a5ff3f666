"""Measures the variance and smoothness of a training: one random model is trained several times."""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import NasError
from ..folder import JobFolder
from ..records import write_file
from ..trainer import Source
from .selection import scale
from .supervision import MIN_VALID, Tool, Training, UpTo, list_reasons

RESULT = "variance_and_smoothness.json"
MAX_ATTEMPTS, TRAININGS = 10, 5
TEST_PERCENT = 1.0  # of training, to see whether a model works
SECTIONS = (0.0, 0.7, 0.9, 1.0)  # of a curve; more samples at its end, where falls matter most
SAMPLES = 10  # of each section
GOOD_VARIANCE, GOOD_SMOOTHNESS = 0.4, 10.0


@dataclass(frozen=True, slots=True)
class MeasurementState:
    """A measurement."""

    FILE: ClassVar[str] = "measurement_state.json"
    KIND: ClassVar[str] = "measurement of variance"
    attempts: tuple[str, ...] = ()  # why each tested model does not work; "" for the one that does
    accuracies: tuple[float, ...] = ()  # of the trainings of that model; empty until they have ended
    variance: float | None = None  # see `measure_variance`
    smoothness: float | None = None  # the mean of `measure_smoothness`


def measure_model(tool: Tool) -> None:
    """Runs what remains of the measurement.

    Raises:
      NasError: none of the tested models works, or too many trainings failed.
      StudyError: a study cannot be read or written.
    """
    state = tool.load(MeasurementState)
    while not state.attempts or state.attempts[-1]:
        if len(state.attempts) >= MAX_ATTEMPTS:
            raise NasError(
                f"none of {MAX_ATTEMPTS} random models works; the last: {state.attempts[-1]}. Fix the trainer, and start again."
            )
        number = len(state.attempts) + 1
        seed = tool.settings.seed + number
        (tested,) = tool.train(f"attempt_{number}", 1, UpTo(TEST_PERCENT), seed=seed)
        fault = "" if tested.is_valid else tested.trial.reason or "it reported nothing"
        state = dataclasses.replace(state, attempts=(*state.attempts, fault))
        tool.save(state)
    if state.variance is None:
        source = Source(JobFolder(tool.folder / f"attempt_{len(state.attempts)}"), (1,) * TRAININGS)
        state = _measure(state, tool.train("training", TRAININGS, UpTo(100.0), source))
        tool.save(state)
    _report(tool, state)


def _measure(state: MeasurementState, trainings: Sequence[Training]) -> MeasurementState:
    """Returns the state with variance and smoothness."""
    good = [one for one in trainings if one.is_valid]
    if len(good) < MIN_VALID * TRAININGS:
        reasons = list_reasons(trainings)
        raise NasError(
            f"{len(good)} of {TRAININGS} trainings of one model succeeded; {MIN_VALID:.0%} are needed. "
            f"{reasons[-1] if reasons else 'The trainer reported nothing'}. Fix the trainer, and start again."
        )
    curves = [[(point.step, point.accuracy) for point in one.curve.points] for one in good if one.curve]
    if min(map(len, curves)) < 2:
        raise NasError(
            "smoothness needs at least two reports of the accuracy, and the trainer reported it once. Let it report after every "
            "epoch, with its step."
        )
    rewards = tuple(one.trial.reward for one in good if one.trial.reward is not None)
    variance, smoothness = measure_variance(rewards), statistics.fmean(map(measure_smoothness, curves))
    return dataclasses.replace(state, accuracies=rewards, variance=variance, smoothness=smoothness)


def _report(tool: Tool, state: MeasurementState) -> None:
    result = {}
    for name, value, limit in (
        ("variance", state.variance, GOOD_VARIANCE),
        ("smoothness", state.smoothness, GOOD_SMOOTHNESS),
    ):
        assert value is not None
        text = f"{name} {value:.4g} is {'good' if value <= limit else 'not good'} (good: at most {limit:g})."
        result.update({f"{name}_value": value, f"{name}_info": text})
        tool.screen.say(text)
    write_file(tool.folder / RESULT, json.dumps(result, indent=2) + "\n")
    tool.screen.say(f"The result is in {tool.folder / RESULT}")


# ---------------------------------------------------------------- arithmetic


def measure_variance(values: Sequence[float]) -> float:
    """Returns the coefficient of variation: population standard deviation over mean.

    >>> measure_variance([0.8, 0.9, 1.0])
    0.09072184232530286

    Args:
      values: of repeated trainings, at least one.
    """
    mean, deviation = statistics.fmean(values), statistics.pstdev(values)
    return deviation / abs(mean) if mean else float("inf") if deviation else 0.0


def measure_smoothness(points: Sequence[tuple[float, float]]) -> float:
    """Returns how much an accuracy falls on its way: 0 if it only rises, more for more and steeper falls.

    Steps and accuracies are scaled to 0 ... 1. The line through the points is sampled ten times in each of the sections
    0 to 0.7, 0.7 to 0.9 and 0.9 to 1; the absolute values of its negative slopes are summed.

    >>> measure_smoothness([(0, 0.1), (1, 0.5), (2, 0.9)])
    0.0
    >>> measure_smoothness([(0, 0.0), (5, 1.0), (10, 0.5)])  # 2 + 10 + 10 samples with a slope of -1
    22.0

    Args:
      points: step and accuracy, by step, each step once.
    """
    if len(points) < 2:
        return 0.0
    steps, scores = scale([step for step, _ in points]), scale([score for _, score in points])
    total = 0.0
    for start, end in itertools.pairwise(SECTIONS):
        for number in range(SAMPLES):
            place = start + (end - start) * number / SAMPLES
            index = min(bisect_right(steps, place), len(steps) - 1)
            slope = (scores[index] - scores[index - 1]) / (steps[index] - steps[index - 1])
            total -= min(slope, 0.0)
    return total
