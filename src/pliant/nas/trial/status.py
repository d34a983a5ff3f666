"""Who this trial is, how it went, and whether it should end: by the environment and the files of its folder."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from pliant.values.errors import FieldValueError, listing, suggest

from .files import write_atomic

TRIAL_ID, MODEL_DIR = "CLOUD_ML_TRIAL_ID", "AIP_MODEL_DIR"
JOB_STATUSES = ("success", "failed", "failed_with_nan_error")
"""What ``write_job_status`` takes."""
STATUS_FILE = "job_status.json"
PERCENT_FILE, HOURS_FILE = "DESIRED_TRAINING_PCT.json", "MAX_TRAINING_TIME.json"
_TRIAL_FOLDER = re.compile(r".*nas/(search|train)/\d+")
_SECONDS_AN_HOUR = 3600.0
_BEGUN = time.monotonic()


def get_trial_id() -> int:
    """Returns the number of this trial, from 1; 0 outside of a search."""
    text = os.environ.get(TRIAL_ID, "0")
    return int(text) if text.isdecimal() else 0


def get_model_dir(job_dir: str | os.PathLike[str]) -> str:
    """Returns the folder of this trial: that of ``AIP_MODEL_DIR`` where it is set, else ``job_dir``.

    Raises:
      FieldValueError: ``AIP_MODEL_DIR`` names no folder of a trial.
    """
    place = os.environ.get(MODEL_DIR)
    if not place:
        return os.fspath(job_dir)
    found = _TRIAL_FOLDER.match(place)
    if found is None:
        raise FieldValueError(
            f"AIP_MODEL_DIR names a folder below nas/search/NUMBER or nas/train/NUMBER; got {place!r:.200}."
        )
    return found[0]


def get_parent_dir() -> str | None:
    """Returns the folder of the trial from whose result this one is to go on (its checkpoint, say); None to begin anew.

    Algorithms that promote or copy trials ask for that; ``PLIANT_PARENT_DIR`` says it.
    """
    return os.environ.get("PLIANT_PARENT_DIR") or None


def write_job_status(model_dir: str | os.PathLike[str], status: str) -> None:
    """Writes how the trial went into its folder, as ``job_status.json``; one that says ``failed`` gets no reward.

    Args:
      model_dir: the folder of the trial.
      status: one of ``JOB_STATUSES``.

    Raises:
      FieldValueError: it is none of them.
      TrialFileError: the file cannot be written.
    """
    if status not in JOB_STATUSES:
        raise FieldValueError(
            f"a job's status is one of {listing(JOB_STATUSES)}; got {status!r:.80}{suggest(status, JOB_STATUSES)}."
        )
    write_atomic(Path(model_dir, STATUS_FILE), json.dumps({"job_status": status}))


def should_stop(model_dir: str | os.PathLike[str], *, step: float, total_steps: float) -> bool:
    """Returns whether training has gone as far as it is wanted: to be asked after a report, where training may end.

    Two files in the folder of the trial say so: ``DESIRED_TRAINING_PCT.json``, ``{"desired_training_pct": 40}``, of
    the steps, and ``MAX_TRAINING_TIME.json``, ``{"max_training_time_in_hrs": 1.5}``, since this process began. Without
    them training runs to its end. They may change while it runs; a file that cannot be read says nothing.

    >>> should_stop("nowhere", step=1, total_steps=10), should_stop("nowhere", step=10, total_steps=10)
    (False, True)

    Args:
      model_dir: the folder of the trial.
      step: how far training is.
      total_steps: how far it would go.
    """
    percent = _read_number(Path(model_dir, PERCENT_FILE), "desired_training_pct", 100.0)
    hours = _read_number(Path(model_dir, HOURS_FILE), "max_training_time_in_hrs", float("inf"))
    is_far = 100.0 * step >= percent * total_steps
    return is_far or time.monotonic() - _BEGUN >= hours * _SECONDS_AN_HOUR


def _read_number(path: Path, key: str, default: float) -> float:
    try:
        data: Any = json.loads(path.read_text("utf-8"))
        return float(data[key])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return default
