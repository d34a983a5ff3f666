"""A stage of a NAS job: the study of its trials, run until it ends, shown as it goes.

The first stage searches; the second trains some of its trials in full, each once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from pliant.study import Study, Trial
from pliant.study.run import Ending, run
from pliant.tune.progress import open_display
from pliant.values.errors import PliantError, RewardError, SpaceChangedError, StudyError, listing

from ..algorithm import make_algorithm
from ..console import print_line
from .echo import Echo
from .fault import NasError
from .folder import SEARCH, TRAIN, JobFolder, writing
from .listing import STOPPED_EARLY, say_source
from .place import make_launcher
from .settings import Settings
from .verdict import STOPPED, Judge
from .work import Work

LOST_ATTEMPTS = 3  # of a trial whose job was ended from outside


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a job, ready to run.

    Attributes:
      folder: of the job.
      settings: what was asked for.
      space: the abstract space.
      console: where it is shown.
      echo: whether the output of trainers is shown, too.
    """

    folder: JobFolder
    settings: Settings
    space: Any
    console: Console
    echo: bool = False

    def search(self) -> Ending:
        """Runs what is left of the search.

        Raises:
          NasError: the folder cannot be written, or the space is another one than before.
          StudyError: the study cannot be opened or written.
        """
        with _alone(self.folder), self._open_search() as study:
            work = Work(self.folder, self.settings, SEARCH, study=study)
            return self._run(study, work, "search", self.settings.parallel)

    def train(self, numbers: Sequence[int], searched: JobFolder) -> Ending:
        """Runs what is left of stage 2.

        Args:
          numbers: the trials of the search that are trained, in order.
          searched: the folder of the search; ``folder`` is that of stage 2.

        Raises:
          NasError: the folder cannot be written, or another list of trials was begun here.
          StudyError: there is no such search, or a study cannot be written.
        """
        with _alone(self.folder), self._open_train(numbers, searched) as study:
            work = Work(self.folder, self.settings, TRAIN, tuple(numbers), searched.trials(SEARCH))
            return self._run(study, work, "train", min(self.settings.train_trials, len(numbers)))

    def _run(self, study: Study, work: Work, title: str, parallel: int) -> Ending:
        rules = self.settings.rules
        judge = Judge(self.folder, work.stage, rules)
        echo = Echo(self.folder, work.stage, self.console) if self.echo else None

        def watch(trial: Trial) -> Any:
            if echo is not None:
                echo.show(trial)
            return judge.watch(trial)

        def read(trial: Trial, outcome: Any) -> Any:
            if echo is not None:
                echo.show(trial)
            for seen in judge.watch(trial):  # what it reported at last
                with suppress(RewardError):
                    study.report(
                        trial.id, seen.reward, step=seen.step, token=trial.token, metrics=seen.metrics
                    )
            if outcome.how == STOPPED:
                study.note(trial.id, STOPPED_EARLY)
            return judge.read(trial, outcome)

        with (
            self._say_stopped(work),
            make_launcher(self.settings, parallel, self.folder.path) as launcher,
            open_display(self.console, title, study) as display,
        ):
            return run(
                study,
                launcher,
                work.make_job,
                read=read,
                watch=watch,
                on_end=display.add,
                attempts=max(LOST_ATTEMPTS, rules.retries + 1),
                max_failures=self.settings.max_failures or None,
                on_interrupt=lambda count: print_line(self.console, say_waiting(count)),
            )

    @contextmanager
    def _say_stopped(self, work: Work) -> Iterator[None]:
        """Says after a second Ctrl-C how to go on."""
        try:
            yield
        except KeyboardInterrupt:
            print_line(
                self.console,
                f"Stopped now; what ran is run again when {say_command(self.folder, work.stage)} goes on.",
            )
            raise

    @contextmanager
    def _open_search(self) -> Iterator[Study]:
        settings, path = self.settings, self.folder.study(SEARCH)
        self.folder.check_study(SEARCH)
        try:
            study = Study.open_or_create(
                path,
                self.space,
                make_algorithm(settings.algorithm),
                trials=settings.trials,
                seed=settings.seed,
                maximize=not settings.minimize,
                name=self.folder.name,
                constraints=settings.rules.constraints,
            )
        except SpaceChangedError as error:
            raise NasError(
                f"{settings.space_name} is not the space that this job began with: {error}\n"
                "Restore it; or --force_new_space puts what was done aside, and starts anew."
            ) from error
        with study:
            yield study

    @contextmanager
    def _open_train(self, numbers: Sequence[int], searched: JobFolder) -> Iterator[Study]:
        with self._open(searched.study(SEARCH)) as search:
            chosen = [search.trial(number) for number in numbers]
        with writing(self.folder.path):
            self.folder.path.mkdir(parents=True, exist_ok=True)
        with Study.open_or_create(
            self.folder.study(TRAIN),
            self.space,
            make_algorithm("random"),
            trials=len(chosen),
            maximize=not self.settings.minimize,
            name=f"{searched.name}, stage 2",
            constraints=self.settings.rules.constraints,
        ) as study:
            begun = list(study.trials())
            if any(one.decisions != other.decisions for one, other in zip(begun, chosen)):
                raise NasError(
                    f"stage 2 in {str(self.folder.path)!r} trains other trials than {listing(numbers)}. Give the list that it began "
                    "with, or a place of its own: --train_job_suffix=NAME."
                )
            for trial in chosen[len(begun) + study.info().queued :]:  # those that a crash left out
                study.enqueue(trial.decisions, note=say_source(trial.id))
            yield study

    def _open(self, path: Path) -> Study:
        """Opens the study of a search, for reading."""
        try:
            return Study.open(path, self.space)
        except SpaceChangedError as error:
            raise NasError(
                f"{self.settings.space_name} is not the space that was searched: {error}\nRestore it."
            ) from error


@contextmanager
def _alone(folder: JobFolder) -> Iterator[None]:
    """Turns the error of a study that another process writes into one about commands."""
    try:
        yield
    except StudyError as error:
        _, found, rest = str(error).partition(" is being written by ")
        if not found:
            raise
        raise NasError(
            f"another command runs the job in {str(folder.path)!r}: {rest.partition('. ')[0]}. Let it end, or stop it (Ctrl-C there); "
            f"`pliant nas list-trials --job_id={folder.path} --state=all` shows meanwhile how far it is."
        ) from error


def say_waiting(count: int) -> str:
    """Returns what is said after the first Ctrl-C.

    >>> say_waiting(2)
    'Stopping: waiting for 2 trials that run; Ctrl-C again to stop now.'
    """
    trials = "1 trial that runs" if count == 1 else f"{count} trials that run"
    return f"Stopping: waiting for {trials}; Ctrl-C again to stop now."


def say_command(folder: JobFolder, stage: str) -> str:
    """Returns the command that goes on with a stage."""
    if stage == TRAIN:
        return "the same `pliant nas` command"
    return f"`pliant nas resume --job_id={folder.path}`"


def say_end(ending: Ending, folder: JobFolder, stage: str) -> str:
    """Returns how a stage ended, and what can be done now."""
    more = " --max_failed_nas_trial=N" if ending.how == "failures" else ""
    goes_on = (
        "" if ending.how == "complete" else f" `pliant nas resume --job_id={folder.path}{more}` goes on."
    )
    return f"{stage}: {ending.message}{goes_on}"


def choose_trials(folder: JobFolder, text: str | None, count: int) -> list[int]:
    """Returns the trials of a search to train in full: those that ``text`` lists, or the ``count`` best.

    Raises:
      NasError: the text lists no trials, one that is not there, or one twice; or no trial has a reward.
      StudyError: there is no search.
    """
    with Study.open(folder.study(SEARCH)) as study:
        if text:
            numbers = _read_numbers(text)
            for number in numbers:
                _check_trial(study, number)
            return numbers
        try:
            best = study.best(count)
        except StudyError as error:
            raise NasError(f"{error} List those to train: --train_nas_trial_numbers=1,9.") from error
        if not best:
            raise NasError(
                f"no trial of {folder.name!r} has a reward, so there is none to train: "
                f"`pliant nas list-trials --job_id={folder.path} --state=all` says why each failed."
            )
        return [trial.id for trial in best]


def _read_numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise NasError(
            f"--train_nas_trial_numbers lists trials of the search, each once, such as '1,9'; got {text!r:.80}."
        )
    return [int(part) for part in parts]


def _check_trial(study: Study, number: int) -> None:
    try:
        trial = study.trial(number)
    except PliantError as error:
        raise NasError(f"--train_nas_trial_numbers: {error}") from error
    if trial.ended is None:
        raise NasError(f"--train_nas_trial_numbers: trial {number} has not ended yet.")
