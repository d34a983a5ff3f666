"""Trains the models of a proxy tool: each up to a limit, which may be found while they train.

The trainings are the trials of a study (``Stage``); this module adds their learning curves and the files by which trainers
are told to stop.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, final

from pliant.launch import Outcome
from pliant.space import Space
from pliant.study import Study, Trial
from pliant.study.run import Failed, Lost, Result, Told
from pliant.values.errors import PliantError

from ..errors import NasError
from ..folder import JobFolder
from ..records import read_record, write_file, write_record
from ..reports import MAX_BYTES, Version, read_end, read_version
from ..screen import Screen
from ..settings import SEARCH, Settings
from ..stage import Stage
from ..trainer import Source
from ..trial.status import HOURS_FILE, PERCENT_FILE
from .curve import DETAILS, Curve, read_curve

CHECKPOINT = "retrain_use_search_job_checkpoint"  # the flag of trainers that continue from a checkpoint
MIN_VALID = 0.7  # of the models of a round, or of the trainings of a model
PATIENCE = 2  # reports that a trainer may make after it was told to stop, before its job is ended


class State(Protocol):
    """State of a proxy tool, a dataclass: the name of its file, and the kind of tool."""

    FILE: ClassVar[str]
    KIND: ClassVar[str]


S = TypeVar("S", bound=State)


class InterruptedTool(PliantError):
    """A proxy tool that was interrupted once; its message has the command that continues it."""


class Training(NamedTuple):
    """A trial that has ended, and its learning curve; None if it failed."""

    trial: Trial
    curve: Curve | None

    @property
    def is_valid(self) -> bool:
        """Whether the trial succeeded and reported accuracies."""
        return self.curve is not None and bool(self.curve.points)


class Supervisor(ABC):
    """Follows the learning curves of the trials of a stage, and decides how far they are trained."""

    def __init__(self) -> None:
        self.curves: dict[int, Curve] = {}  # of trials that have started and not failed
        self.ended: set[int] = set()
        self.failed: set[int] = set()
        self._started: dict[int, float] = {}
        self._versions: dict[int, list[Version | None]] = {}
        self._ended_here: set[tuple[int, int]] = set()

    @abstractmethod
    def prepare(self, trial: Trial, home: Path) -> None:
        """Writes into the folder of a trial how far it is trained, before it starts."""

    @abstractmethod
    def is_beyond(self, trial: Trial, home: Path) -> bool:
        """Returns whether a running trial is to be ended by force; called a few times a second for each."""

    def open(self, stage: Stage) -> None:
        """Called before the stage runs, with trials that have ended before."""
        self.stage = stage
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
        self.prepare(trial, home)
        self._started[trial.id] = time.monotonic()

    def should_end(self, trial: Trial) -> bool:
        """Reads the curve of a running trial; returns whether the trial exceeds the limit."""
        home = _home(self.stage, trial)
        files = (self.stage.folder.metrics(SEARCH, trial.id, trial.token), home / DETAILS)
        versions = [read_version(file) for file in files]
        if versions != self._versions.get(trial.id):
            self._versions[trial.id] = versions
            seconds = time.monotonic() - self._started[trial.id]
            self.curves[trial.id] = _read_curve(self.stage, trial, seconds)
        if self.is_beyond(trial, home):
            self._ended_here.add((trial.id, trial.token))
            return True
        return False

    def adjust(self, trial: Trial, outcome: Outcome, result: Result) -> Result:
        """Returns the result of a trial; for one that was ended here without a reward, its last accuracy."""
        if isinstance(result, Lost):
            self.curves.pop(trial.id, None)  # it starts over
            return result
        curve = _read_curve(self.stage, trial, outcome.seconds)
        if isinstance(result, Failed) and (trial.id, trial.token) in self._ended_here and curve.points:
            result = Told(curve.points[-1].accuracy)
        self._close(trial, curve if isinstance(result, Told) else None)
        return result

    def end(self, trial: Trial) -> None:
        """Records a trial that has ended; one that was lost too often has failed."""
        if trial.status == "failed":
            self._close(trial, None)

    def _close(self, trial: Trial, curve: Curve | None) -> None:
        self.ended.add(trial.id)
        if curve is None:
            self.failed.add(trial.id)
            self.curves.pop(trial.id, None)
        else:
            self.curves[trial.id] = curve


@final
class UpTo(Supervisor):
    """Trains each trial up to ``percent`` of its steps."""

    def __init__(self, percent: float) -> None:
        super().__init__()
        self.percent = percent

    def prepare(self, trial: Trial, home: Path) -> None:
        """See ``Supervisor``."""
        if self.percent < 100:
            write_percent(home, self.percent)

    def is_beyond(self, trial: Trial, home: Path) -> bool:
        """See ``Supervisor``."""
        curve = self.curves.get(trial.id)
        return self.percent < 100 and curve is not None and curve.count_beyond(self.percent) >= PATIENCE


def write_percent(home: Path, percent: float) -> None:
    """Writes how far a trial is trained, for ``pliant.nas.trial.should_stop``."""
    write_file(home / PERCENT_FILE, json.dumps({"desired_training_pct": percent}))


def write_hours(home: Path, hours: float) -> None:
    """Writes how long a trial may train, for ``pliant.nas.trial.should_stop``."""
    write_file(home / HOURS_FILE, json.dumps({"max_training_time_in_hrs": hours}))


@dataclass(frozen=True, slots=True)
class Tool:
    """A proxy tool: its folder, and the trainings in it."""

    folder: Path
    settings: Settings  # of the trainings
    space: Space
    screen: Screen
    resume: str  # the command that continues the tool, for messages

    def load(self, kind: type[S]) -> S:
        """Returns the state of the tool."""
        return read_record(self.folder / kind.FILE, kind, f"a {kind.KIND}")

    def save(self, state: State) -> None:
        """Writes the state of the tool."""
        write_record(self.folder / state.FILE, state)

    def train(
        self, name: str, trials: int, supervisor: Supervisor, source: Source | None = None, **changes: Any
    ) -> list[Training]:
        """Runs the remaining trainings in a folder of their own; returns all of them, in order.

        Args:
          name: of the folder.
          trials: their number.
          supervisor: decides how far they are trained.
          source: earlier trials that are trained again; None draws different random ones.
          changes: to the settings; without ``max_failures``, any number of trials may fail.

        Raises:
          NasError: the folder cannot be written, the space has changed, or too many trials failed.
          StudyError: the study cannot be opened or written.
          InterruptedTool: Ctrl-C; running trials have ended.
        """
        algorithm = "random" if source is not None or math.isinf(self.space.size) else "random(replace=False)"
        given = {"trials": trials, "algorithm": algorithm, "max_failures": 0, **changes}
        settings = dataclasses.replace(self.settings, **given)
        folder = JobFolder(self.folder / name)
        folder.save(settings)
        stage = Stage(folder, settings, self.space, self.screen, self.resume, source=source)
        supervisor.open(stage)
        ending = stage.run(supervisor)
        if ending.how == "interrupted":
            raise InterruptedTool(f"{ending.message} To continue: `{self.resume}`.")
        if ending.how == "failures":
            raise NasError(
                f"more than {settings.max_failures - 1} of {trials} models failed. To see why: `pliant nas list-trials "
                f"--job_id={folder.path} --state=all`. Fix the trainer, and start again."
            )
        return _read_trainings(stage)


def _read_trainings(stage: Stage) -> list[Training]:
    if not stage.folder.study(SEARCH).exists():
        return []
    with Study.open(stage.folder.study(SEARCH)) as study:
        ended = [trial for trial in study.trials() if trial.ended is not None]
    return [
        Training(trial, _read_curve(stage, trial, trial.seconds) if trial.told is not None else None)
        for trial in ended
    ]


def _read_curve(stage: Stage, trial: Trial, seconds: float | None) -> Curve:
    metrics = stage.folder.metrics(SEARCH, trial.id, trial.token)
    return read_curve(_home(stage, trial), metrics, stage.settings.rules.metric, seconds)


def _home(stage: Stage, trial: Trial) -> Path:
    return stage.folder.trial(SEARCH, trial.id)


def find_latency(training: Training, metric: str | None) -> float | None:
    """Returns the latency of a model: the reported metric, or the one in the details; None without either."""
    if metric is None or training.curve is None:
        return None
    return training.trial.metrics.get(metric, training.curve.latency)


def list_reasons(trainings: Sequence[Training]) -> list[str]:
    """Returns why trials failed, for messages."""
    return [f"trial {one.trial.id}: {one.trial.reason}" for one in trainings if one.curve is None]
