"""Command line of a container engine, made from a ``Container`` whose attributes are checked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pliant.values.errors import LaunchError, quote

from ..base import Container, Job, Mount

MAX_LOG = "16m"  # of the engine's own log, which a new client reads after the first one died
_MOST_FILES, _MOST_PROCESSES = 1 << 20, 1 << 15
_OWN_OPTIONS = "--rm --name -d --detach --log-driver -t --tty -i --interactive -it".split()


def make_arguments(
    job: Job, name: str, labels: Mapping[str, str], *, kind: str, options: Sequence[str]
) -> list[str]:
    """Returns the arguments of an engine's ``run``; the image and its arguments come last.

    Raises:
      LaunchError: an invalid attribute of the container.
    """
    work = job.work
    assert isinstance(work, Container)
    _check(work)
    env = {"PLIANT_JOB": job.id, "PLIANT_ATTEMPT": str(job.attempt), **work.env}
    arguments = ["run", "--name", name, "--pull=never"]
    arguments += [f"--label={key}={value}" for key, value in labels.items()]
    driver = "k8s-file" if kind == "podman" else "json-file"
    arguments += [f"--log-driver={driver}", f"--log-opt=max-size={MAX_LOG}"]
    if job.limits.memory is not None:
        arguments += [f"--memory={job.limits.memory:d}", f"--memory-swap={job.limits.memory:d}"]
    arguments += [f"--volume={_describe_mount(mount)}" for mount in work.mounts]
    arguments += [f"--env={key}={value}" for key, value in env.items()]
    if work.folder is not None:
        arguments.append(f"--workdir={work.folder}")
    return [*arguments, *options, work.image, *work.argv]


def choose_ulimits(given: Mapping[str, int | tuple[int, int]] | None) -> list[str]:
    """Returns ``--ulimit`` options; always explicit, because the engine may not be allowed to set its own defaults.

    Args:
      given: soft limits, or pairs of a soft and a hard one, by name; added to this process's limits for open files and
        processes.

    Raises:
      LaunchError: an invalid limit.
    """
    import resource  # does not exist on Windows

    limits: dict[str, tuple[int, int]] = {}
    for name, number, highest in (
        ("nofile", resource.RLIMIT_NOFILE, _MOST_FILES),
        ("nproc", resource.RLIMIT_NPROC, _count_pids()),  # podman lowers its own to that
    ):
        soft, hard = (highest if value < 0 else min(value, highest) for value in resource.getrlimit(number))
        limits[name] = (soft, hard)
    if not isinstance(given or {}, Mapping):
        raise LaunchError(
            f"ulimits takes a dict of limits by name, such as {{'nofile': 4096}}; got {quote(given)}."
        )
    for name, value in (given or {}).items():
        pair: Any = value if isinstance(value, tuple) else (value, value)
        if not name.isidentifier() or len(pair) != 2 or not all(type(part) is int for part in pair):
            raise LaunchError(
                "ulimits must be integers, or pairs of a soft and a hard one, by name; got "
                f"{quote(name, 40)}: {quote(value, 60)}. Example: {{'nofile': 4096}}."
            )
        limits[name] = pair
    return [f"--ulimit={name}={soft}:{hard}" for name, (soft, hard) in limits.items()]


def check_options(options: Sequence[str]) -> list[str]:
    """Returns extra options of an engine's ``run`` as a list.

    Raises:
      LaunchError: not a sequence of text, or an option that the launcher sets itself.
    """
    found: object = options
    given: list[object] = list(found) if isinstance(found, Iterable) else [found]
    if isinstance(options, str) or not all(isinstance(part, str) and "\0" not in part for part in given):
        raise LaunchError(
            f"options must be separate texts, because no shell splits them; got {quote(options)}. "
            "Example: ('--gpus=all', '--cpus=2')."
        )
    for part in options:
        if part.split("=")[0] in _OWN_OPTIONS:
            raise LaunchError(
                f"the option {quote(part)} is not allowed: the launcher names, watches and removes containers itself. Remove it."
            )
    return list(options)


def check_text(value: object, what: str) -> str:
    """Returns text without NUL or line breaks.

    Raises:
      LaunchError: not such a text.
    """
    if not isinstance(value, str) or any(sign in value for sign in "\0\n\r"):
        raise LaunchError(f"{what} must be one line of text; got {quote(value)}.")
    return value


def _count_pids() -> int:
    with suppress(OSError, ValueError):
        return int(Path("/proc/sys/kernel/pid_max").read_text())
    return _MOST_PROCESSES


def _check(work: Container) -> None:
    image: Any = work.image
    if not isinstance(image, str) or image.split() != [image] or image.startswith("-") or "\0" in image:
        raise LaunchError(
            f"image must be the name of an image, such as 'localhost/trainer:1'; got {quote(image)}."
        )
    argv: Any = work.argv
    if not isinstance(argv, tuple | list) or not all(isinstance(part, str) for part in argv):
        raise LaunchError(
            f"argv must be a tuple of the program and its arguments, because no shell splits it; got {quote(argv, 120)}. "
            "Example: ('python', 'train.py')."
        )
    names: list[Any] = list(work.env)
    for name in names:
        if not isinstance(name, str) or not name or "=" in name:
            raise LaunchError(f"the name of a variable must be text without '='; got {quote(name)}.")
    for text in (*argv, *work.env, *work.env.values()):
        if not isinstance(text, str) or "\0" in text:
            raise LaunchError(f"arguments and variables must be text without NUL; got {quote(text)}.")
    if work.folder is not None and not _is_inside(work.folder):
        raise LaunchError(
            f"folder must be an absolute path in the container, without ':'; got {quote(work.folder)}."
        )


def _describe_mount(mount: object) -> str:
    if not isinstance(mount, Mount):
        raise LaunchError(f"mounts must be Mount(source, target); got {quote(mount)}.")
    source = str(Path(mount.source).absolute())
    if not os.path.exists(source):
        raise LaunchError(
            f"the source {source!r} of the mount {mount.target!r} does not exist. Make it, or correct the path."
        )
    if ":" in source or "\0" in source or not _is_inside(mount.target):
        raise LaunchError(
            f"a mount needs an absolute path in the container, and both paths must be without ':'; got {quote(source)} "
            f"and {quote(mount.target)}."
        )
    return f"{source}:{mount.target}:{'rw' if mount.writable else 'ro'}"


def _is_inside(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/") and not any(sign in path for sign in ":\0\n")
