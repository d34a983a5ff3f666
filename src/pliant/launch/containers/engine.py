"""The program that runs containers here, docker or podman: how it is found and asked.  Starts no container."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from pliant.values.errors import LaunchError

ENGINES = ("docker", "podman")
_PATIENCE_SECONDS = 60.0


@final
@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that answers.

    Attributes:
      argv: its program, and options that go before every command of it.
      kind: whose dialect it speaks; a ``docker`` may be podman in disguise.
    """

    argv: tuple[str, ...]
    kind: Literal["docker", "podman"]

    def ask(self, *arguments: str) -> tuple[int, str]:
        """Runs one of its commands; returns the exit code (127 where it cannot be run), and what it said."""
        return _ask((*self.argv, *arguments))

    def removal(self, names: Sequence[str]) -> tuple[str, ...]:
        """Returns the command that kills and removes containers at once, and their unnamed volumes."""
        hurry = ("-t", "0") if self.kind == "podman" else ()
        return (*self.argv, "rm", "-f", "-v", *hurry, *names)


def find_engine(wanted: str | Sequence[str] | None = None) -> Engine:
    """Returns the engine to run containers with: of docker and podman, the one that answers ``info``.

    Args:
      wanted: its program; or that with options for every command of it, such as
        ``("podman", "--root", "/scratch/containers")``; None to look for one.

    Raises:
      LaunchError: there is none, or it does not answer.
    """
    if wanted is not None:
        argv: tuple[Any, ...] = (wanted,) if isinstance(wanted, str) else tuple(wanted)
        if not argv or not all(isinstance(part, str) and part and "\0" not in part for part in argv):
            raise LaunchError(
                f"engine is 'docker', 'podman', or one of them with options as separate texts; got {wanted!r:.80}."
            )
        choices = [argv]
    else:
        choices = [(name,) for name in ENGINES]
    faults = []
    for argv in choices:
        path = shutil.which(argv[0])
        if path is None:
            faults.append(f"there is no program {argv[0]!r} on PATH")
            continue
        argv = (str(Path(path).absolute()), *argv[1:])
        code, said = _ask((*argv, "info"))
        if code == 0:
            _, version = _ask((argv[0], "--version"))
            return Engine(argv, "podman" if "podman" in version.lower() else "docker")
        faults.append(f"`{' '.join((choices[len(faults)][0], *argv[1:], 'info'))}` failed: {last_line(said)}")
    raise LaunchError(
        f"containers need docker or podman, and none answers here: {'; '.join(faults)}. Install one (on Debian, apt-get "
        "install podman runc), or start its service; or run the program without a container: Commands."
    )


def last_line(text: str) -> str:
    r"""Returns the last line that says something, of bounded length.

    >>> last_line("Trying...\nError: no space left\n\n")
    'Error: no space left'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else "it said nothing"


def _ask(argv: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 - the engine that the user chose or has on PATH, without a shell
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"it did not answer within {_PATIENCE_SECONDS:g} s"
    except OSError as error:
        return 127, f"it cannot be run: {error.strerror or error}"
    said = done.stdout if done.returncode == 0 else done.stdout + done.stderr  # warnings are no answer
    return done.returncode, said.decode("utf-8", "replace")
