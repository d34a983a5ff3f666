"""Measures a proxy task: trains one model several times, and says how much its result varies and falls on its way."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence

from ..fault import NasError
from ..folder import JobFolder
from .batch import Learned, Source, UpTo, valid
from .state import Keeper, MeasurementState, write_whole
from .steadiness import GOOD_SMOOTHNESS, GOOD_VARIANCE, measure_smoothness, measure_variance
from .tool import DONE, MIN_VALID, Tool

RESULT = "variance_and_smoothness.json"
MAX_ATTEMPTS, TRAININGS = 10, 5
LITTLE = 1.0  # percent: enough to see whether a model works
MIN_POINTS = 2


def measure(tool: Tool) -> int:
    """Goes on with the measurement until it is complete; returns the exit code.

    Raises:
      NasError: no model works, or too many of its trainings fail.
      StudyError: a study cannot be read or written.
    """
    keeper = Keeper(tool.folder)
    state = keeper.load(MeasurementState)
    while state.workable is None:
        if len(state.attempts) >= MAX_ATTEMPTS:
            raise NasError(
                f"none of {MAX_ATTEMPTS} random models works; the last: {state.attempts[-1]}. Mend the trainer."
            )
        number = len(state.attempts) + 1
        batch = tool.batch(f"attempt_{number}", 1, seed=tool.settings.seed + number, max_failures=0)
        ending = batch.run(UpTo(LITTLE), tool.console)
        if ending.how != "complete":
            return tool.stop(ending, batch)
        state = dataclasses.replace(state, attempts=(*state.attempts, _fault(batch.results())))
        keeper.save(state)
    if state.variance is None:
        source = Source(JobFolder(tool.folder / f"attempt_{state.workable}"), (1,) * TRAININGS)
        batch = tool.batch("training", TRAININGS, source=source, max_failures=0)
        ending = batch.run(UpTo(100.0), tool.console)
        if ending.how != "complete":
            return tool.stop(ending, batch)
        state = judge(state, batch.results())
        keeper.save(state)
    return _report(tool, state)


def judge(state: MeasurementState, results: Sequence[Learned]) -> MeasurementState:
    """Returns the state with variance and smoothness.

    Raises:
      NasError: less than 70 % of the trainings are valid, or one reported less than twice.
    """
    good = valid(results)
    if len(good) < MIN_VALID * TRAININGS:
        reasons = [one.trial.reason for one in results if one.curve is None]
        raise NasError(
            f"{len(good)} of {TRAININGS} trainings of one model were good, and {MIN_VALID:.0%} are needed; the last that failed: "
            f"{reasons[-1] if reasons else 'it reported nothing'}. Mend the trainer, and begin anew."
        )
    curves = [[(point.step, point.accuracy) for point in one.curve.points] for one in good if one.curve]
    if min(map(len, curves)) < MIN_POINTS:
        raise NasError(
            "smoothness is told from an accuracy that is reported on its way, and the trainer reported it once: report it "
            "after every epoch, with its step."
        )
    rewards = tuple(one.trial.reward for one in good if one.trial.reward is not None)
    smoothness = statistics.fmean(map(measure_smoothness, curves))
    return dataclasses.replace(
        state, accuracies=rewards, variance=measure_variance(rewards), smoothness=smoothness
    )


def _fault(results: Sequence[Learned]) -> str:
    """Returns why a model does not work; nothing where it does."""
    if not results:
        return "there was no model to try"
    trial = results[0].trial
    return "" if valid(results) else trial.reason or "it reported nothing"


def _report(tool: Tool, state: MeasurementState) -> int:
    lines = {}
    for name, value, limit in (
        ("variance", state.variance, GOOD_VARIANCE),
        ("smoothness", state.smoothness, GOOD_SMOOTHNESS),
    ):
        assert value is not None
        fits = value <= limit
        text = f"{name} {value:.4g} is {'good' if fits else 'not good'}: at most {limit:g} is."
        lines.update({f"{name}_value": value, f"{name}_info": text})
        tool.say(text)
    write_whole(tool.folder / RESULT, json.dumps(lines, indent=2) + "\n")
    tool.say(f"It is in {tool.folder / RESULT}")
    return DONE
