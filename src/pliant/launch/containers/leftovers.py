"""Removal of containers that outlived their launcher, found by their labels.

Every container has labels for the owner of the work, its launcher, and the launcher's process.
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
    """Kills and removes an owner's containers whose launcher has ended; returns their ids.

    Containers of launchers that still run, or of other hosts, stay.
    """
    code, text = engine.ask("ps", "-a", "-q", "--no-trunc", "--filter", f"label={OWNER}={owner}")
    found = text.split() if code == 0 else []
    dead = []
    for container in found:  # one by one, because another launcher may remove some meanwhile
        line = f'{{{{index .Config.Labels "{OWNER}"}}}}\n{{{{index .Config.Labels "{PROCESS}"}}}}'
        code, text = engine.ask("inspect", "--type", "container", "--format", line, container)
        labels = text.rstrip("\n").split("\n")
        if code == 0 and labels[0] == owner and not is_alive(labels[-1]):
            dead.append(container)
    if dead:
        engine.ask(*engine.removal(dead))
    return dead


def remove_all(payload: dict[str, Any]) -> None:
    """Kills and removes the containers of one launcher; its keeper calls this when the launcher has ended.

    Args:
      payload: ``argv`` and ``kind`` of the engine, and ``launcher``, the launcher's id.
    """
    engine = Engine(tuple(payload["argv"]), payload["kind"])
    for _ in range(3):  # a killed client may have started one more
        code, text = engine.ask("ps", "-a", "-q", "--filter", f"label={LAUNCHER}={payload['launcher']}")
        if code != 0 or not text.split():
            return
        engine.ask(*engine.removal(text.split()))


def identify(pid: int | None = None) -> str:
    """Returns a unique identity of a process: host, boot, process id and start time."""
    pid = os.getpid() if pid is None else pid
    return "|".join((socket.gethostname(), _boot(), str(pid), _begin(pid)))


def is_alive(identity: str) -> bool:
    """Returns whether a process may still run; True for processes of other machines.

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
    """Returns the id of this boot of the machine; empty if unknown."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _begin(pid: int) -> str:
    """Returns the start time of a process; empty if the process does not exist."""
    if Path("/proc/self/stat").exists():
        with suppress(OSError, IndexError):
            return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
        return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - fixed arguments
    return "-".join(text.split())
