"""From a ``Container`` to the command line of an engine, its parts checked.  Runs nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pliant.values.errors import LaunchError

from ..base import Container, Job, Mount

MAX_LOG = "16m"  # of what the engine itself keeps of a container's output, for those who come back to it
_MOST_FILES, _MOST_PROCESSES = 1 << 20, 1 << 15


def make_arguments(
    job: Job, name: str, labels: Mapping[str, str], *, kind: str, options: Sequence[str]
) -> list[str]:
    """Returns the arguments of an engine's ``run``: the image and what follows it last.

    Raises:
      LaunchError: a part of the container is none.
    """
    work = job.work
    assert isinstance(work, Container)
    _check(work)
    env = {"PLIANT_JOB": job.id, "PLIANT_ATTEMPT": str(job.attempt), **work.env}
    arguments = ["run", "--name", name, "--pull=never"]
    arguments += [f"--label={key}={value}" for key, value in labels.items()]
    arguments += [
        f"--log-driver={'k8s-file' if kind == 'podman' else 'json-file'}",
        f"--log-opt=max-size={MAX_LOG}",
    ]
    if job.limits.memory is not None:
        arguments += [f"--memory={job.limits.memory:d}", f"--memory-swap={job.limits.memory:d}"]
    for mount in work.mounts:
        arguments.append(f"--volume={_describe_mount(mount)}")
    for key, value in env.items():
        arguments.append(f"--env={key}={value}")
    if work.folder is not None:
        arguments.append(f"--workdir={work.folder}")
    return [*arguments, *options, work.image, *work.argv]


def choose_ulimits(given: Mapping[str, int | tuple[int, int]] | None) -> list[str]:
    """Returns limits as options, always explicit: the engine's own defaults may be more than it is allowed to set.

    Args:
      given: soft limits, or pairs of soft and hard ones, by name; added to those of this process for open
        files and processes.

    Raises:
      LaunchError: a limit that is none.
    """
    import resource  # not on Windows, where no containers are launched

    limits: dict[str, tuple[int, int]] = {}
    for name, number, highest in (
        ("nofile", resource.RLIMIT_NOFILE, _MOST_FILES),
        ("nproc", resource.RLIMIT_NPROC, _count_pids()),  # podman lowers its own to that
    ):
        soft, hard = (highest if value < 0 else min(value, highest) for value in resource.getrlimit(number))
        limits[name] = (soft, hard)
    for name, value in (given or {}).items():
        pair: Any = value if isinstance(value, tuple) else (value, value)
        if not name.isidentifier() or len(pair) != 2 or not all(type(part) is int for part in pair):
            raise LaunchError(
                f"ulimits are integers, or pairs of a soft and a hard one, by name, such as {{'nofile': 4096}}; got {name!r:.40}: {value!r:.60}."
            )
        limits[name] = pair
    return [f"--ulimit={name}={soft}:{hard}" for name, (soft, hard) in limits.items()]


def check_options(options: Any) -> list[str]:
    """Returns further options of an engine's ``run``.

    Raises:
      LaunchError: they are no separate texts, or one of them would undo what this launcher relies on.
    """
    if isinstance(options, str) or not all(isinstance(part, str) and "\0" not in part for part in options):
        raise LaunchError(
            f"options are separate texts, such as ('--gpus=all', '--cpus=2'); got {options!r:.80}. No shell splits them."
        )
    for part in options:
        name = part.split("=")[0]
        if name in (
            "--rm",
            "--name",
            "-d",
            "--detach",
            "--log-driver",
            "-t",
            "--tty",
            "-i",
            "--interactive",
            "-it",
        ):
            raise LaunchError(
                f"the option {part!r} is not for jobs: the launcher names, watches and removes its containers itself."
            )
    return list(options)


def check_text(value: Any, what: str) -> str:
    """Returns a text without NUL or line breaks.

    Raises:
      LaunchError: it is none.
    """
    if not isinstance(value, str) or any(sign in value for sign in "\0\n\r"):
        raise LaunchError(f"{what} is one line of text; got {value!r:.80}.")
    return value


def _count_pids() -> int:
    with suppress(OSError, ValueError):
        return int(Path("/proc/sys/kernel/pid_max").read_text())
    return _MOST_PROCESSES


def _check(work: Container) -> None:
    image: Any = work.image
    if (
        not isinstance(image, str)
        or not image
        or image.startswith("-")
        or image.split() != [image]
        or "\0" in image
    ):
        raise LaunchError(f"image is the name of an image, such as 'localhost/trainer:1'; got {image!r:.80}.")
    argv: Any = work.argv
    if not isinstance(argv, tuple | list) or not all(isinstance(part, str) for part in argv):
        raise LaunchError(
            f"argv is the program and its arguments as separate texts, such as ('python', 'train.py'); got {argv!r:.120}. "
            "No shell splits it."
        )
    names: list[Any] = list(work.env)
    for name in names:
        if not isinstance(name, str) or not name or "=" in name:
            raise LaunchError(f"the name of a variable is text without '='; got {name!r:.80}.")
    for text in (*argv, *work.env, *work.env.values()):
        if not isinstance(text, str) or "\0" in text:
            raise LaunchError(f"arguments and variables are text without NUL; got {text!r:.80}.")
    if work.folder is not None and not _is_inside(work.folder):
        raise LaunchError(
            f"folder is where in the container the program runs, an absolute path without ':'; got {work.folder!r:.80}."
        )


def _describe_mount(mount: Any) -> str:
    if not isinstance(mount, Mount):
        raise LaunchError(f"mounts are Mount(source, target); got {mount!r:.80}.")
    source = str(Path(mount.source).absolute())
    if not os.path.exists(source):
        raise LaunchError(
            f"the container is to see {source!r} as {mount.target!r}, and there is no such file or folder."
        )
    if ":" in source or "\0" in source or not _is_inside(mount.target):
        raise LaunchError(
            f"a mount has a source here and an absolute path in the container, both without ':'; got {source!r:.80} and "
            f"{mount.target!r:.80}."
        )
    return f"{source}:{mount.target}:{'rw' if mount.writable else 'ro'}"


def _is_inside(path: Any) -> bool:
    return isinstance(path, str) and path.startswith("/") and not any(sign in path for sign in ":\0\n")
