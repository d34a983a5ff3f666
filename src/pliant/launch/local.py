"""Base class of launchers whose jobs run on this machine, under a keeper process.

``Processes`` and ``Commands`` decide which jobs they accept; ``keeper`` runs the jobs.
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
from .exit_codes import explain
from .functions import loading
from .output import LOG_BYTES
from .wire import Wire

_END_SECONDS = 10.0
_DEFAULTS = {
    "preload": [],
    "threads": 1,
    "reuse": True,
    "processes": 256,
    "log_bytes": LOG_BYTES,
    "gpus": None,
}


class LocalLauncher(Launcher):
    """Base class of launchers whose jobs run under a keeper process; see ``pliant.launch.keeper``.

    Args:
      slots: number of jobs that run at the same time.
      options: for the keeper, added to ``_DEFAULTS``; ``shielded`` as in ``keeper.main``.
      env: variables added to the keeper's environment.
    """

    def __init__(self, slots: int, options: Mapping[str, Any], env: Mapping[str, str]) -> None:
        if os.name != "posix":
            raise LaunchError(f"{type(self).__name__} needs Linux or macOS; use InPlace here.")
        if (file := loading()) is not None:
            raise LaunchError(
                f"{file} starts a search while a worker imports it for one of its functions. Move that code under "
                '`if __name__ == "__main__":`.'
            )
        self.slots = slots
        self._options, self._env = {**_DEFAULTS, **options, "slots": slots}, dict(env)
        self._jobs: dict[str, int | None] = {}  # id -> process, None while it waits
        self._awaiting_reply: set[str] = set()
        self._events: deque[Event] = deque()
        self._closed = False
        self._keeper = _Keeper(self._options, self._env)

    @abstractmethod
    def _describe(self, job: Job) -> dict[str, Any]:
        """Returns the work of a job as JSON for the keeper; raises LaunchError if it cannot run here."""

    def start(self, job: Job) -> None:
        if self._closed:
            raise LaunchError(f"this {type(self).__name__} is closed. Make a new one.")
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
            self._receive()  # its jobs are lost
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
        if job_id not in self._awaiting_reply:
            raise LaunchError(f"job {job_id!r} does not wait for a reply. Answer each Message event once.")
        self._awaiting_reply.discard(job_id)
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
        """Id of the keeper process, the ancestor of all jobs."""
        return self._keeper.pid

    def _receive(self) -> None:
        """Reads the keeper's messages; if the keeper has ended, its jobs are lost."""
        wire = self._keeper.wire
        for message in wire.receive():
            self._events.append(self._event(message))
        if wire.ended and self._jobs:
            code = self._keeper.end([pid for pid in self._jobs.values() if pid])
            reason = f"the keeper process of this job ended ({explain(code)[1] or 'exit code 0'}), and the job with it"
            for job_id in self._jobs:
                self._events.append(Ended(job_id, Outcome("lost", reason=reason)))
            self._jobs.clear()
            self._awaiting_reply.clear()

    def _event(self, message: dict[str, Any]) -> Event:
        job_id = message["id"]
        if message["event"] == "started":
            self._jobs[job_id] = message["pid"]
            return Started(job_id, f"pid {message['pid']} on {socket.gethostname()}")
        if message["event"] == "message":
            self._awaiting_reply.add(job_id)
            return Message(job_id, message["payload"])
        self._awaiting_reply.discard(job_id)
        del self._jobs[job_id]
        return Ended(job_id, Outcome(**message["outcome"]))


class _Keeper:
    """Launcher's handle of its keeper process."""

    def __init__(self, options: dict[str, Any], env: dict[str, str]) -> None:
        if not sys.executable:
            raise LaunchError(
                "workers cannot be started: sys.executable is empty. Run with a Python that sets it."
            )
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
        self._finalizer = weakref.finalize(self, _end_forgotten, self.wire, self._process, os.getpid())
        try:
            self._send_options(options)
        except BaseException:
            self.end([])
            raise

    def _send_options(self, options: dict[str, Any]) -> None:
        """Sends its options, and waits until it is ready."""
        self.wire.send(options)
        while True:
            self.wait(None)
            for message in self.wire.receive():
                if message["event"] == "ready":
                    return
                raise LaunchError(message["reason"])
            if self.wire.ended:
                code = self._process.wait()
                raise LaunchError(
                    f"the keeper process ended before it was ready: {explain(code)[1] or 'exit code 0'}. See its "
                    "output above."
                )

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return self.wire.ended or self._process.poll() is not None

    def wait(self, timeout: float | None) -> None:
        """Waits for a message."""
        poller = select.poll() if hasattr(select, "poll") else None
        if poller is None or self.wire.ended:
            return
        poller.register(self.wire, select.POLLIN | (select.POLLOUT if self.wire.pending else 0))
        poller.poll(None if timeout is None else timeout * 1000)
        self.wire.flush()

    def end(self, pids: list[int]) -> int:
        """Ends the keeper and all its processes, including ``pids``; returns the keeper's exit code."""
        self.wire.send({"do": "close"})
        self.wire.close()  # this ends it as well, if the message cannot be sent
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code:  # it could not end its processes
            found = tree.table()
            for pid in pids:
                tree.end(tree.members(pid, found))
        self._finalizer.detach()
        return code


def _end_forgotten(wire: Wire, process: subprocess.Popen[bytes], owner: int) -> None:
    """Ends the keeper of a launcher that was garbage-collected without being closed."""
    if os.getpid() == owner:
        wire.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
    else:
        process.returncode = 0  # in a fork: the keeper belongs to the parent
