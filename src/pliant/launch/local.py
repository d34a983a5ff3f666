"""What the launchers of this machine share: a keeper process that does the work, and its ways of ending.

``Processes`` and ``Commands`` say which jobs they take; what happens to a job is in ``keeper``.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
import weakref
from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pliant.values.errors import LaunchError

from . import tree
from .base import JSON, Ended, Event, Job, Launcher, Message, Outcome, Started, dump
from .check import check_job, prepare_log
from .functions import loading
from .status import explain
from .wire import Wire

_END_SECONDS = 10.0


class LocalLauncher(Launcher):
    """A launcher whose jobs run under a keeper process on this machine; see ``pliant.launch.keeper``.

    Args:
      slots: how many jobs run at once.
      options: for the keeper; ``shielded`` as in ``keeper.main``.
      env: variables that it starts with, besides ours.
    """

    def __init__(self, slots: int, options: Mapping[str, Any], env: Mapping[str, str]) -> None:
        if os.name != "posix":
            raise LaunchError(f"{type(self).__name__} needs Linux or macOS; use InPlace here.")
        if (file := loading()) is not None:
            raise LaunchError(
                f"{file} starts a search while a worker loads it for one of its functions: put what is to "
                'happen once under `if __name__ == "__main__":`.'
            )
        self.slots = slots
        self._options, self._env = {**options, "slots": slots}, dict(env)
        self._jobs: dict[str, int | None] = {}  # -> the process, once it runs
        self._asking: set[str] = set()
        self._events: deque[Event] = deque()
        self._closed = False
        self._keeper = _Keeper(self._options, self._env)

    @abstractmethod
    def _describe(self, job: Job) -> dict[str, Any]:
        """Returns what the keeper needs to know about a job's work; raises LaunchError when it cannot run here."""

    def start(self, job: Job) -> None:
        if self._closed:
            raise LaunchError(f"this {type(self).__name__} is closed; make a new one.")
        check_job(job, self._jobs)
        order = {
            "do": "start",
            "id": job.id,
            "attempt": job.attempt,
            "seconds": job.limits.seconds,
            "memory": job.limits.memory,
            **self._describe(job),
            "log": prepare_log(job.work.log),
        }
        if self._keeper.is_dead:
            self._receive()  # it takes its jobs with it
            self._keeper = _Keeper(self._options, self._env)
        self._jobs[job.id] = None
        self._keeper.wire.send(order)

    def poll(self, timeout: float | None) -> list[Event]:
        limit = None if timeout is None else time.monotonic() + timeout
        while not self._closed:
            left = None if limit is None else max(limit - time.monotonic(), 0.0)
            if self._jobs and not self._events:
                self._keeper.wait(left)
            self._receive()
            if self._events or not self._jobs or (limit is not None and time.monotonic() >= limit):
                break
        events = list(self._events)
        self._events.clear()
        return events

    def reply(self, job_id: str, message: JSON) -> None:
        dump(message, "a reply")
        if job_id not in self._jobs:
            return
        if job_id not in self._asking:
            raise LaunchError(f"job {job_id!r} waits for no reply: answer each Message event once.")
        self._asking.discard(job_id)
        self._keeper.wire.send({"do": "reply", "id": job_id, "message": message})

    def cancel(self, job_id: str, reason: str) -> None:
        if job_id in self._jobs:
            self._keeper.wire.send({"do": "cancel", "id": job_id, "reason": reason})

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._events.clear()
            self._keeper.end([pid for pid in self._jobs.values() if pid])
            self._jobs.clear()

    @property
    def keeper_pid(self) -> int:
        """The process that keeps the jobs; all of them descend from it."""
        return self._keeper.pid

    def _receive(self) -> None:
        """Takes in what the keeper says; when it is gone, its jobs are lost."""
        wire = self._keeper.wire
        for said in wire.receive():
            self._events.append(self._event(said))
        if wire.ended and self._jobs:
            code = self._keeper.end([pid for pid in self._jobs.values() if pid])
            reason = f"the process that kept this job ended ({explain(code)[1] or 'exit code 0'}), and the job with it"
            for job_id in self._jobs:
                self._events.append(Ended(job_id, Outcome("lost", reason=reason)))
            self._jobs.clear()
            self._asking.clear()

    def _event(self, said: dict[str, Any]) -> Event:
        job_id = said["id"]
        if said["event"] == "started":
            self._jobs[job_id] = said["pid"]
            return Started(job_id, f"pid {said['pid']} on {socket.gethostname()}")
        if said["event"] == "message":
            self._asking.add(job_id)
            return Message(job_id, said["payload"])
        self._asking.discard(job_id)
        del self._jobs[job_id]
        return Ended(job_id, Outcome(**said["outcome"]))


class _Keeper:
    """A keeper process, seen from the launcher."""

    def __init__(self, options: dict[str, Any], env: dict[str, str]) -> None:
        if not sys.executable:
            raise LaunchError("there is no Python to start workers with: sys.executable is empty.")
        here, there = socket.socketpair()
        program = (
            f"import sys; sys.path[:] = {[p or os.getcwd() for p in sys.path]!r}; "
            f"from pliant.launch.keeper import main; "
            f"main({there.fileno()}, shielded={bool(options.get('shielded'))})"
        )
        with there:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", program],
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                start_new_session=True,
            )
        self.wire = Wire(here)
        self.pid = self._process.pid
        self._finalizer = weakref.finalize(self, _abandon, self.wire, self._process, os.getpid())
        try:
            self._shake_hands(options)
        except BaseException:
            self.end([])
            raise

    def _shake_hands(self, options: dict[str, Any]) -> None:
        """Tells it what to be, and waits until it is ready."""
        self.wire.send(options)
        while True:
            self.wait(None)
            for said in self.wire.receive():
                if said["event"] == "ready":
                    return
                raise LaunchError(said["reason"])
            if self.wire.ended:
                code = self._process.wait()
                raise LaunchError(
                    f"the process that is to keep the workers ended before it was ready: "
                    f"{explain(code)[1] or 'exit code 0'}; what it printed is above."
                )

    @property
    def is_dead(self) -> bool:
        """Whether it ended by itself."""
        return self.wire.ended or self._process.poll() is not None

    def wait(self, timeout: float | None) -> None:
        """Waits until it says something."""
        writing = [self.wire] if self.wire.pending else []
        poller = select.poll() if hasattr(select, "poll") else None
        if poller is None or self.wire.ended:
            return
        poller.register(self.wire, select.POLLIN | (select.POLLOUT if writing else 0))
        poller.poll(None if timeout is None else timeout * 1000)
        self.wire.flush()

    def end(self, pids: list[int]) -> int:
        """Ends it and all that it keeps, ``pids`` included; returns its exit code."""
        self.wire.send({"do": "close"})
        self.wire.close()  # what cannot be sent is said by this, too
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code:  # it could not see to its end
            found = tree.table()
            for pid in pids:
                tree.end(tree.members(pid, found) if pid in found or _leads(pid, found) else ())
        self._finalizer.detach()
        return code


def _leads(pid: int, found: Mapping[int, tree.Entry]) -> bool:
    return any(entry.session == pid for entry in found.values())


def _abandon(wire: Wire, process: subprocess.Popen[bytes], owner: int) -> None:
    """Ends a keeper whose launcher was forgotten."""
    if os.getpid() == owner:
        wire.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
    else:
        process.returncode = 0  # another process's child, and its conversation
