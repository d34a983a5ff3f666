"""Where a trainer runs: as a program of this machine, or in a container.  The one place that knows launchers.

What it is given is said in ``work``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pliant.launch import Command, Commands, Container, Launcher, Mount

from .fault import NasError
from .settings import Settings, Trainer

DATA = "/test_data"  # where a container sees --local_data_dir


def make_launcher(settings: Settings, parallel: int, owner: Path | None = None) -> Launcher:
    """Returns what runs the jobs of these settings, ``parallel`` at once.

    Args:
      settings: of the job.
      parallel: how many at once.
      owner: the folder of the job, whose containers of a run that died are removed; None before there is one.

    Raises:
      LaunchError: nothing here runs containers.
    """
    trainer = settings.trainer
    if trainer.image is None:
        return Commands(parallel)
    from pliant.launch.containers.launcher import Containers

    return Containers(parallel, owner=str(owner or ""), options=trainer.options)


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


def make_command(
    trainer: Trainer,
    flags: Sequence[str],
    env: Mapping[str, str],
    *,
    home: Path,
    seen: Sequence[Path],
    log: Path,
) -> Command | Container:
    """Returns the work of a job.

    Args:
      trainer: what runs.
      flags: its flags.
      env: variables for it.
      home: the folder of its trial, which a container may write.
      seen: folders that a container may read besides.
      log: a file for its output, out of the reach of a container.
    """
    if trainer.image is not None:
        data = [] if trainer.data is None else [Mount(Path(trainer.data), DATA)]
        mounts = [Mount(home, str(home), writable=True), *(Mount(path, str(path)) for path in seen), *data]
        return Container(trainer.image, tuple(flags), env, tuple(mounts), log=log)
    return Command((*_program(trainer), *flags), {**env, **_python_path(trainer)}, Path(trainer.folder), log)


def _program(trainer: Trainer) -> tuple[str, ...]:
    assert trainer.binary is not None
    return (sys.executable, trainer.binary) if trainer.binary.endswith(".py") else (trainer.binary,)


def _python_path(trainer: Trainer) -> dict[str, str]:
    """A Python trainer imports from where the job was started, as the search space was imported from there."""
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([trainer.folder, *([known] if known else [])])}
