"""Process tree of this machine: descendants, memory use, and killing.

The table comes from ``/proc`` on Linux and from ``ps`` elsewhere.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "PLIANT_TREE"
"""Environment variable that identifies a job's processes after they were detached from their parents."""
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True, slots=True)
class Entry:
    """One process: its parent, its session (its group if sessions are unknown), and its memory in bytes."""

    parent: int
    session: int
    resident: int


def table() -> dict[int, Entry]:
    """Returns the running processes by id, without zombies."""
    return _table_of_proc() if (_PROC / "self/stat").exists() else _table_of_ps()


def members(root: int, found: Mapping[int, Entry], mark: str = "", adopter: int = 0) -> set[int]:
    """Returns a process, its descendants, and the processes of its session.

    Args:
      root: the process, which leads its session.
      found: from ``table``.
      mark: the value of ``MARK`` in the environment of its programs.
      adopter: the process that adopts orphans; those with the mark belong to ``root`` as well.
    """
    known = {pid for pid, entry in found.items() if pid == root or entry.session == root}
    if adopter:
        known |= {
            pid
            for pid, entry in found.items()
            if entry.parent == adopter and pid not in known and mark and _marked(pid, mark)
        }
    return known | descendants(known, found)


def descendants(roots: Iterable[int], found: Mapping[int, Entry]) -> set[int]:
    """Returns the descendants of ``roots``, without ``roots``."""
    children: dict[int, list[int]] = {}
    for pid, entry in found.items():
        children.setdefault(entry.parent, []).append(pid)
    roots = set(roots)
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        for child in children.get(stack.pop(), ()):
            if child not in seen:
                seen.add(child)
                stack.append(child)
    return seen - roots


def resident(pids: Iterable[int], found: Mapping[int, Entry]) -> int:
    """Returns the memory of processes in bytes, with shared memory counted for each: fast, an upper bound."""
    return sum(found[pid].resident for pid in pids if pid in found)


def proportional(pids: Iterable[int], found: Mapping[int, Entry]) -> int:
    """Returns the memory of processes in bytes, with memory shared by n processes counted 1/n each: slower."""
    total = 0
    for pid in pids:
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_text()
            total += 1024 * int(text.split("Pss:")[1].split()[0])
        except (OSError, IndexError, ValueError):
            total += found[pid].resident if pid in found else 0
    return total


def send(pid: int, number: int) -> None:
    """Sends a signal to a process and to the group that it leads; does nothing if it has ended."""
    for deliver in (os.killpg, os.kill):
        with suppress(OSError):
            deliver(pid, number)


def end(pids: Iterable[int]) -> None:
    """Kills processes and the groups that they lead (SIGKILL)."""
    for pid in pids:
        send(pid, signal.SIGKILL)


def end_descendants(pid: int, seconds: float = 5.0) -> bool:
    """Kills the descendants of a process until none is left or the time is over; returns whether none is left."""
    limit = time.monotonic() + seconds
    while True:
        left = descendants([pid], table())
        if not left:
            return True
        end(left)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if time.monotonic() > limit:
            return False
        time.sleep(0.005)


def out_of_memory_count() -> int:
    """Returns the number of processes that the system killed for memory since it started; 0 if unknown."""
    with suppress(OSError, IndexError, ValueError):
        return int((_PROC / "vmstat").read_text().split("\noom_kill ")[1].split()[0])
    return 0


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose parent ends (Linux)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """Makes the system kill this process when its parent ends; at once if it already has (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def flush_streams() -> None:
    """Empties the output buffers of this process, of Python and of compiled code; a fork would print them again."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _marked(pid: int, mark: str) -> bool:
    with suppress(OSError):
        return f"{MARK}={mark}".encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    return False


def _table_of_proc() -> dict[int, Entry]:
    found = {}
    for name in os.listdir(_PROC):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    rest = file.read().rpartition(b")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if rest[0] not in (b"Z", b"X"):
                found[int(name)] = Entry(int(rest[1]), int(rest[3]), int(rest[21]) * _PAGE)
    return found


def _table_of_ps() -> dict[int, Entry]:
    command = ["ps", "-A", "-o", "pid=,ppid=,pgid=,rss=,stat="]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - fixed arguments
    found = {}
    for line in text.splitlines():
        pid, parent, group, kilobytes, state = line.split()[:5]
        if not state.startswith("Z"):
            found[int(pid)] = Entry(int(parent), int(group), int(kilobytes) * 1024)
    return found
