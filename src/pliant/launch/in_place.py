"""Launcher that runs jobs in this process, one at a time; the reference implementation, and for debugging."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
import time
from collections import deque
from typing import Any, final

from pliant.values.errors import LaunchError

from .base import (
    JSON,
    Call,
    Channel,
    Command,
    Ended,
    Event,
    How,
    Job,
    Launcher,
    Message,
    Outcome,
    Started,
    dump,
)
from .check import check_job, prepare_log
from .commands import Commands, describe_command
from .functions import name_of
from .output import TAIL_BYTES
from .worker import run


class _Stopped(BaseException):
    """Ends a call at its next report; not an ``Exception``, so that the job's handlers do not catch it."""


@final
class InPlace(Launcher):
    """Runs one job at a time in this process.

    Calls run in a second thread, so that a report can wait for its reply, and print to this process's output (logs
    are not written).  A call cannot be interrupted: a cancellation or time limit takes effect at its next report, or
    when it returns.  Its memory is not limited, and a crash ends this process.  Commands run as in ``Commands``.

    >>> from pliant.launch import Call, Ended, InPlace, Job
    >>> with InPlace() as launcher:
    ...     launcher.start(Job("1", Call("pliant.testing.jobs:fail", "no such layer")))
    ...     events = launcher.poll(None)
    ...     while not isinstance(events[-1], Ended):
    ...         events += launcher.poll(None)
    >>> events[-1].outcome.reason
    'ValueError: no such layer'
    """

    def __init__(self) -> None:
        self.slots = 1
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._events: deque[Event] = deque()
        self._call: _Run | None = None
        self._orders: queue.SimpleQueue[_Run | None] | None = None
        self._thread: threading.Thread | None = None
        self._command = ""
        self._commands: Commands | None = None
        self._closed = False

    def start(self, job: Job) -> None:
        if self._closed:
            raise LaunchError("this InPlace is closed. Make a new one.")
        check_job(job, self._jobs)
        if isinstance(job.work, Call):
            name_of(job.work.function)
            dump(job.work.payload, f"the payload of job {job.id!r}")
        elif isinstance(job.work, Command):
            describe_command(job.work)
            prepare_log(job.work.log)
        else:
            raise LaunchError(
                f"InPlace runs calls and commands; got a {type(job.work).__name__}. Use Containers for a Container."
            )
        self._jobs[job.id] = job
        self._waiting.append(job)

    def poll(self, timeout: float | None) -> list[Event]:
        limit = None if timeout is None else time.monotonic() + timeout
        while not self._closed:
            self._advance()
            if self._call is not None and not self._events:
                self._receive(self._call, limit)
            elif self._command and not self._events:
                assert self._commands is not None
                self._take(self._commands.poll(_left(limit)))
            if self._events or not self._jobs or _left(limit) == 0:
                break
        events = list(self._events)
        self._events.clear()
        return events

    def reply(self, job_id: str, message: JSON) -> None:
        dump(message, "a reply")
        if job_id not in self._jobs:
            return
        if self._call is None or self._call.job.id != job_id or not self._call.awaits_reply:
            raise LaunchError(f"job {job_id!r} does not wait for a reply. Answer each Message event once.")
        self._call.answer(message)

    def cancel(self, job_id: str, reason: str) -> None:
        waiting = next((job for job in self._waiting if job.id == job_id), None)
        if waiting is not None:
            self._waiting.remove(waiting)
            self._take([Ended(job_id, Outcome("cancelled", reason=reason))])
        elif self._call is not None and self._call.job.id == job_id:
            self._call.stop("cancelled", reason)
        elif self._commands is not None and self._command == job_id:
            self._commands.cancel(job_id, reason)

    def close(self) -> None:
        self._closed = True
        self._jobs.clear()
        self._waiting.clear()
        self._events.clear()
        is_busy = self._call is not None
        if self._call is not None:
            self._call.stop("cancelled", "the launcher was closed")
            self._call = None
        if self._orders is not None and self._thread is not None:
            self._orders.put(None)
            self._orders = None
            if not is_busy:  # a running call is not waited for: it ends at its next report, if it makes one
                self._thread.join()
            self._thread = None
        if self._commands is not None:
            self._commands.close()

    def _advance(self) -> None:
        """Starts the next job if none is running."""
        if self._call is not None or self._command or not self._waiting:
            return
        job = self._waiting.popleft()
        if isinstance(job.work, Command):
            self._commands = self._commands or Commands(1)
            try:
                self._commands.start(job)
                self._command = job.id
            except LaunchError as error:  # the program or folder was removed meanwhile
                self._take([Ended(job.id, Outcome("exited", reason=str(error)))])
            return
        if self._orders is None:
            self._orders = queue.SimpleQueue()
            self._thread = threading.Thread(
                target=_work, args=(self._orders,), name="pliant-in-place", daemon=True
            )
            self._thread.start()
        self._call = _Run(job)
        self._orders.put(self._call)
        self._events.append(Started(job.id, f"pid {os.getpid()} on {socket.gethostname()}, in place"))

    def _receive(self, call: _Run, limit: float | None) -> None:
        """Waits for a message of a call, or for its time limit."""
        moments = [moment for moment in (limit, call.deadline) if moment is not None]
        try:
            message = call.sent.get(timeout=_left(min(moments, default=None)))
        except queue.Empty:
            call.check_time()
            return
        if "message" in message:
            self._events.append(Message(call.job.id, message["message"]))
        else:
            self._call = None
            self._take([Ended(call.job.id, call.outcome(message))])

    def _take(self, events: list[Event]) -> None:
        for event in events:
            self._events.append(event)
            if isinstance(event, Ended):
                del self._jobs[event.job]
                if event.job == self._command:
                    self._command = ""


@final
class _Run:
    """A running call: the queues between its thread and the launcher."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.sent: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.awaits_reply = False
        self._replies: queue.SimpleQueue[tuple[JSON]] = queue.SimpleQueue()
        self._stop_reason: tuple[How, str] | None = None
        self._begun = time.monotonic()
        self._trace = ""

    # ------------------------------------------------------------------ the launcher's side

    @property
    def deadline(self) -> float | None:
        """Monotonic time of its time limit; None without a limit, or when it is being ended already."""
        seconds = self.job.limits.seconds
        return self._begun + seconds if seconds is not None and self._stop_reason is None else None

    def check_time(self) -> None:
        """Stops it if its time is over."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.stop("timeout", f"it took longer than its limit of {self.job.limits.seconds:g} s")

    def stop(self, how: How, reason: str) -> None:
        """Ends it at its next report; the first reason counts."""
        self._stop_reason = self._stop_reason or (how, reason)
        if self.awaits_reply:
            self.answer(None)

    def answer(self, message: JSON) -> None:
        """Makes its report return."""
        self.awaits_reply = False
        self._replies.put((message,))

    def outcome(self, done: dict[str, Any]) -> Outcome:
        """Returns its outcome."""
        self.check_time()
        seconds = time.monotonic() - self._begun
        if self._stop_reason is not None:
            return Outcome(self._stop_reason[0], None, self._stop_reason[1], None, self._trace, seconds)
        return Outcome(done["how"], done["value"], done["reason"], None, self._trace, seconds)

    # ------------------------------------------------------------------ the call's side

    def work(self) -> None:
        """Runs the function."""
        assert isinstance(self.job.work, Call)
        payload = json.loads(json.dumps(self.job.work.payload))  # a copy, as in other launchers
        done = run(self.job.work.function, payload, _PlaceChannel(self), show=self._show)
        self.sent.put({**done, "value": json.loads(json.dumps(done["value"]))})

    def ask(self, message: JSON) -> JSON:
        """Sends a message to the launcher, and waits for its reply."""
        if self._stop_reason is None:
            self.awaits_reply = True
            self.sent.put({"message": message})
            (reply,) = self._replies.get()
            if self._stop_reason is None:
                return reply
        raise _Stopped(self._stop_reason[1])

    def _show(self, text: str) -> None:
        self._trace = text[-TAIL_BYTES:]


@final
class _PlaceChannel(Channel):
    """Channel of a call in this process."""

    def __init__(self, call: _Run) -> None:
        self.job, self.attempt = call.job.id, call.job.attempt
        self._call = call

    def report(self, message: JSON) -> JSON:
        return self._call.ask(json.loads(dump(message, "a reported message")))


def _work(orders: queue.SimpleQueue[_Run | None]) -> None:
    while (call := orders.get()) is not None:
        call.work()


def _left(limit: float | None) -> float | None:
    return None if limit is None else max(limit - time.monotonic(), 0.0)
