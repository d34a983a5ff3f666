"""Trains the models of a proxy tool: each up to a limit, which may be found while they train.

The trainings are the trials of a study (``Stage``); this module adds their learning curves and the files by which trainers
are told to stop.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, final

from pliant.launch import Outcome
from pliant.study import Study, Trial
from pliant.study.run import Ending, Failed, Lost, Result, Told

from ..records import write_file
from ..reports import MAX_BYTES, read_end
from ..settings import SEARCH
from ..stage import Stage
from ..trial.status import HOURS_FILE, PERCENT_FILE
from .curve import DETAILS, Curve, read_curve

CHECKPOINT = "retrain_use_search_job_checkpoint"  # the flag of trainers that continue from a checkpoint
PATIENCE = 2  # reports that a trainer may make after it was told to stop, before its job is ended


class Training(NamedTuple):
    """A trial that has ended, and its learning curve; None if it failed."""

    trial: Trial
    curve: Curve | None

    @property
    def is_valid(self) -> bool:
        """Whether the trial succeeded and reported accuracies."""
        return self.curve is not None and bool(self.curve.points)


@dataclass(slots=True)
class Progress:
    """The trials of a stage while it runs.

    Attributes:
      count: their number.
      curves: by trial, of those that have started and not failed.
      ended: trials that have ended.
      failed: those among them that failed.
    """

    count: int
    curves: dict[int, Curve] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)


class Limit(ABC):
    """Decides how far trials are trained."""

    @abstractmethod
    def start(self, trial: Trial, home: Path) -> None:
        """Writes the limit into the folder of a trial, before it starts."""

    @abstractmethod
    def is_exceeded(self, progress: Progress, trial: Trial, home: Path) -> bool:
        """Returns whether a running trial is to be ended by force; called a few times a second for each."""


@final
class UpTo(Limit):
    """Trains each trial up to ``percent`` of its steps."""

    def __init__(self, percent: float) -> None:
        self.percent = percent

    def start(self, trial: Trial, home: Path) -> None:
        """See ``Limit``."""
        if self.percent < 100:
            write_percent(home, self.percent)

    def is_exceeded(self, progress: Progress, trial: Trial, home: Path) -> bool:
        """See ``Limit``."""
        curve = progress.curves.get(trial.id)
        return self.percent < 100 and curve is not None and curve.count_beyond(self.percent) >= PATIENCE


def write_percent(home: Path, percent: float) -> None:
    """Writes how far a trial is trained, for ``pliant.nas.trial.should_stop``."""
    write_file(home / PERCENT_FILE, json.dumps({"desired_training_pct": percent}))


def write_hours(home: Path, hours: float) -> None:
    """Writes how long a trial may train, for ``pliant.nas.trial.should_stop``."""
    write_file(home / HOURS_FILE, json.dumps({"max_training_time_in_hrs": hours}))


def train(stage: Stage, limit: Limit) -> tuple[Ending, list[Training]]:
    """Runs the remaining trials of a stage; returns how it ended, and the trials that have ended.

    Raises:
      NasError: the folder cannot be written, or the space has changed.
      StudyError: the study cannot be opened or written.
    """
    stage.folder.save(stage.settings)
    return stage.run(_CurveObserver(stage, limit)), _read_trainings(stage)


def _read_trainings(stage: Stage) -> list[Training]:
    if not stage.folder.study(SEARCH).exists():
        return []
    with Study.open(stage.folder.study(SEARCH)) as study:
        ended = [trial for trial in study.trials() if trial.ended is not None]
    return [
        Training(trial, _read_curve(stage, trial, trial.seconds) if trial.status == "completed" else None)
        for trial in ended
    ]


def _read_curve(stage: Stage, trial: Trial, seconds: float | None) -> Curve:
    metrics = stage.folder.metrics(SEARCH, trial.id, trial.token)
    return read_curve(_home(stage, trial), metrics, stage.settings.rules.metric, seconds)


def _home(stage: Stage, trial: Trial) -> Path:
    return stage.folder.trial(SEARCH, trial.id)


@final
class _CurveObserver:
    """Reads the learning curves of running trials, and ends those that exceed the limit."""

    def __init__(self, stage: Stage, limit: Limit) -> None:
        self.stage, self.limit = stage, limit
        self.progress = Progress(stage.settings.trials)
        self.started: dict[int, float] = {}
        self.versions: dict[int, list[tuple[int, int, int]]] = {}
        self.exceeded: set[tuple[int, int]] = set()
        for trial, curve in _read_trainings(stage):
            self._close(trial, curve)

    def start(self, trial: Trial) -> None:
        """Prepares the folder of a trial: the limit, and the details of the training that it continues."""
        stage, home = self.stage, _home(self.stage, trial)
        for name in (DETAILS, PERCENT_FILE):
            (home / name).unlink(missing_ok=True)
        if stage.source is not None and CHECKPOINT in stage.settings.search_flags:
            before = stage.source.folder.trial(SEARCH, stage.source.numbers[trial.id - 1])
            text, is_cut = read_end(before / DETAILS, MAX_BYTES)
            if text is not None and not is_cut:
                write_file(home / DETAILS, text.decode("utf-8", "replace"))
        self.limit.start(trial, home)
        self.started[trial.id] = time.monotonic()

    def should_end(self, trial: Trial) -> bool:
        """Reads the curve of a running trial; returns whether the trial exceeds the limit."""
        home = _home(self.stage, trial)
        files = (self.stage.folder.metrics(SEARCH, trial.id, trial.token), home / DETAILS)
        versions = [_read_version(file) for file in files]
        if versions != self.versions.get(trial.id):
            self.versions[trial.id] = versions
            seconds = time.monotonic() - self.started[trial.id]
            self.progress.curves[trial.id] = _read_curve(self.stage, trial, seconds)
        if self.limit.is_exceeded(self.progress, trial, home):
            self.exceeded.add((trial.id, trial.token))
            return True
        return False

    def adjust(self, trial: Trial, outcome: Outcome, result: Result) -> Result:
        """Returns the result of a trial; for one that was ended here without a reward, its last accuracy."""
        if isinstance(result, Lost):
            self.progress.curves.pop(trial.id, None)  # it starts over
            return result
        curve = _read_curve(self.stage, trial, outcome.seconds)
        if isinstance(result, Failed) and (trial.id, trial.token) in self.exceeded and curve.points:
            result = Told(curve.points[-1].accuracy)
        self._close(trial, curve if isinstance(result, Told) else None)
        return result

    def end(self, trial: Trial) -> None:
        """Records a trial that has ended; one that was lost too often has failed."""
        if trial.status == "failed":
            self._close(trial, None)

    def _close(self, trial: Trial, curve: Curve | None) -> None:
        self.progress.ended.add(trial.id)
        if curve is None:
            self.progress.failed.add(trial.id)
            self.progress.curves.pop(trial.id, None)
        else:
            self.progress.curves[trial.id] = curve


def _read_version(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_size, found.st_mtime_ns


def find_latency(training: Training, metric: str | None) -> float | None:
    """Returns the latency of a model: the reported metric, or the one in the details; None without either."""
    if metric is None or training.curve is None:
        return None
    return training.trial.metrics.get(metric, training.curve.latency)


def list_reasons(trainings: Sequence[Training]) -> list[str]:
    """Returns why trials failed, for messages."""
    return [f"trial {one.trial.id}: {one.trial.reason}" for one in trainings if one.curve is None]
