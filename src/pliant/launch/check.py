"""What launchers ask of jobs and arguments before anything runs; a fault is a lesson.  Runs nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pliant.values.errors import LaunchError

from .base import Job, Limits


def check_job(job: Any, taken: Mapping[str, object]) -> None:
    """Checks what all launchers ask of a job.

    Raises:
      LaunchError: no Job, an id that is no text or taken, or parts of other types.
    """
    if not isinstance(job, Job):
        raise LaunchError(
            f"start takes a Job; got {job!r:.80}. For instance Job('1', Call('module:function', payload))."
        )
    name: Any = job.id
    attempt: Any = job.attempt
    if not isinstance(name, str) or not name:
        raise LaunchError(f"a job's id is text, such as 'trial-7'; got {name!r:.80}.")
    if name in taken:
        raise LaunchError(f"a job {job.id!r} is already under way; ids of jobs under way differ.")
    if not isinstance(job.limits, Limits):
        raise LaunchError(f"a job's limits are Limits(seconds=..., memory=...); got {job.limits!r:.80}.")
    if not isinstance(attempt, int) or attempt < 1:
        raise LaunchError(f"a job's attempt is an integer from 1; got {attempt!r:.80}.")


def check_workers(workers: Any) -> int:
    """Returns a number of workers; by default as many as there are processors for this process.

    >>> check_workers(2)
    2

    Raises:
      LaunchError: no integer above 0.
    """
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return check_count(workers, "workers", ", or None for one a processor")


def check_count(value: Any, name: str, otherwise: str = "") -> int:
    """Returns an integer above 0.

    Raises:
      LaunchError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise LaunchError(f"{name} is an integer from 1{otherwise}; got {value!r:.80}.")
    return value


def check_seconds(value: Any, name: str) -> float:
    """Returns a number of seconds from 0.

    Raises:
      LaunchError: it is none.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e9:
        raise LaunchError(f"{name} is a number of seconds from 0; got {value!r:.80}.")
    return float(value)


def prepare_log(log: Path | None) -> str | None:
    """Returns the full path of a log, its folder made.

    Raises:
      LaunchError: it cannot be written.
    """
    if log is None:
        return None
    path = Path(log).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise LaunchError(f"the log {str(path)!r} cannot be written: {error.strerror or error}.") from None
    return str(path)
