"""Containers that outlived the launcher that made them: whose they are, and their removal.  Starts none.

Every container bears labels: who owns the work, which launcher made it, and that launcher's process.
"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from .engine import Engine

OWNER, LAUNCHER, PROCESS, JOB = "pliant.owner", "pliant.launcher", "pliant.process", "pliant.job"


def remove_leftovers(engine: Engine, owner: str) -> list[str]:
    """Kills and removes containers of an owner whose launcher is dead; returns their ids.

    What belongs to a launcher that lives, or to one of another host, is left alone.
    """
    code, said = engine.ask("ps", "-a", "-q", "--no-trunc", "--filter", f"label={OWNER}={owner}")
    found = said.split() if code == 0 else []
    dead = []
    for container in found:  # one by one: another launcher may remove some meanwhile
        line = f'{{{{index .Config.Labels "{OWNER}"}}}}\n{{{{index .Config.Labels "{PROCESS}"}}}}'
        code, said = engine.ask("inspect", "--type", "container", "--format", line, container)
        if (
            code == 0
            and said.rstrip("\n").split("\n")[:1] == [owner]
            and not is_alive(said.rstrip("\n").split("\n")[-1])
        ):
            dead.append(container)
    if dead:
        engine.ask(*engine.removal(dead)[len(engine.argv) :])
    return dead


def remove_all(payload: dict[str, Any]) -> None:
    """Kills and removes the containers of one launcher; what its keeper calls when the launcher is gone.

    Args:
      payload: ``argv`` and ``kind`` of the engine, and ``launcher``.
    """
    engine = Engine(tuple(payload["argv"]), payload["kind"])
    for _ in range(3):  # a client that was killed may have asked for one more
        code, said = engine.ask("ps", "-a", "-q", "--filter", f"label={LAUNCHER}={payload['launcher']}")
        if code != 0 or not said.split():
            return
        engine.ask(*engine.removal(said.split())[len(engine.argv) :])


def identify(pid: int | None = None) -> str:
    """Returns what tells a process of this machine from all others, earlier ones with its number included."""
    pid = os.getpid() if pid is None else pid
    return "|".join((socket.gethostname(), _boot(), str(pid), _begin(pid)))


def is_alive(identity: str) -> bool:
    """Returns whether a process may still live; True where this machine cannot know.

    >>> is_alive(identify()), is_alive(identify()[:-1] + "x")
    (True, False)
    >>> is_alive("elsewhere|1|2|3")
    True
    """
    host, _, rest = identity.partition("|")
    parts = rest.split("|")
    if len(parts) != 3 or host != socket.gethostname() or not parts[1].isdecimal():
        return True
    begin = _begin(int(parts[1]))
    return parts[0] == _boot() and begin != "" and begin == parts[2]


def _boot() -> str:
    """What names the time since the machine was started; nothing where it is unknown."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _begin(pid: int) -> str:
    """When a process began; nothing for none."""
    if Path("/proc/self/stat").exists():
        with suppress(OSError, IndexError):
            return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
        return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - fixed arguments
    return "-".join(text.split())
