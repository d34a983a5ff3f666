"""From a trial to the job that trains it: its command line, environment and folders, as trainers of the service expect them.

``make_launcher`` is the one place that knows where jobs run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pliant.launch import Command, Commands, Job, Launcher, Limits
from pliant.study import Trial

from .fault import NasError
from .folder import JobFolder, writing
from .settings import Settings, Trainer

MAX_ARGUMENT = 100_000  # bytes of --nas_params_str; what is longer goes by way of its file
PARAMS_FILE = "nas_params_str.json"


@dataclass(frozen=True, slots=True)
class Work:
    """Makes the jobs of a stage.

    Attributes:
      folder: of the job.
      settings: what was asked for.
      stage: ``search`` or ``train``.
      retrained: in stage 2, the trials of the search that are trained, in order.
      searched: in stage 2, the folder with a folder for each trial of the search.
    """

    folder: JobFolder
    settings: Settings
    stage: str
    retrained: tuple[int, ...] = ()
    searched: Path | None = None

    def make_job(self, trial: Trial) -> Job:
        """Returns the job of a trial, its folders made.

        Raises:
          NasError: they cannot be made.
        """
        home = self.folder.trial(self.stage, trial.id)
        metrics = self.folder.metrics(self.stage, trial.id, trial.token)
        params = trial.decisions.to_params_str()
        with writing(self.folder.path):
            metrics.parent.mkdir(parents=True, exist_ok=True)
            temporary = home / f".{PARAMS_FILE}.{trial.token}"
            temporary.unlink(missing_ok=True)
            temporary.write_text(json.dumps(json.loads(params)), "utf-8")
            temporary.replace(home / PARAMS_FILE)
            log = self.folder.log(self.stage, trial.id, trial.token)
            log.parent.mkdir(parents=True, exist_ok=True)
        trainer, rules = self.settings.trainer, self.settings.rules
        env = {
            "CLOUD_ML_TRIAL_ID": str(trial.id),
            "CLOUD_ML_HP_METRIC_TAG": rules.metric,
            "CLOUD_ML_HP_METRIC_FILE": str(metrics),
            "AIP_MODEL_DIR": str(home / "model"),
        }
        command = Command(
            (*_program(trainer), *self.arguments(trial, params)),
            {**env, **_python_path(trainer)},
            Path(trainer.folder),
            log,
        )
        return Job(
            f"{self.stage}.{trial.id}.{trial.token}", command, Limits(seconds=rules.timeout), trial.attempts
        )

    def arguments(self, trial: Trial, params: str) -> list[str]:
        """Returns the flags of the trainer: the user's own first, then ours."""
        home = self.folder.trial(self.stage, trial.id)
        flags: Mapping[str, str] = self.settings.search_flags
        if self.retrained and self.settings.train_flags is not None:
            flags = self.settings.train_flags
        if self.retrained or len(params.encode()) > MAX_ARGUMENT:
            params = str(home / PARAMS_FILE)
        given = [f"--{name}={value}" for name, value in flags.items()]
        given += [f"--nas_params_str={params}", f"--job-dir={home}"]
        if self.retrained:
            given.append(f"--retrain_search_job_dir={self.searched}")
            given.append(f"--retrain_search_job_trials={','.join(map(str, self.retrained))}")
        return given


def make_launcher(settings: Settings, parallel: int) -> Launcher:
    """Returns what runs the jobs of these settings, ``parallel`` at once.

    Raises:
      NasError: nothing here runs containers.
    """
    if settings.trainer.image is None:
        return Commands(parallel)
    raise NasError(
        f"the trainer is the container {settings.trainer.image!r}, and containers are not launched yet. Run its program "
        "here: --local_binary=trainer.py --run_local_binary=true."
    )


def check_binary(path: str) -> str:
    """Returns the absolute path of a trainer.

    Raises:
      NasError: there is no such program, or it cannot be run.
    """
    file = Path(path)
    if not file.is_file():
        raise NasError(
            f"--local_binary names a trainer of this machine, a Python file or a program; there is no file {path!r}."
        )
    if file.suffix != ".py" and not os.access(file, os.X_OK):
        raise NasError(f"--local_binary={path} is not executable: chmod +x it, or name a Python file.")
    return str(file.absolute())


def _program(trainer: Trainer) -> tuple[str, ...]:
    assert trainer.binary is not None
    return (sys.executable, trainer.binary) if trainer.binary.endswith(".py") else (trainer.binary,)


def _python_path(trainer: Trainer) -> dict[str, str]:
    """A Python trainer imports from where the job was started, as the search space was imported from there."""
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([trainer.folder, *([known] if known else [])])}
