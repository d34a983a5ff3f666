"""Where a NAS job keeps what it does: the folders that trainers of the cloud service know, and beside them our own.

``<root>/<job_name>_<stamp>/nas/search/<trial>`` and ``.../nas/train/<trial>`` are the trainers'; the studies, settings and
logs lie outside of them, where no trainer in a container can reach.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pliant.values.errors import suggest
from pliant.values.files import write_atomically

from .fault import NasError
from .settings import Settings

SETTINGS = "nas_job.json"
TRAIN_SETTINGS = "nas_train.json"  # what stage 2 was begun with
SEARCH, TRAIN = "search", "train"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,127}")
_STAMP = "%Y%m%d_%H%M%S"
_STAMPED = re.compile(r"_\d{8}_\d{6}(_\d+)?$")


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The folder of a job.

    Attributes:
      path: absolute.
    """

    path: Path

    @property
    def name(self) -> str:
        """What the job is called: its id."""
        return self.path.name

    @property
    def title(self) -> str:
        """The name of the job without its stamp."""
        return _STAMPED.sub("", self.name)

    @property
    def number(self) -> str:
        """The digits of the stamp; nothing without one."""
        found = _STAMPED.search(self.name)
        return re.sub(r"\D", "", found[0]) if found else ""

    def study(self, stage: str) -> Path:
        """Returns the file of the study of a stage."""
        return self.path / f"{stage}.study.db"

    def trials(self, stage: str) -> Path:
        """Returns the folder with a folder for each trial of a stage."""
        return self.path / "nas" / stage

    def trial(self, stage: str, trial_id: int) -> Path:
        """Returns the folder of a trial, its ``--job-dir``."""
        return self.trials(stage) / str(trial_id)

    def metrics(self, stage: str, trial_id: int, attempt: int) -> Path:
        """Returns the metrics file of an attempt, its own so that an earlier one cannot write into it."""
        return self.trial(stage, trial_id) / "hypertune" / f"attempt_{attempt}.metrics"

    def log(self, stage: str, trial_id: int, attempt: int) -> Path:
        """Returns the file with what an attempt printed."""
        return self.path / "logs" / stage / f"{trial_id}.{attempt}.log"

    def save(self, settings: Settings, name: str = SETTINGS) -> None:
        """Writes the settings of the job, or with ``TRAIN_SETTINGS`` those of its stage 2.

        Raises:
          NasError: the folder cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / name, settings.to_text())

    def load(self, name: str = SETTINGS) -> Settings:
        """Returns what ``save`` wrote.

        Raises:
          NasError: there are none, or they are damaged.
        """
        file = self.path / name
        try:
            text = file.read_text("utf-8", "replace")
        except OSError as error:
            raise NasError(
                f"{str(self.path)!r} is no folder of a NAS job: it has no {name} ({error.strerror}). "
                "`pliant nas search` and `pliant nas search-in-local` make one."
            ) from error
        return Settings.from_text(text, file)

    def has_job(self) -> bool:
        """Returns whether a job was begun here."""
        return (self.path / SETTINGS).is_file()

    def check_study(self, stage: str) -> None:
        """Checks that trials which were begun are recorded.

        Raises:
          NasError: there are folders of trials, and no study.
        """
        if self.has_trials(stage) and not self.study(stage).exists():
            raise NasError(
                f"{str(self.trials(stage))!r} has folders of trials, and their record {str(self.study(stage))!r} is gone. Bring it "
                "back; or --force_new_space puts what was done aside, and starts anew."
            )

    def has_trials(self, stage: str) -> bool:
        """Returns whether a trial was begun here."""
        try:
            return any(self.trials(stage).iterdir())
        except OSError:
            return False

    def put_aside(self) -> Path:
        """Moves what a job did into a folder beside, so that it may begin anew; returns that folder.

        Raises:
          NasError: the folder cannot be written.
        """
        aside = self.path / f"before_{now()}"
        with writing(self.path):
            aside.mkdir(parents=True)
            for entry in sorted(self.path.iterdir()):
                if entry.name in ("nas", "logs", SETTINGS, TRAIN_SETTINGS) or ".study.db" in entry.name:
                    entry.rename(aside / entry.name)
        return aside


def new_folder(root: Path, job_name: str) -> JobFolder:
    """Returns a folder for a new job, ``<job_name>_<stamp>``, made.

    Raises:
      NasError: the name is none, or the root cannot be written.
    """
    if not _NAME.fullmatch(job_name):
        raise NasError(
            "--job_name is the beginning of a folder's name: letters, digits, '_', '-' and '.', at most 128; "
            f"got {job_name!r:.140}."
        )
    check_place(root)
    stamp = now()
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            path = root.absolute() / (f"{job_name}_{stamp}" + (f"_{number}" if number > 1 else ""))
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return JobFolder(path)
    raise NasError(f"there are 999 jobs {job_name}_{stamp} in {str(root)!r}; take another --job_name.")


def check_place(path: Path) -> None:
    """Checks that a path is one of this machine.

    Raises:
      NasError: it is the address of a bucket, say.
    """
    scheme, colon, _ = str(path).partition(":/")
    if colon and scheme.isalnum():
        raise NasError(f"trials run on this machine, so their folder is one of it; got {str(path)!r}.")


def find_folder(job: str, root: Path | None) -> JobFolder:
    """Returns the folder of a job that exists.

    Args:
      job: its path; or, below ``root``, its name, the stamp in it, or its name without the stamp, for the latest one.
      root: where to look for names.

    Raises:
      NasError: there is none, or several.
    """
    path = Path(job)
    if JobFolder(path.absolute()).has_job():
        return JobFolder(path.absolute())
    found = list_jobs(root or Path())
    for matches in (
        [one for one in found if one.name == job],
        [one for one in found if one.title == job][-1:],
        [one for one in found if one.number == re.sub(r"\D", "", job) != ""],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise NasError(
                f"{len(matches)} jobs have the id {job!r}: give the whole name of one, such as {matches[0].name!r}."
            )
    where = str(root or Path())
    raise NasError(
        f"there is no NAS job {job!r} in {where!r}{suggest(job, [one.name for one in found]) or '.'} Give the path of its "
        "folder, or its name with --root_output_dir."
    )


def list_jobs(root: Path) -> list[JobFolder]:
    """Returns the jobs in a folder, the one that was started last at the end."""
    try:
        found = [JobFolder(path.absolute()) for path in root.iterdir() if JobFolder(path).has_job()]
        return sorted(found, key=lambda one: (one.path / SETTINGS).stat().st_mtime_ns)
    except OSError:
        return []


def now() -> str:
    """Returns the time as folders have it."""
    return datetime.now().strftime(_STAMP)  # noqa: DTZ005 - for people, who look for it by their own clock


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a folder that cannot be written into an error that says so.

    Raises:
      NasError: within, something could not be written.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise NasError(
            f"the output folder {os.fspath(path)!r} cannot be written: {why} ({error.filename or path}). Make room, or give "
            "another folder; what is recorded stays, and `pliant nas resume` goes on."
        ) from error
