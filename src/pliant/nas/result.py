"""Results of trials: the reward or failure that a trainer's exit, metrics file and job status mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pliant.launch import Outcome
from pliant.study import Cause, Trial
from pliant.study.run import Failed, Lost, Result, Seen, Told, find_cause
from pliant.study.trials.constraint import Constraint
from pliant.values.errors import PliantError, listing, quote, suggest

from .folder import JobFolder
from .reports import (
    LATENCY_FILE,
    STEP,
    Reading,
    Version,
    clean,
    read_measurements,
    read_numbers,
    read_status,
    read_version,
)
from .settings import Rules

MAX_TAIL = 300
CANCELLED = "cancelled"  # the outcome of a job that the search ended


@dataclass(slots=True)
class ResultReader:
    """Reads the reports and results of the trials of a stage."""

    folder: JobFolder  # of the job
    stage: str  # `search` or `train`
    rules: Rules  # the reward and its constraints
    _seen: dict[Path, tuple[Version | None, set[float]]] = field(default_factory=dict)

    def watch(self, trial: Trial) -> list[Seen]:
        """Returns the reports of a running trial that are new since the last call."""
        path = self.folder.metrics(self.stage, trial.id, trial.token)
        version = read_version(path)
        before, steps = self._seen.get(path, (None, set()))
        if version is None or version == before:
            return []
        new = []
        for one in read_measurements(path).measurements:
            quality = one.values.get(self.rules.metric)
            if one.step not in steps and quality is not None and math.isfinite(quality):
                new.append(Seen(one.step, quality, _finite(one.values, self.rules.metric)))
        self._seen[path] = version, steps | {seen.step for seen in new}
        return new

    def read(self, trial: Trial, outcome: Outcome) -> Result:
        """Returns the result of a trial whose job ended.

        A trial fails on a nonzero exit code, a time limit, a job status ``failed``, or a missing or non-finite reward; it is tried
        again while retries are left. A job that was killed from outside is always tried again.
        """
        self._seen.pop(self.folder.metrics(self.stage, trial.id, trial.token), None)
        if outcome.how == "lost":
            return Lost(outcome.reason)
        if not outcome.ok and outcome.how != CANCELLED:
            tail = _describe_tail(outcome)
            more = "" if tail.rpartition(": ")[2] in outcome.reason else tail
            reason = f"the trainer ended with {outcome.how}: {outcome.reason}{more}"
            return self._fail(trial, reason, cause=find_cause(outcome))
        home = self.folder.trial(self.stage, trial.id)
        status = read_status(home)
        if status.startswith("failed"):  # `failed` or `failed_with_nan_error`
            return self._fail(trial, f"the trainer wrote job_status {quote(status)}", cause="error")
        reading = read_measurements(self.folder.metrics(self.stage, trial.id, trial.token))
        return self._read_reward(trial, reading, read_numbers(home / LATENCY_FILE), outcome)

    def _read_reward(
        self, trial: Trial, reading: Reading, latencies: Mapping[str, float], outcome: Outcome
    ) -> Result:
        """Returns the result of a trial whose trainer ended well; the last report counts."""
        tag = self.rules.metric
        reports = [one for one in reading.measurements if tag in one.values]
        if not reports:
            tail = _describe_tail(outcome) if outcome.ok else ""
            return self._fail(trial, f"no reward: {_describe_missing_reward(tag, reading)}{tail}")
        last = reports[-1]
        quality = last.values[tag]
        reported = {name: value for one in reading.measurements for name, value in one.values.items()}
        metrics = {**latencies, **_finite(reported, ""), STEP: last.step}
        if not math.isfinite(quality):
            return self._fail(trial, f"{tag} is {quality} at step {last.step:g}: training diverged", metrics)
        for limit in map(Constraint.parse, self.rules.constraints):
            if limit.metric not in metrics:
                why = _describe_missing(f"the constraint '{limit}'", limit.metric, metrics)
                return self._fail(trial, why)
        if self.rules.target_latency is None:
            return Told(quality, {name: value for name, value in metrics.items() if name != tag})
        return self._weigh(trial, quality, metrics)

    def _weigh(self, trial: Trial, quality: float, metrics: dict[str, float]) -> Result:
        from pliant.algorithms.objectives import weighted_product

        rules = self.rules
        if rules.latency_metric not in metrics:
            why = _describe_missing("the reward for --target_latency", rules.latency_metric, metrics)
            return self._fail(trial, why, metrics)
        try:
            reward = weighted_product(
                quality,
                metrics[rules.latency_metric],
                rules.target_latency or 0.0,
                limit="hard" if rules.latency_limit == "hard" else "soft",
            )
        except PliantError as error:
            return self._fail(trial, str(error), metrics)
        return Told(reward, metrics)  # includes the quality, as the reward is another number

    def _fail(
        self,
        trial: Trial,
        reason: str,
        metrics: Mapping[str, float] | None = None,
        *,
        cause: Cause = "reward",
    ) -> Result:
        if trial.attempts <= self.rules.retries:
            return Lost(reason)
        return Failed(reason, metrics or {}, cause=cause)


def _finite(values: Mapping[str, float], without: str) -> dict[str, float]:
    return {name: value for name, value in values.items() if name != without and math.isfinite(value)}


def _describe_tail(outcome: Outcome) -> str:
    """Returns the last line of a trainer's output, as the end of a reason."""
    lines = [line.strip() for line in outcome.tail.splitlines() if line.strip()]
    return f"; its last line: {clean(lines[-1], MAX_TAIL)}" if lines else "; it printed nothing"


def _describe_missing_reward(tag: str, reading: Reading) -> str:
    names = sorted({name for one in reading.measurements for name in one.values})
    found = []
    if names:
        found.append(f"it reported {listing([clean(name, 60) for name in names])}{suggest(tag, names)}")
    if faults := reading.describe_faults():
        found.append(f"the metrics file has {faults}")
    text = "; ".join(found) or "it wrote no report into the file named by CLOUD_ML_HP_METRIC_FILE"
    return f"the trainer did not report {tag!r}: {text}"


def _describe_missing(what: str, metric: str, metrics: Mapping[str, float]) -> str:
    return f"{what} needs the metric {metric!r}; the trainer reported {listing(sorted(metrics))}{suggest(metric, metrics)}"
