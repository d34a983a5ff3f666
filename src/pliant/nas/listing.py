"""Lists the trials of a job as the service's JSON, as CSV, or as the rows of a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pliant.study import Trial
from pliant.study.trials.trial import STOPPED
from pliant.tune.text import say, say_decisions, say_statuses
from pliant.values.text import rows_to_csv

from .errors import NasError
from .folder import SETTINGS, TRAIN_SETTINGS, JobFolder
from .reports import STEP
from .settings import SEARCH, TRAIN, Settings

STATES = {"completed": "SUCCEEDED", "stopped": "SUCCEEDED", "failed": "INFEASIBLE", "running": "ACTIVE"}
"""The service's names for the status of a trial."""
SOURCE = "nas_trial_id"  # in stage 2, the trial of the search
COLUMNS = {"id", "state", SOURCE, "reward", "step", "seconds", "attempts", "stopped", "reason"}


@dataclass(frozen=True, slots=True)
class TrialList:
    """Trials of a stage, the best first."""

    trials: Sequence[Trial]  # in order
    stage: str  # `search` or `train`
    settings: Settings  # of the stage
    state: str = "ALL"  # the service's name of the state that was asked for
    counts: Mapping[str, int] = field(default_factory=dict)  # of all trials of the stage, by state

    def say_none(self) -> str:
        """Returns which trials the stage has, for a list that is empty."""
        wanted = "" if self.state == "ALL" else f" in the state {self.state}"
        found = say_statuses(self.counts)
        return f"no trials{wanted}{found and f' among {found}'}"

    def to_json(self) -> str:
        """Returns the trials as the service's JSON list.

        Where they apply, an entry also has ``reason`` (of a failure), ``attempts``, ``stopped``, and in stage 2
        ``nas_trial_id``, the trial of the search.
        """
        return json.dumps([self._to_data(trial) for trial in self.trials], indent=4)

    def to_csv(self) -> str:
        """Returns the trials as CSV: a row for each, a column for each metric and decision.

        A metric with the name of another column is ``metrics.NAME``. No cell is a formula.
        """
        rows = list(map(self._to_row, self.trials))
        names = list(dict.fromkeys(name for row in rows for name in row)) or ["id", "state"]
        return rows_to_csv(names, [[row.get(name, "") for name in names] for row in rows]).rstrip("\n")

    def to_table(self) -> tuple[list[str], list[list[str]]]:
        """Returns the column names and rows of a table."""
        metrics = list(dict.fromkeys(name for trial in self.trials for name in self._list_metrics(trial)))
        source = [SOURCE] if self.settings.retrained else []
        rows = [
            [
                str(trial.id),
                *(str(self._find_source(trial) or "-") for _ in source),
                STATES[trial.status] + (", stopped" if trial.status == STOPPED else ""),
                *map(say, map(self._list_metrics(trial).get, metrics)),
                "-" if trial.seconds is None else f"{trial.seconds:.1f}",
                say_decisions(trial.decisions) if trial.reason is None else trial.reason,
            ]
            for trial in self.trials
        ]
        return ["trial", *source, "state", *metrics, "seconds", "decisions, or reason"], rows

    def _to_data(self, trial: Trial) -> dict[str, Any]:
        entry: dict[str, Any] = {"id": str(trial.id), "state": STATES[trial.status]}
        if (source := self._find_source(trial)) is not None:
            entry[SOURCE] = str(source)
        if metrics := self._list_metrics(trial):
            entry["finalMeasurement"] = {
                "stepCount": str(int(trial.metrics.get(STEP, 0))),
                "metrics": [{"metricId": name, "value": value} for name, value in metrics.items()],
            }
        entry["startTime"] = _to_zulu(trial.started)
        if trial.ended is not None:
            entry["endTime"] = _to_zulu(trial.ended)
        if trial.reason is not None:
            entry["reason"] = trial.reason
        if trial.attempts > 1:
            entry["attempts"] = trial.attempts
        if trial.status == STOPPED:
            entry["stopped"] = True
        return {
            "name": f"nas/{self.stage}/{trial.id}",
            "parameters": trial.decisions.to_params_str(),
            "searchTrial" if self.stage == SEARCH else "trainTrial": entry,
        }

    def _to_row(self, trial: Trial) -> Mapping[str, Any]:
        source = self._find_source(trial)
        is_own = self.settings.rules.metric in trial.metrics  # `reward` is the trial's, not a reported metric
        taken = COLUMNS - {"reward"} if is_own else COLUMNS
        return {
            "id": trial.id,
            **({} if source is None else {SOURCE: source}),
            "state": STATES[trial.status],
            **{_name_column(name, taken): value for name, value in self._list_metrics(trial).items()},
            "step": trial.metrics.get(STEP, ""),
            "seconds": "" if trial.seconds is None else round(trial.seconds, 3),
            "attempts": trial.attempts,
            "stopped": "yes" if trial.status == STOPPED else "",
            "reason": trial.reason or "",
            **{f"params.{path}": value for path, value in trial.decisions.to_params().items()},
        }

    def _find_source(self, trial: Trial) -> int | None:
        """Returns the trial of the search that a trial of stage 2 trains; None for others."""
        numbers = self.settings.retrained
        return numbers[trial.id - 1] if trial.id <= len(numbers) else None

    def _list_metrics(self, trial: Trial) -> dict[str, float]:
        """Returns the metrics of a trial, the target metric first; and ``reward`` if that is another number."""
        tag = self.settings.rules.metric
        others = {name: value for name, value in trial.metrics.items() if name not in (STEP, tag)}
        found: dict[str, float] = {}
        if tag in trial.metrics:
            found[tag] = trial.metrics[tag]
            if trial.reward is not None:
                found["reward"] = trial.reward
        elif trial.reward is not None:
            found[tag] = trial.reward
        return {**found, **others}


def list_job(folder: JobFolder, stage: str, state: str, count: int) -> TrialList:
    """Returns the best trials of a job; those without a reward are last.

    Args:
      folder: of the job.
      stage: ``search`` or ``train``.
      state: the service's name of one, or ``ALL``.
      count: how many; 0 for all.
    """
    if stage == TRAIN and not folder.study(TRAIN).exists():
        raise NasError(
            f"stage 2 of {folder.name!r} has not started. To train its best trials in full: "
            f"`pliant nas train --search_job_id={folder.path}`."
        )
    settings = folder.load(SETTINGS if stage == SEARCH else TRAIN_SETTINGS)
    with folder.open_study(stage) as study:
        maximize, found = study.maximize, list(study.trials())
    wanted = [trial for trial in found if state in ("ALL", STATES[trial.status])]
    sign = -1.0 if maximize else 1.0
    wanted.sort(key=lambda trial: (trial.reward is None, sign * (trial.reward or 0.0), trial.id))
    counts = Counter(STATES[trial.status] for trial in found)
    return TrialList(wanted[:count] if count else wanted, stage, settings, state, counts)


def _name_column(metric: str, taken: set[str]) -> str:
    is_taken = metric in taken or metric.startswith(("params.", "metrics."))
    return f"metrics.{metric}" if is_taken else metric


def _to_zulu(time: str) -> str:
    return time.replace("+00:00", "Z")
