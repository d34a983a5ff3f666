"""What the end of a job says about its trial: a reward, a failure with its reason, or that it is to be tried again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pliant.launch import Outcome
from pliant.study import Trial
from pliant.study.run import Failed, Lost, Result, Seen, Told
from pliant.study.trials.constraint import Constraint
from pliant.values.errors import PliantError, listing, suggest

from .folder import JobFolder
from .measure import (
    LATENCY_FILE,
    STEP,
    Measurement,
    Reading,
    clean,
    read_measurements,
    read_numbers,
    read_status,
)
from .settings import Rules

MAX_TAIL = 300
STOPPED = "cancelled"


@dataclass(slots=True)
class Judge:
    """Reads what trials of a stage reported, while they run and at their end.

    Attributes:
      folder: of the job.
      stage: ``search`` or ``train``.
      rules: what counts as the reward.
    """

    folder: JobFolder
    stage: str
    rules: Rules
    _seen: dict[Path, tuple[tuple[int, int, int], set[float]]] = field(default_factory=dict)

    def watch(self, trial: Trial) -> list[Seen]:
        """Returns what a running trial has reported since it was last asked."""
        path = self.folder.metrics(self.stage, trial.id, trial.token)
        try:
            found = path.stat()
        except OSError:
            return []
        version = (found.st_ino, found.st_size, found.st_mtime_ns)
        before, steps = self._seen.get(path, (None, set()))
        if version == before:
            return []
        new = []
        for one in read_measurements(path).measurements:
            quality = one.values.get(self.rules.metric)
            if one.step not in steps and quality is not None and math.isfinite(quality):
                new.append(Seen(one.step, quality, _finite(one.values, self.rules.metric)))
        self._seen[path] = version, steps | {seen.step for seen in new}
        return new

    def read(self, trial: Trial, outcome: Outcome) -> Result:
        """Returns what the end of a trial's job means.

        A nonzero exit code, a time limit, a status file that says ``failed``, a reward that is missing or no number: the trial has
        failed, and is tried again where retries are left. A job that was ended from outside is tried again anyway.
        """
        self._seen.pop(self.folder.metrics(self.stage, trial.id, trial.token), None)
        if outcome.how == "lost":
            return Lost(outcome.reason)
        if not outcome.ok and outcome.how != STOPPED:
            return self._fail(trial, _explain(outcome))
        home = self.folder.trial(self.stage, trial.id)
        status = read_status(home)
        if status.startswith("failed"):
            return self._fail(trial, f"the trainer wrote job_status {status!r}")
        reading = read_measurements(self.folder.metrics(self.stage, trial.id, trial.token))
        return self._judge(trial, reading, read_numbers(home / LATENCY_FILE), outcome)

    def _judge(
        self, trial: Trial, reading: Reading, latencies: Mapping[str, float], outcome: Outcome
    ) -> Result:
        """Returns the reward of a trial that ended well; of its reports the last one counts."""
        tag = self.rules.metric
        reports = [one for one in reading.measurements if tag in one.values]
        if not reports:
            why = _explain_nothing(tag, reading)
            return self._fail(trial, f"{why}{_say_tail(outcome)}" if outcome.ok else why)
        last = reports[-1]
        quality = last.values[tag]
        metrics = {**latencies, **_finite(_merge(reading.measurements), ""), STEP: last.step}
        if not math.isfinite(quality):
            return self._fail(trial, f"{tag} is {quality} at step {last.step:g}: training diverged", metrics)
        for limit in map(Constraint.parse, self.rules.constraints):
            if limit.metric not in metrics:
                return self._fail(trial, _explain_missing(f"the constraint '{limit}'", limit.metric, metrics))
        if self.rules.target_latency is None:
            return Told(quality, {name: value for name, value in metrics.items() if name != tag})
        return self._weigh(trial, quality, metrics)

    def _weigh(self, trial: Trial, quality: float, metrics: dict[str, float]) -> Result:
        from pliant.algorithms.objectives import weighted_product

        rules = self.rules
        if rules.latency_metric not in metrics:
            why = _explain_missing("the reward for --target_latency", rules.latency_metric, metrics)
            return self._fail(trial, why, metrics)
        try:
            reward = weighted_product(
                quality,
                metrics[rules.latency_metric],
                rules.target_latency,
                limit="hard" if rules.latency_limit == "hard" else "soft",
            )
        except PliantError as error:
            return self._fail(trial, str(error), metrics)
        return Told(reward, metrics)  # the quality among them, as the reward is another number

    def _fail(self, trial: Trial, reason: str, metrics: Mapping[str, float] | None = None) -> Result:
        if trial.attempts <= self.rules.retries:
            return Lost(reason)
        return Failed(reason, metrics or {})


def _merge(measurements: tuple[Measurement, ...]) -> dict[str, float]:
    """Returns the last value of each metric."""
    merged: dict[str, float] = {}
    for one in measurements:
        merged.update(one.values)
    return merged


def _finite(values: Mapping[str, float], without: str) -> dict[str, float]:
    return {name: value for name, value in values.items() if name != without and math.isfinite(value)}


def _explain(outcome: Outcome) -> str:
    tail = _say_tail(outcome)
    repeats = tail.rpartition(": ")[2] in outcome.reason
    return f"the trainer ended with {outcome.how}: {outcome.reason}{'' if repeats else tail}"


def _say_tail(outcome: Outcome) -> str:
    """Returns the last line that a trainer printed, as the end of a reason."""
    lines = [line.strip() for line in outcome.tail.splitlines() if line.strip()]
    return f"; its last line: {clean(lines[-1], MAX_TAIL)}" if lines else "; it printed nothing"


def _explain_nothing(tag: str, reading: Reading) -> str:
    """Returns why there is no reward in what a trainer reported."""
    names = sorted({name for one in reading.measurements for name in one.values})
    if names:
        found = f"it reported {listing([clean(name, 60) for name in names])}{suggest(tag, names)}"
        if faults := reading.say_faults():
            found = f"{found.removesuffix('.')}; and the metrics file has {faults}"
    elif reading.faults:
        found = f"the metrics file has {reading.say_faults()}"
    else:
        found = "it wrote no report into the file that CLOUD_ML_HP_METRIC_FILE names"
    return f"no reward: the trainer did not report {tag!r}: {found}"


def _explain_missing(what: str, metric: str, metrics: Mapping[str, float]) -> str:
    return f"{what} needs the metric {metric!r}, and the trainer reported {listing(sorted(metrics))}{suggest(metric, metrics)}"
