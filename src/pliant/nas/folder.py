"""The folder of a NAS job: its files, and how it is found by name.

``nas/search/<trial>`` and ``nas/train/<trial>`` belong to the trainers, as in the cloud service. Studies, settings and logs are
outside of them, where a trainer in a container cannot write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pliant.study import Study
from pliant.values.errors import NoStudyError, listing, quote, suggest
from pliant.values.files import check_links

from .errors import NasError
from .records import read_record, write_record, writing
from .settings import Settings

SETTINGS = "nas_job.json"
TRAIN_SETTINGS = "nas_train.json"  # of stage 2
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,127}")
_STAMP = "%Y%m%d_%H%M%S"
_STAMPED = re.compile(r"_\d{8}_\d{6}(_\d+)?$")


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The folder of a job."""

    path: Path  # absolute

    @property
    def name(self) -> str:
        """The id of the job."""
        return self.path.name

    @property
    def title(self) -> str:
        """The name of the job without its time stamp."""
        return _STAMPED.sub("", self.name)

    @property
    def number(self) -> str:
        """The digits of the time stamp; "" without one."""
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
        """Returns the metrics file of an attempt; each has its own, so that an earlier one cannot write into it."""
        return self.trial(stage, trial_id) / "hypertune" / f"attempt_{attempt}.metrics"

    def log(self, stage: str, trial_id: int, attempt: int) -> Path:
        """Returns the file with the output of an attempt."""
        return self.path / "logs" / stage / f"{trial_id}.{attempt}.log"

    def save(self, settings: Settings, name: str = SETTINGS) -> None:
        """Writes the settings of the job, or with ``TRAIN_SETTINGS`` those of stage 2."""
        write_record(self.path / name, settings)

    def load(self, name: str = SETTINGS) -> Settings:
        """Returns the settings that ``save`` wrote."""
        return read_record(self.path / name, Settings, "the settings of a NAS job")

    def has_job(self) -> bool:
        """Returns whether a job was started here."""
        return (self.path / SETTINGS).is_file()

    def has_trials(self, stage: str) -> bool:
        """Returns whether a trial was started here."""
        try:
            return any(self.trials(stage).iterdir())
        except OSError:
            return False

    def check_study(self, stage: str) -> None:
        """Checks that started trials are recorded."""
        if self.has_trials(stage) and not self.study(stage).exists():
            raise NasError(
                f"{str(self.trials(stage))!r} has folders of trials, but their study {str(self.study(stage))!r} is missing. Restore "
                "it; or start over with --force_new_space, which moves the old files aside."
            )

    def open_study(self, stage: str) -> Study:
        """Opens the study of a stage for reading; raises NasError if there is none."""
        self.check_study(stage)
        try:
            return Study.open(self.study(stage))
        except NoStudyError as error:
            raise NasError(
                f"the {stage} of the job {self.name!r} has no trials yet: {error.fault} Start it: `pliant nas resume --job_id={self.path}`."
            ) from error

    def put_aside(self) -> Path:
        """Moves the files of the job into a new folder within, so that it can start over; returns that folder."""
        aside = self.path / f"before_{_now()}"
        with writing(self.path):
            aside.mkdir(parents=True)
            for entry in sorted(self.path.iterdir()):
                if entry.name in ("nas", "logs", SETTINGS, TRAIN_SETTINGS) or ".study.db" in entry.name:
                    entry.rename(aside / entry.name)
        return aside


def new_folder(root: Path, job_name: str) -> JobFolder:
    """Makes a folder for a new job, ``<job_name>_<stamp>``."""
    if not _NAME.fullmatch(job_name):
        raise NasError(
            "--job_name starts the name of a folder: letters, digits, '_', '-' and '.', at most 128; "
            f"got {quote(job_name, 140)}."
        )
    check_local(root)
    stamp = _now()
    with writing(root):
        check_links(root)
        root.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            path = root.absolute() / (f"{job_name}_{stamp}" + (f"_{number}" if number > 1 else ""))
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return JobFolder(path)
    raise NasError(f"{str(root)!r} has 999 jobs {job_name}_{stamp}; give another --job_name.")


def check_local(path: Path) -> None:
    """Checks that a path is on this machine."""
    scheme, colon, _ = str(path).partition(":/")
    if colon and scheme.isalnum():
        raise NasError(
            f"trials run on this machine, and so the output folder must be local; got {str(path)!r}."
        )


def find_folder(job: str, root: Path | None, file: str = SETTINGS, what: str = "NAS job") -> JobFolder:
    """Returns the folder of an existing job.

    Args:
      job: its path; or, within ``root``, its name, the digits of its time stamp, or its name without the stamp (the latest one).
      root: the folder with the jobs; None for the current folder.
      file: a file that such a folder has.
      what: the kind of job, for messages.

    Raises:
      NasError: there is none, or there are several.
    """
    path = Path(job)
    if (path / file).is_file():
        return JobFolder(path.absolute())
    found = [JobFolder(one.parent.absolute()) for one in _sort_by_time((root or Path()).glob(f"*/{file}"))]
    for matches in (
        [one for one in found if one.name == job],
        [one for one in found if one.title == job][-1:],
        [one for one in found if one.number == re.sub(r"\D", "", job) != ""],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise NasError(
                f"{len(matches)} jobs have the id {job!r}: give the full name of one, such as {matches[0].name!r}."
            )
    names = [one.name for one in found]
    raise NasError(
        f"cannot find a {what} {job!r} in {str(root or Path())!r}{suggest(job, names) or '.'} It has: {listing(names)}. Give the "
        "path of the job's folder, or its name with --root_output_dir."
    )


def _sort_by_time(files: Iterable[Path]) -> list[Path]:
    try:
        return sorted(files, key=lambda file: file.stat().st_mtime_ns)
    except OSError:
        return []


def _now() -> str:
    return datetime.now().strftime(_STAMP)  # noqa: DTZ005 - people look for folders by their local time
