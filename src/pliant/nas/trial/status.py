"""The trial seen from its trainer: its number and folder, its status file, and whether to stop."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    PliantError,
    check_file,
    listing,
    quote,
    suggest,
)
from pliant.values.files import check_links, make_own_folder, write_atomically
from pliant.values.lines import read_json
from pliant.values.numbers import to_real

TRIAL_ID, MODEL_DIR = "CLOUD_ML_TRIAL_ID", "AIP_MODEL_DIR"
JOB_STATUSES = ("success", "failed", "failed_with_nan_error")
"""What ``write_job_status`` takes."""
STATUS_FILE = "job_status.json"
PERCENT_FILE, HOURS_FILE = "DESIRED_TRAINING_PCT.json", "MAX_TRAINING_TIME.json"
_TRIAL_FOLDER = re.compile(r".*nas/(search|train)/\d+")
_SECONDS_AN_HOUR = 3600.0
_BEGUN = time.monotonic()


class TrialFileError(PliantError, OSError):
    """A file of a trial that cannot be written."""


def write_file(path: Path, text: str, *, shared: bool = True) -> None:
    """Writes a file atomically and makes its folder; everybody may read the file if it is ``shared``.

    Raises:
      TrialFileError: it cannot be written, or it or its folder belongs to another user.
    """
    try:
        if shared:
            path.parent.mkdir(parents=True, exist_ok=True)
        else:
            make_own_folder(path.parent)
        check_links(path)
        write_atomically(path, text, mode=0o644 if shared else 0o600)
    except OSError as error:
        raise TrialFileError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error


def get_trial_id() -> int:
    """Returns the number of this trial, from 1; 0 outside of a search."""
    text = os.environ.get(TRIAL_ID, "0")
    return int(text) if text.isdecimal() else 0


def get_model_dir(job_dir: str | os.PathLike[str]) -> str:
    """Returns the folder of this trial: ``AIP_MODEL_DIR`` if it is set, else ``job_dir``.

    Raises:
      FieldValueError: ``AIP_MODEL_DIR`` is not the folder of a trial.
    """
    place = os.environ.get(MODEL_DIR)
    if not place:
        return check_file(job_dir, "job_dir")
    found = _TRIAL_FOLDER.match(place)
    if found is None:
        raise FieldValueError(
            f"AIP_MODEL_DIR must be a folder in nas/search/NUMBER or nas/train/NUMBER; got {quote(place, 200)}."
        )
    return found[0]


def get_parent_dir() -> str | None:
    """Returns the folder of the trial whose checkpoint this one continues from; None to start from scratch.

    Algorithms that promote or copy trials set it, in the variable ``PLIANT_PARENT_DIR``.
    """
    return os.environ.get("PLIANT_PARENT_DIR") or None


def write_job_status(model_dir: str | os.PathLike[str], status: str) -> None:
    """Writes the status of this trial to ``job_status.json`` in its folder; a failed trial gets no reward.

    Args:
      model_dir: the folder of the trial.
      status: one of ``JOB_STATUSES``.

    Raises:
      FieldValueError: another status.
      TrialFileError: the file cannot be written.
    """
    if status not in JOB_STATUSES:
        raise FieldValueError(
            f"a job's status must be one of {listing(JOB_STATUSES)}; got {quote(status)}{suggest(status, JOB_STATUSES)}."
        )
    write_file(Path(model_dir, STATUS_FILE), json.dumps({"job_status": status}))


def should_stop(model_dir: str | os.PathLike[str], *, step: float, total_steps: float) -> bool:
    """Returns whether to stop training early; call it after each report.

    Two files in the folder of the trial set limits: ``DESIRED_TRAINING_PCT.json``, ``{"desired_training_pct": 40}``,
    in percent of the steps, and ``MAX_TRAINING_TIME.json``, ``{"max_training_time_in_hrs": 1.5}``, since this process
    started. They are read at every call; a file that is missing or cannot be read sets no limit.

    >>> should_stop("nowhere", step=1, total_steps=10), should_stop("nowhere", step=10, total_steps=10)
    (False, True)

    Args:
      model_dir: the folder of the trial.
      step: the current step.
      total_steps: the number of steps of a full training.
    """
    model_dir = check_file(model_dir, "should_stop(model_dir=...)")
    done, all_steps = to_real(step), to_real(total_steps)
    if done is None or all_steps is None:
        raise FieldTypeError(
            f"should_stop takes numbers of steps; got step={quote(step)} and total_steps={quote(total_steps)}."
        )
    percent = _read_number(Path(model_dir, PERCENT_FILE), "desired_training_pct", 100.0)
    hours = _read_number(Path(model_dir, HOURS_FILE), "max_training_time_in_hrs", float("inf"))
    is_far = 100.0 * done >= percent * all_steps
    return is_far or time.monotonic() - _BEGUN >= hours * _SECONDS_AN_HOUR


def _read_number(path: Path, key: str, default: float) -> float:
    try:
        data: Any = read_json(path.read_text("utf-8"))
        return float(data[key])
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return default
