"""Launcher of command lines as processes of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from pliant.values.errors import LaunchError, quote

from .base import Command, Container, Job
from .check import check_count, check_seconds, check_workers
from .local import LocalLauncher
from .output import LOG_BYTES


@final
class Commands(LocalLauncher):
    r"""Runs command lines, without a shell.

    Each runs in its own session, with empty stdin, in the environment that this process had when the launcher was
    made, plus ``PLIANT_JOB`` and ``PLIANT_ATTEMPT``.  When it ends, processes that it left in the background are killed.

    >>> from pliant.launch import Command, Commands, Job
    >>> with Commands(workers=1) as launcher:
    ...     launcher.start(Job("1", Command(("sh", "-c", "echo trained; exit 3"))))
    ...     events = launcher.poll(None)
    ...     while not hasattr(events[-1], "outcome"):
    ...         events += launcher.poll(None)
    >>> events[-1].outcome.how, events[-1].outcome.reason, events[-1].outcome.tail
    ('exited', 'exit code 3', 'trained\n')

    Args:
      workers: number of commands that run at the same time; None for one per processor.
      grace_seconds: time between SIGTERM and SIGKILL for a job that is cancelled or over its time limit.
      max_processes: largest number of processes of a job.
      log_bytes: size of a log file: the first half is the beginning of the output, the second half the end.

    Raises:
      LaunchError: an invalid argument.
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
            "grace": check_seconds(grace_seconds, "grace_seconds"),
            "processes": check_count(max_processes, "max_processes"),
            "log_bytes": check_count(log_bytes, "log_bytes"),
        }
        super().__init__(check_workers(workers), options, {})

    def _describe(self, job: Job) -> dict[str, Any]:
        if not isinstance(job.work, Command):
            other = "Containers" if isinstance(job.work, Container) else "Processes"
            raise LaunchError(f"Commands runs command lines; got a {type(job.work).__name__}. Use {other}.")
        return describe_command(job.work)


def describe_command(work: Command) -> dict[str, Any]:
    """Returns a command as JSON for a keeper.

    Raises:
      LaunchError: the program or folder does not exist, or an argument is not text.
    """
    _check_texts(work.argv, work.env)
    folder = str(Path(work.folder).absolute()) if work.folder is not None else os.getcwd()
    if not os.path.isdir(folder):
        raise LaunchError(f"the working folder {folder!r} of {work.argv[0]!r} does not exist.")
    _check_program(work, folder)
    return {"argv": list(work.argv), "env": dict(work.env), "folder": folder}


def _check_texts(argv: object, env: Mapping[str, str]) -> None:
    if not isinstance(argv, tuple | list) or not argv or not all(isinstance(part, str) for part in argv):
        raise LaunchError(
            f"argv must be a tuple of the program and its arguments, because no shell splits it; got {quote(argv, 120)}. "
            "Example: ('python', 'train.py', '--steps=10')."
        )
    for text in (*argv, *env, *env.values()):
        if not isinstance(text, str) or "\0" in text:
            raise LaunchError(f"arguments and variables must be text without NUL; got {quote(text)}.")
    if not argv[0]:
        raise LaunchError("argv[0] is empty. Give the program.")


def _check_program(work: Command, folder: str) -> None:
    program = work.argv[0]
    path = work.env.get("PATH", os.environ.get("PATH", os.defpath))
    if os.path.dirname(program):
        where = os.path.join(folder, program)
        if not os.path.exists(where):
            raise LaunchError(f"the program {where!r} does not exist.")
        if not os.access(where, os.X_OK) or os.path.isdir(where):
            raise LaunchError(f"{where!r} is not executable. Run chmod +x, or put its interpreter first.")
    elif shutil.which(program, path=path) is None:
        raise LaunchError(f"the program {program!r} is not on PATH ({path:.200}). Give its full path.")
