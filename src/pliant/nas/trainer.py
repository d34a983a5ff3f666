"""Starts trainers: command line, environment, folders and launcher, as trainers of the cloud service expect them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pliant.launch import Command, Commands, Container, Job, Launcher, Limits, Mount
from pliant.study import Study, Trial

from .folder import JobFolder
from .records import write_file, writing
from .reports import LATENCY_FILE, STATUS_FILE
from .settings import SEARCH, Settings, Trainer

MAX_ARGUMENT = 100_000  # bytes of --nas_params_str; a longer one is passed as a file
PARAMS_FILE = "nas_params_str.json"
DATA = "/test_data"  # where a container sees --local_data_dir


@dataclass(frozen=True, slots=True)
class Source:
    """Trials of another job that are trained again."""

    folder: JobFolder  # of that job
    numbers: tuple[int, ...]  # of its trials, in order; one may occur several times


@dataclass(frozen=True, slots=True)
class TrainerJobs:
    """Makes the jobs of a stage."""

    folder: JobFolder  # of the job
    settings: Settings  # of the job
    stage: str  # `search` or `train`
    study: Study  # of the stage, to find the trial from which another continues
    source: Source | None = None  # the trials that are trained again; None in a search

    def make_job(self, trial: Trial) -> Job:
        """Returns the job of a trial, and makes its folders."""
        home = self.folder.trial(self.stage, trial.id)
        metrics = self.folder.metrics(self.stage, trial.id, trial.token)
        log = self.folder.log(self.stage, trial.id, trial.token)
        params = trial.decisions.to_params_str()
        with writing(self.folder.path):
            _remove_results(home, metrics)
            for file in (metrics, log):
                file.parent.mkdir(parents=True, exist_ok=True)
            write_file(home / PARAMS_FILE, json.dumps(json.loads(params)))
        rules = self.settings.rules
        env = {
            "CLOUD_ML_TRIAL_ID": str(trial.id),
            "CLOUD_ML_HP_METRIC_TAG": rules.metric,
            "CLOUD_ML_HP_METRIC_FILE": str(metrics),
            "AIP_MODEL_DIR": str(home / "model"),
        }
        readable = [] if self.source is None else [self.source.folder.trials(SEARCH)]
        # The latest completed trial with the decisions that this one continues from.
        parent = None if trial.parent is None else self.study.latest(trial.parent)
        if parent is not None:
            readable.insert(0, self.folder.trial(self.stage, parent.id))
            env["PLIANT_PARENT_DIR"] = str(readable[0])
        command = _make_command(
            self.settings.trainer, self._list_flags(trial, params), env, home, readable, log
        )
        limits = Limits(seconds=rules.timeout, memory=rules.memory)
        return Job(self.name_job(trial), command, limits, trial.attempts)

    def name_job(self, trial: Trial) -> str:
        """Returns the id of a trial's job."""
        return f"{self.stage}.{trial.id}.{trial.token}"

    def _list_flags(self, trial: Trial, params: str) -> list[str]:
        """Returns the flags of the trainer: the user's first, then those of the search."""
        home = self.folder.trial(self.stage, trial.id)
        if self.source is not None or len(params.encode()) > MAX_ARGUMENT:
            params = str(home / PARAMS_FILE)
        given = [f"--{name}={value}" for name, value in self.settings.flags(self.stage).items()]
        given += [f"--nas_params_str={params}", f"--job-dir={home}"]
        if self.source is not None:
            given.append(f"--retrain_search_job_dir={self.source.folder.trials(SEARCH)}")
            given.append(f"--retrain_search_job_trials={','.join(map(str, self.source.numbers))}")
        return given


def _remove_results(home: Path, metrics: Path) -> None:
    """Removes the results of an earlier attempt, so that only the last attempt counts; checkpoints stay."""
    for path in (home / LATENCY_FILE.parent, metrics.parent):  # nothing outside of the folder is changed
        if path.is_symlink():
            path.unlink()
    for path in (home / STATUS_FILE, home / LATENCY_FILE, metrics):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()


def _make_command(
    trainer: Trainer,
    flags: Sequence[str],
    env: dict[str, str],
    home: Path,
    readable: Sequence[Path],
    log: Path,
) -> Command | Container:
    """Returns the command of a trainer; a container may write ``home``, read ``readable``, and not reach ``log``."""
    if trainer.image is not None:
        mounts = [Mount(home, str(home), writable=True), *(Mount(path, str(path)) for path in readable)]
        if trainer.data is not None:
            mounts.append(Mount(Path(trainer.data), DATA))
        return Container(trainer.image, tuple(flags), env, tuple(mounts), log=log)
    assert trainer.binary is not None
    # A Python trainer imports from the folder where the job was started, as the search space does.
    path = os.pathsep.join(filter(None, [trainer.folder, os.environ.get("PYTHONPATH")]))
    program = (sys.executable, trainer.binary) if trainer.binary.endswith(".py") else (trainer.binary,)
    return Command((*program, *flags), {**env, "PYTHONPATH": path}, Path(trainer.folder), log)


def make_launcher(settings: Settings, parallel: int, owner: Path | None = None) -> Launcher:
    """Returns the launcher for the jobs of these settings, ``parallel`` at the same time.

    Containers that an earlier run of ``owner``, the folder of the job, has left are removed.

    Raises:
      LaunchError: containers are needed, and no engine answers.
    """
    if settings.trainer.image is None:
        return Commands(parallel)
    from pliant.launch import Containers

    return Containers(parallel, owner=str(owner or ""), options=settings.trainer.options)
