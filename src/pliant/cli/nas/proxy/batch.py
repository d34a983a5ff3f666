"""Trials that a proxy tool wants trained, each once: a study of them, run until it ends, and how each learned.

A batch that was stopped goes on with the trials that had not ended.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, final

from rich.console import Console

from pliant.launch import Job, Launcher, Outcome
from pliant.study import Study, Trial
from pliant.study.run import Ending, Failed, Lost, Result, Told, run
from pliant.tune.progress import open_display
from pliant.values.errors import SpaceChangedError

from ...algorithm import make_algorithm
from ..fault import NasError
from ..folder import SEARCH, JobFolder
from ..measure import MAX_BYTES, read_end
from ..place import make_launcher
from ..settings import Settings
from ..verdict import Judge
from ..work import Work
from .curve import DETAILS, Curve, read_curve
from .state import write_whole

PERCENT_FILE, HOURS_FILE = "DESIRED_TRAINING_PCT.json", "MAX_TRAINING_TIME.json"
PATIENCE = 2  # reports that a trainer may make after it was told to stop, before it is ended
LOST_ATTEMPTS = 3


class Source(NamedTuple):
    """Trials that were trained before, and are now trained again.

    Attributes:
      folder: of their job.
      numbers: of the trials, in order; one may be there several times.
    """

    folder: JobFolder
    numbers: tuple[int, ...]


class Learned(NamedTuple):
    """What came of a trial.

    Attributes:
      trial: as the study has it.
      curve: how it learned; None where it failed.
    """

    trial: Trial
    curve: Curve | None


@dataclass(slots=True)
class Board:
    """What is known of the trials of a batch while it runs.

    Attributes:
      count: how many there are in all.
      curves: by number, of those that have begun and not failed.
      ended: the numbers of those that have ended.
      failed: and of those among them that failed.
    """

    count: int
    curves: dict[int, Curve] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)


class Supervisor(ABC):
    """Says how far the trials of a batch are trained."""

    @abstractmethod
    def order(self, trial: Trial, home: Path) -> None:
        """Writes into the folder of a trial how far it is trained, before it begins."""

    @abstractmethod
    def look(self, board: Board, trial: Trial, home: Path) -> bool:
        """Returns whether a running trial is to be ended by force; called a few times a second for each."""


@final
class UpTo(Supervisor):
    """Trains each trial up to a part of its training.

    Args:
      percent: of its steps.
    """

    def __init__(self, percent: float) -> None:
        self.percent = percent

    def order(self, trial: Trial, home: Path) -> None:
        """See ``Supervisor``."""
        if self.percent < 100:
            write_percent(home, self.percent)

    def look(self, board: Board, trial: Trial, home: Path) -> bool:
        """See ``Supervisor``."""
        curve = board.curves.get(trial.id)
        return self.percent < 100 and curve is not None and curve.count_beyond(self.percent) >= PATIENCE


@dataclass(frozen=True, slots=True)
class Batch:
    """Trials to be trained, each once.

    Attributes:
      folder: of their job.
      settings: how they are trained: ``trials`` says how many.
      space: the abstract space.
      source: which they are; None draws them at random.
    """

    folder: JobFolder
    settings: Settings
    space: Any
    source: Source | None = None

    def run(self, supervisor: Supervisor, console: Console) -> Ending:
        """Runs what is left.

        Raises:
          NasError: the folder cannot be written, or the space has changed.
          StudyError: the study cannot be written.
        """
        self.folder.save(self.settings)
        rules = self.settings.rules
        with (
            self._open() as study,
            make_launcher(
                self.settings, min(self.settings.parallel, self.settings.trials), self.folder.path
            ) as launcher,
            open_display(console, self.folder.name, study) as display,
        ):
            room = _Room(self, supervisor, study, launcher)

            def on_end(trial: Trial) -> None:
                display.add(trial)
                room.end(trial)

            return run(
                study,
                launcher,
                room.make_job,
                read=room.read,
                watch=room.watch,
                on_end=on_end,
                attempts=max(LOST_ATTEMPTS, rules.retries + 1),
                max_failures=self.settings.max_failures or None,
            )

    def results(self) -> list[Learned]:
        """Returns what came of the trials that have ended, in order."""
        with Study.open(self.folder.study(SEARCH), self.space) as study:
            return [
                Learned(trial, self.read(trial, trial.seconds) if trial.status == "completed" else None)
                for trial in study.trials()
                if trial.ended is not None
            ]

    def read(self, trial: Trial, seconds: float | None) -> Curve:
        """Returns how a trial learned so far."""
        home, metrics = self._places(trial)
        return read_curve(home, metrics, self.settings.rules.metric, seconds)

    def _places(self, trial: Trial) -> tuple[Path, Path]:
        return self.folder.trial(SEARCH, trial.id), self.folder.metrics(SEARCH, trial.id, trial.token)

    def _open(self) -> Study:
        """Opens the study; those of its trials are put in line that are not yet."""
        settings = self.settings
        try:
            study = Study.open_or_create(
                self.folder.study(SEARCH),
                self.space,
                make_algorithm(settings.algorithm),
                trials=settings.trials,
                seed=settings.seed,
                maximize=True,
                name=self.folder.name,
            )
        except SpaceChangedError as error:
            raise NasError(
                f"{settings.space_name} is not the space that this began with: {error}\nRestore it."
            ) from error
        if self.source is not None:
            with Study.open(self.source.folder.study(SEARCH), self.space) as before:
                chosen = [before.trial(number) for number in self.source.numbers]
            for trial in chosen[len(list(study.trials())) + study.info().queued :]:
                study.enqueue(trial.decisions, note=f"trial {trial.id} of {self.source.folder.name}")
        return study


@final
class _Room:
    """A batch under way: makes its jobs, reads what they report, and ends those that go on too long."""

    def __init__(self, batch: Batch, supervisor: Supervisor, study: Study, launcher: Launcher) -> None:
        source = batch.source
        self.work = Work(
            batch.folder,
            batch.settings,
            SEARCH,
            () if source is None else source.numbers,
            None if source is None else source.folder.trials(SEARCH),
        )
        self.batch, self.supervisor, self.launcher = batch, supervisor, launcher
        self.judge = Judge(batch.folder, SEARCH, batch.settings.rules)
        self.jobs: dict[int, str] = {}
        self.begun: dict[int, float] = {}
        self.versions: dict[int, tuple[object, ...]] = {}
        self.stopped: set[str] = set()  # jobs that went on too long
        self.board = Board(batch.settings.trials)
        for trial in study.trials():
            if trial.ended is not None:
                self._close(trial, batch.read(trial, trial.seconds) if trial.status == "completed" else None)

    def make_job(self, trial: Trial) -> Job:
        """Returns the job of a trial; what an attempt before left of how it learned is replaced."""
        job = self.work.make_job(trial)
        home = self.work.folder.trial(SEARCH, trial.id)
        (home / DETAILS).unlink(missing_ok=True)
        (home / PERCENT_FILE).unlink(missing_ok=True)
        source = self.batch.source
        if source is not None and "retrain_use_search_job_checkpoint" in self.batch.settings.search_flags:
            known = source.folder.trial(SEARCH, source.numbers[trial.id - 1]) / DETAILS
            text, is_cut = read_end(known, MAX_BYTES)
            if text is not None and not is_cut:
                write_whole(home / DETAILS, text.decode("utf-8", "replace"))
        self.supervisor.order(trial, home)
        self.jobs[trial.id], self.begun[trial.id] = job.id, time.monotonic()
        return job

    def watch(self, trial: Trial) -> list[Any]:
        """Reads how a running trial learned; ends it where its supervisor says so."""
        home, metrics = self.batch._places(trial)
        version = _version(metrics), _version(home / DETAILS)
        if version != self.versions.get(trial.id):
            self.versions[trial.id] = version
            self.board.curves[trial.id] = self.batch.read(trial, time.monotonic() - self.begun[trial.id])
        if self.supervisor.look(self.board, trial, home):
            self.stopped.add(self.jobs[trial.id])
            self.launcher.cancel(self.jobs[trial.id], "it went on beyond where it was told to stop")
        return self.judge.watch(trial)

    def read(self, trial: Trial, outcome: Outcome) -> Result:
        """Says what the end of a job means; of one that went on too long, what it has learned counts."""
        result = self.judge.read(trial, outcome)
        if isinstance(result, Lost):
            self.board.curves.pop(trial.id, None)  # it begins anew
            return result
        curve = self.batch.read(trial, outcome.seconds)
        if isinstance(result, Failed) and self.jobs[trial.id] in self.stopped and curve.points:
            result = Told(curve.points[-1].accuracy)
        self._close(trial, curve if isinstance(result, Told) else None)
        return result

    def end(self, trial: Trial) -> None:
        """Notes that a trial has ended, which failed for good if it was lost too often."""
        if trial.status == "failed":
            self._close(trial, None)

    def _close(self, trial: Trial, curve: Curve | None) -> None:
        self.board.ended.add(trial.id)
        if curve is None:
            self.board.failed.add(trial.id)
            self.board.curves.pop(trial.id, None)
        else:
            self.board.curves[trial.id] = curve


def write_percent(home: Path, percent: float) -> None:
    """Tells a trial how far it is trained; ``pliant.nas.trial.should_stop`` reads it."""
    write_whole(home / PERCENT_FILE, json.dumps({"desired_training_pct": percent}))


def write_hours(home: Path, hours: float) -> None:
    """Tells a trial how long it may train; ``pliant.nas.trial.should_stop`` reads it."""
    write_whole(home / HOURS_FILE, json.dumps({"max_training_time_in_hrs": hours}))


def valid(results: Sequence[Learned]) -> list[Learned]:
    """Returns those that did not fail and said how they learned."""
    return [one for one in results if one.curve is not None and one.curve.points]


def _version(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_size, found.st_mtime_ns
