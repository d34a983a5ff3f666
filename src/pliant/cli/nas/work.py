"""From a trial to the job that trains it: its command line, environment and folders, as trainers of the service expect them.

Where and as what it runs is said in ``place``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pliant.launch import Job, Limits
from pliant.study import Study, Trial
from pliant.values.files import write_atomically

from .folder import JobFolder, writing
from .measure import LATENCY_FILE, STATUS_FILE
from .place import make_command
from .same import choose_flags
from .settings import Settings

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
      study: where the trial is found from whose result another goes on.
    """

    folder: JobFolder
    settings: Settings
    stage: str
    retrained: tuple[int, ...] = ()
    searched: Path | None = None
    study: Study | None = None

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
            _forget(home, metrics)
            write_atomically(home / PARAMS_FILE, json.dumps(json.loads(params)))
            log = self.folder.log(self.stage, trial.id, trial.token)
            log.parent.mkdir(parents=True, exist_ok=True)
        trainer, rules = self.settings.trainer, self.settings.rules
        env = {
            "CLOUD_ML_TRIAL_ID": str(trial.id),
            "CLOUD_ML_HP_METRIC_TAG": rules.metric,
            "CLOUD_ML_HP_METRIC_FILE": str(metrics),
            "AIP_MODEL_DIR": str(home / "model"),
        }
        if (parent := self._find_parent(trial)) is not None:
            env["PLIANT_PARENT_DIR"] = str(self.folder.trial(self.stage, parent))
        seen = [Path(env["PLIANT_PARENT_DIR"])] if "PLIANT_PARENT_DIR" in env else []
        seen += [self.searched] if self.searched is not None else []
        command = make_command(trainer, self.arguments(trial, params), env, home=home, seen=seen, log=log)
        limits = Limits(seconds=rules.timeout, memory=rules.memory)
        return Job(f"{self.stage}.{trial.id}.{trial.token}", command, limits, trial.attempts)

    def _find_parent(self, trial: Trial) -> int | None:
        """Returns the latest trial with the decisions that this one goes on from."""
        if trial.parent is None or self.study is None:
            return None
        found = [one.id for one in self.study.trials("completed") if one.decisions == trial.parent]
        return max(found, default=None)

    def arguments(self, trial: Trial, params: str) -> list[str]:
        """Returns the flags of the trainer: the user's own first, then ours."""
        home = self.folder.trial(self.stage, trial.id)
        flags = choose_flags(self.settings) if self.retrained else self.settings.search_flags
        if self.retrained or len(params.encode()) > MAX_ARGUMENT:
            params = str(home / PARAMS_FILE)
        given = [f"--{name}={value}" for name, value in flags.items()]
        given += [f"--nas_params_str={params}", f"--job-dir={home}"]
        if self.retrained:
            given.append(f"--retrain_search_job_dir={self.searched}")
            given.append(f"--retrain_search_job_trials={','.join(map(str, self.retrained))}")
        return given


def _forget(home: Path, metrics: Path) -> None:
    """Removes what an earlier attempt said about itself, so that it does not speak for the next; checkpoints stay."""
    if (home / LATENCY_FILE.parent).is_symlink():  # nothing outside of the folder is touched
        (home / LATENCY_FILE.parent).unlink()
    for path in (home / STATUS_FILE, home / LATENCY_FILE, metrics):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
