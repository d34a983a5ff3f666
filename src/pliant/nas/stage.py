"""A stage of a NAS job: a study whose trials are run by trainers.

A search, the full training of its best trials (stage 2), and the trainings of proxy tools are stages. Run again, a stage
continues with the trials that have not ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, final

from pliant.launch import Job, Launcher, Outcome
from pliant.launch.output import LOG_BYTES
from pliant.space import Decisions, Space
from pliant.study import Study, Trial
from pliant.study.run import Ending, Result, Seen, run
from pliant.tune.text import say_count
from pliant.values.errors import RewardError, SpaceChangedError, StudyInUseError

from .errors import NasError
from .folder import JobFolder
from .reports import clean
from .result import CANCELLED, ResultReader
from .screen import Screen
from .settings import SEARCH, Settings
from .trainer import Source, TrainerJobs, make_launcher

MAX_ATTEMPTS = 3  # of a trial whose job was killed from outside
HEAD = LOG_BYTES // 2  # of a log; the rest is rewritten as the log grows
MAX_LINE = 2000


class Observer(Protocol):
    """Follows the trials of a stage, and may end them before their trainers do."""

    def start(self, trial: Trial) -> None:
        """Called when the folder of a trial is ready, before its job starts."""

    def should_end(self, trial: Trial) -> bool:
        """Returns whether a running trial is to be ended; called a few times a second."""

    def adjust(self, trial: Trial, outcome: Outcome, result: Result) -> Result:
        """Returns the result of a trial whose job ended."""

    def end(self, trial: Trial) -> None:
        """Called when a trial has ended."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a job."""

    folder: JobFolder  # of the job
    settings: Settings  # of the job
    space: Space  # the abstract space
    screen: Screen  # where progress is shown
    resume: str  # the command that continues the job, for messages
    name: str = SEARCH  # `search` or `train`
    source: Source | None = None  # the trials of another job that are trained again; None to search

    def run(self, observer: Observer | None = None, *, echo: bool = False) -> Ending:
        """Runs the remaining trials.

        Args:
          observer: follows the trials.
          echo: also show the output of the trainers.

        Raises:
          NasError: the folder cannot be written, another command runs the job, or the space has changed.
          StudyError: the study cannot be opened or written.
          KeyboardInterrupt: a second Ctrl-C; what ran is run again when the stage continues.
        """
        settings = self.settings
        with (
            self._explain_interrupt(),
            self._open() as study,
            make_launcher(settings, min(settings.parallel, settings.trials), self.folder.path) as launcher,
            self.screen.show_progress(self.name if observer is None else self.folder.name, study) as show,
        ):
            jobs = TrainerJobs(self.folder, settings, self.name, study, self.source)
            reader = ResultReader(self.folder, self.name, settings.rules)
            output = _Echo(self.folder, self.name, self.screen) if echo else None
            running = _Running(study, launcher, jobs, reader, show, observer, output)
            return run(
                study,
                launcher,
                running.make_job,
                read=running.read,
                watch=running.watch,
                on_end=running.end,
                attempts=max(MAX_ATTEMPTS, settings.rules.retries + 1),
                max_failures=settings.max_failures or None,
                on_interrupt=lambda count: self.screen.say(
                    f"Stopping: waiting for {say_count(count, 'running trial')}; Ctrl-C again to stop now."
                ),
            )

    @contextmanager
    def _explain_interrupt(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self.screen.say(
                f"Stopped now. To continue and run the interrupted trials again: `{self.resume}`."
            )
            raise

    @contextmanager
    def _open(self) -> Iterator[Study]:
        """Opens the study, its source trials in its queue."""
        from pliant.algorithms import to_algorithm

        self.folder.check_study(self.name)
        settings, source = self.settings, self.source
        try:
            chosen: list[tuple[Decisions, str]] = []  # the decisions of the source trials, and their origin
            if source is not None:
                with Study.open(source.folder.study(SEARCH), self.space) as searched:
                    trials = [searched.trial(number) for number in source.numbers]
                chosen = [(one.decisions, f"trial {one.id} of {source.folder.name}") for one in trials]
            study = Study.open_or_create(
                self.folder.study(self.name),
                self.space,
                to_algorithm(settings.algorithm),
                trials=settings.trials,
                seed=settings.seed if source is None else None,
                maximize=not settings.minimize,
                name=self.folder.name if self.name == SEARCH else f"{self.folder.name}, stage 2",
                constraints=settings.rules.constraints,
            )
        except SpaceChangedError as error:
            raise NasError(
                f"{settings.space_name} is not the space that this job was started with: {error}\n"
                "Restore it; or start over in another folder, or a search with --force_new_space, which moves the old files aside."
            ) from error
        except StudyInUseError as error:
            raise NasError(
                f"another command runs the job in {str(self.folder.path)!r}: {error.holder or 'another process'}. Wait for it, or "
                f"stop it (Ctrl-C there). `pliant nas list-trials --job_id={self.folder.path} --state=all` shows its progress."
            ) from error
        with study:
            info = study.info()
            for decisions, note in chosen[info.proposed + info.queued :]:  # those that a crash left out
                study.enqueue(decisions, note=note)
            yield study


@final
@dataclass(frozen=True, slots=True)
class _Running:
    """A stage under way: makes the jobs of trials, follows them, and reads their results."""

    study: Study
    launcher: Launcher
    jobs: TrainerJobs
    reader: ResultReader
    show: Callable[[Trial], object]
    observer: Observer | None
    output: _Echo | None

    def make_job(self, trial: Trial) -> Job:
        job = self.jobs.make_job(trial)
        if self.observer is not None:
            self.observer.start(trial)
        return job

    def end(self, trial: Trial) -> None:
        self.show(trial)
        if self.observer is not None:
            self.observer.end(trial)

    def watch(self, trial: Trial) -> list[Seen]:
        if self.output is not None:
            self.output.show(trial)
        if self.observer is not None and self.observer.should_end(trial):
            self.launcher.cancel(self.jobs.name_job(trial), "it continued although it was told to stop")
        return self.reader.watch(trial)

    def read(self, trial: Trial, outcome: Outcome) -> Result:
        if self.output is not None:
            self.output.show(trial)
        for seen in self.reader.watch(trial):  # its last reports
            with suppress(RewardError):
                self.study.report(
                    trial.id, seen.reward, step=seen.step, token=trial.token, metrics=seen.metrics
                )
        if outcome.how == CANCELLED:
            self.study.note(trial.id, "stopped early: the algorithm asked for it")
        result = self.reader.read(trial, outcome)
        return result if self.observer is None else self.observer.adjust(trial, outcome, result)


@final
@dataclass(slots=True)
class _Echo:
    """Shows the output of trainers while they run, read from their logs."""

    folder: JobFolder
    stage: str
    screen: Screen
    _shown: dict[Path, int] = field(default_factory=dict)

    def show(self, trial: Trial) -> None:
        """Shows the new lines of a trial, up to a limit, without control characters."""
        path = self.folder.log(self.stage, trial.id, trial.token)
        start = self._shown.get(path, 0)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(HEAD - start)
        except OSError:
            return
        end = len(data) if start + len(data) == HEAD else data.rfind(b"\n") + 1
        for line in data[:end].decode("utf-8", "replace").splitlines():
            self.screen.say(clean(line.expandtabs(), MAX_LINE))
        if end and start + end == HEAD:
            self.screen.say(f"[more output is in {path}]")
        self._shown[path] = start + end
