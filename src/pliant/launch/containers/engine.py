"""Container engine of this machine, docker or podman: find it and run its commands."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from pliant.values.errors import LaunchError, quote

ENGINES = ("docker", "podman")
_TIMEOUT_SECONDS = 60.0


@final
@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that works on this machine.

    Attributes:
      argv: its program, and options before every command.
      kind: its command-line dialect; a program named ``docker`` may be podman.
    """

    argv: tuple[str, ...]
    kind: Literal["docker", "podman"]

    def ask(self, *arguments: str) -> tuple[int, str]:
        """Runs one of its commands; returns the exit code (127 if it cannot be run) and the output."""
        return _ask((*self.argv, *arguments))

    def removal(self, names: Sequence[str]) -> tuple[str, ...]:
        """Returns the arguments of the command that kills and removes containers and their unnamed volumes."""
        hurry = ("-t", "0") if self.kind == "podman" else ()
        return ("rm", "-f", "-v", *hurry, *names)


def find_engine(wanted: str | Sequence[str] | None = None) -> Engine:
    """Finds a container engine: the first of docker and podman whose ``info`` command succeeds.

    Args:
      wanted: its program, or the program with options for every command, such as
        ``("podman", "--root", "/scratch/containers")``; None to search.

    Raises:
      LaunchError: no engine was found, or it fails.
    """
    if wanted is not None:
        given: object = wanted
        argv: tuple[Any, ...] = (
            tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
        )
        if not argv or not all(isinstance(part, str) and part and "\0" not in part for part in argv):
            raise LaunchError(
                "engine must be 'docker', 'podman', or a tuple of one of them and its options; got "
                f"{quote(wanted)}. Example: ('podman', '--root', '/scratch/containers')."
            )
        choices = [argv]
    else:
        choices = [(name,) for name in ENGINES]
    faults = []
    for argv in choices:
        path = shutil.which(argv[0])
        if path is None:
            faults.append(f"{argv[0]!r} is not on PATH")
            continue
        argv = (str(Path(path).absolute()), *argv[1:])
        code, text = _ask((*argv, "info"))
        if code == 0:
            _, version = _ask((argv[0], "--version"))
            return Engine(argv, "podman" if "podman" in version.lower() else "docker")
        faults.append(f"`{' '.join((choices[len(faults)][0], *argv[1:], 'info'))}` failed: {last_line(text)}")
    raise LaunchError(
        f"containers need docker or podman, and none works here: {'; '.join(faults)}. Install one (on Debian: apt-get "
        "install podman runc), start its service, or use Commands to run without a container."
    )


def last_line(text: str) -> str:
    r"""Returns the last line that is not empty, with limited length.

    >>> last_line("Trying...\nError: no space left\n\n")
    'Error: no space left'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else "no output"


def _ask(argv: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 - the engine that the user chose or has on PATH, without a shell
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {_TIMEOUT_SECONDS:g} s"
    except OSError as error:
        return 127, f"it cannot be run: {error.strerror or error}"
    text = done.stdout if done.returncode == 0 else done.stdout + done.stderr  # without warnings
    return done.returncode, text.decode("utf-8", "replace")
