"""Argument checks that launchers share: jobs, counts, seconds and log files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pliant.values.errors import LaunchError, quote
from pliant.values.files import check_links
from pliant.values.numbers import to_real, to_whole

from .base import Job, Limits


def check_job(job: object, taken: Mapping[str, object]) -> None:
    """Checks the id, limits and attempt number of a job.

    Raises:
      LaunchError: not a Job, an id that is not text or is in use, or attributes of other types.
    """
    if not isinstance(job, Job):
        raise LaunchError(
            f"start takes a Job; got {quote(job)}. Example: Job('1', Call('module:function', payload))."
        )
    name: object = job.id
    attempt: object = job.attempt
    if not isinstance(name, str) or not name:
        raise LaunchError(f"Job.id must be non-empty text, such as 'trial-7'; got {quote(name)}.")
    if name in taken:
        raise LaunchError(f"a job {job.id!r} is already waiting or running. Give each job its own id.")
    if not isinstance(job.limits, Limits):
        raise LaunchError(f"Job.limits must be Limits(seconds=..., memory=...); got {quote(job.limits)}.")
    check_count(attempt, "Job.attempt")


def check_workers(workers: int | None) -> int:
    """Returns a number of workers; by default the number of processors that this process may use.

    >>> check_workers(2)
    2

    Raises:
      LaunchError: not an integer above 0.
    """
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return check_count(workers, "workers", ", or None for one per processor")


def check_count(value: object, name: str, otherwise: str = "") -> int:
    """Returns an integer above 0.

    Raises:
      LaunchError: not an integer above 0.
    """
    count = to_whole(value)
    if count is None or count < 1:
        raise LaunchError(f"{name} must be an integer from 1{otherwise}; got {quote(value)}.")
    return count


def check_seconds(value: object, name: str) -> float:
    """Returns a number of seconds, at least 0.

    Raises:
      LaunchError: not such a number.
    """
    seconds = to_real(value)
    if seconds is None or not 0 <= seconds < 1e9:
        raise LaunchError(f"{name} must be a number of seconds from 0, below 1e9; got {quote(value)}.")
    return seconds


def prepare_log(log: Path | None) -> str | None:
    """Returns the absolute path of a log file, and makes its folder.

    Raises:
      LaunchError: the file cannot be written.
    """
    if log is None:
        return None
    path = Path(log).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_links(path)
        with path.open("ab"):
            pass
    except OSError as error:
        raise LaunchError(
            f"the log file {str(path)!r} cannot be written: {error.strerror or error}."
        ) from None
    return str(path)
