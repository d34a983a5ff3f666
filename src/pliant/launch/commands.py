"""Programs of any kind as processes of this machine, their output bounded and their end explained."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, final

from pliant.values.errors import LaunchError

from .base import Command, Container, Job
from .check import check_count, check_seconds, check_workers
from .local import LocalLauncher
from .output import LOG_BYTES


@final
class Commands(LocalLauncher):
    r"""Runs command lines, without a shell.

    Each is in a session of its own, with stdin empty, and with ``PLIANT_JOB`` and ``PLIANT_ATTEMPT`` in its
    environment, which is that of this process when the launcher was made.  When it ends, what it left in
    the background is killed.

    >>> from pliant.launch import Command, Commands, Job
    >>> with Commands(workers=1) as launcher:
    ...     launcher.start(Job("1", Command(("sh", "-c", "echo trained; exit 3"))))
    ...     events = launcher.poll(None)
    ...     while not hasattr(events[-1], "outcome"):
    ...         events += launcher.poll(None)
    >>> events[-1].outcome.how, events[-1].outcome.reason, events[-1].outcome.tail
    ('exited', 'exit code 3', 'trained\n')

    Args:
      workers: how many run at once; None for one a processor.
      grace_seconds: how long a job that is cancelled or over its time may take to end (SIGTERM) before it
        is killed.
      max_processes: how many processes a job may have at once.
      log_bytes: the size of a log file: its first half is the beginning of the output, its second half the end.

    Raises:
      LaunchError: an argument that is none.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        grace_seconds: float = 5.0,
        max_processes: int = 256,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        options = {
            "preload": [],
            "threads": 1,
            "reuse": True,
            "grace": check_seconds(grace_seconds, "grace_seconds"),
            "processes": check_count(max_processes, "max_processes"),
            "log_bytes": check_count(log_bytes, "log_bytes"),
        }
        super().__init__(check_workers(workers), options, {})

    def _describe(self, job: Job) -> dict[str, Any]:
        if not isinstance(job.work, Command):
            other = "Containers" if isinstance(job.work, Container) else "Processes"
            raise LaunchError(f"Commands runs command lines; for a {type(job.work).__name__}, take {other}.")
        return describe_command(job.work)


def describe_command(work: Command) -> dict[str, Any]:
    """Returns what a keeper needs to know about a command.

    Raises:
      LaunchError: it cannot run here: no such program or folder, or arguments that are none.
    """
    _check_texts(work.argv, work.env)
    folder = str(Path(work.folder).absolute()) if work.folder is not None else os.getcwd()
    if not os.path.isdir(folder):
        raise LaunchError(f"the folder {folder!r} to run {work.argv[0]!r} in does not exist.")
    _check_program(work, folder)
    return {"argv": list(work.argv), "env": dict(work.env), "folder": folder}


def _check_texts(argv: Any, env: Any) -> None:
    if not isinstance(argv, tuple | list) or not argv or not all(isinstance(part, str) for part in argv):
        raise LaunchError(
            "argv is the program and its arguments as separate texts, such as "
            f"('python', 'train.py', '--steps=10'); got {argv!r:.120}. No shell splits it."
        )
    for text in (*argv, *env, *env.values()):
        if not isinstance(text, str) or "\0" in text:
            raise LaunchError(f"arguments and variables are text without NUL; got {text!r:.80}.")
    if not argv[0]:
        raise LaunchError("argv[0], the program, is empty.")


def _check_program(work: Command, folder: str) -> None:
    program = work.argv[0]
    path = work.env.get("PATH", os.environ.get("PATH", os.defpath))
    if os.path.dirname(program):
        where = os.path.join(folder, program)
        if not os.path.exists(where):
            raise LaunchError(f"there is no program {where!r}.")
        if not os.access(where, os.X_OK) or os.path.isdir(where):
            raise LaunchError(f"{where!r} is not executable: chmod +x it, or name its interpreter first.")
    elif shutil.which(program, path=path) is None:
        raise LaunchError(f"there is no program {program!r} on PATH ({path:.200}); give its full path.")
