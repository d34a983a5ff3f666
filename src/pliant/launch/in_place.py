"""Jobs in this very process, one after another: the reference, and the launcher for a debugger."""

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
    """Ends a call at its next report; no ``except Exception`` of a job stops that."""


@final
class InPlace(Launcher):
    """Runs one job at a time in this process.

    A call runs in one thread beside the caller's, so that a report can wait for its reply; it uses what this
    process has loaded, and prints where this process prints (its log stays unused).  Nothing can be forced
    on it: when it is cancelled or over its time, it ends at its next report, or counts as ended so when it
    returns; its memory is not limited, and a crash takes this process along.  Commands run as in
    ``Commands``.

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
        self._command = ""
        self._commands: Commands | None = None
        self._closed = False

    def start(self, job: Job) -> None:
        if self._closed:
            raise LaunchError("this InPlace is closed; make a new one.")
        check_job(job, self._jobs)
        if isinstance(job.work, Call):
            name_of(job.work.function)
            dump(job.work.payload, f"the payload of job {job.id!r}")
        elif isinstance(job.work, Command):
            describe_command(job.work)
            prepare_log(job.work.log)
        else:
            raise LaunchError(
                f"InPlace runs calls and commands; got a {type(job.work).__name__}. For a Container, take Containers."
            )
        self._jobs[job.id] = job
        self._waiting.append(job)

    def poll(self, timeout: float | None) -> list[Event]:
        limit = None if timeout is None else time.monotonic() + timeout
        while not self._closed:
            self._advance()
            if self._call is not None and not self._events:
                self._hear_call(self._call, limit)
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
        if self._call is None or self._call.job.id != job_id or not self._call.asks:
            raise LaunchError(f"job {job_id!r} waits for no reply: answer each Message event once.")
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
        if self._call is not None:
            self._call.stop("cancelled", "the launcher was closed")
            self._call = None
        if self._orders is not None:
            self._orders.put(None)
            self._orders = None
        if self._commands is not None:
            self._commands.close()

    def _advance(self) -> None:
        """Begins the next job when none is under way."""
        if self._call is not None or self._command or not self._waiting:
            return
        job = self._waiting.popleft()
        if isinstance(job.work, Command):
            self._commands = self._commands or Commands(1)
            try:
                self._commands.start(job)
                self._command = job.id
            except LaunchError as error:  # what was there when it was handed over is gone
                self._take([Ended(job.id, Outcome("exited", reason=str(error)))])
            return
        if self._orders is None:
            self._orders = queue.SimpleQueue()
            threading.Thread(target=_work, args=(self._orders,), name="pliant-in-place", daemon=True).start()
        self._call = _Run(job)
        self._orders.put(self._call)
        self._events.append(Started(job.id, f"pid {os.getpid()} on {socket.gethostname()}, in place"))

    def _hear_call(self, call: _Run, limit: float | None) -> None:
        """Waits for a call to say something, or for its time to be over."""
        moments = [moment for moment in (limit, call.deadline) if moment is not None]
        try:
            said = call.said.get(timeout=_left(min(moments, default=None)))
        except queue.Empty:
            call.check_time()
            return
        if "message" in said:
            self._events.append(Message(call.job.id, said["message"]))
        else:
            self._call = None
            self._take([Ended(call.job.id, call.outcome(said))])

    def _take(self, events: list[Event]) -> None:
        for event in events:
            self._events.append(event)
            if isinstance(event, Ended):
                del self._jobs[event.job]
                if event.job == self._command:
                    self._command = ""


@final
class _Run:
    """A call under way: what passes between the thread that runs it and the launcher that hears it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.asks = False
        self._replies: queue.SimpleQueue[tuple[JSON]] = queue.SimpleQueue()
        self._verdict: tuple[How, str] | None = None
        self._begun = time.monotonic()
        self._trace = ""

    # ------------------------------------------------------------------ the launcher's side

    @property
    def deadline(self) -> float | None:
        """When (monotonic) it will have had its time; None without a limit, or when it is ending anyway."""
        seconds = self.job.limits.seconds
        return self._begun + seconds if seconds is not None and self._verdict is None else None

    def check_time(self) -> None:
        """Stops it when it has had its time."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.stop("timeout", f"it took longer than its limit of {self.job.limits.seconds:g} s")

    def stop(self, how: How, reason: str) -> None:
        """Has it end at its next report; the first reason counts."""
        self._verdict = self._verdict or (how, reason)
        if self.asks:
            self.answer(None)

    def answer(self, message: JSON) -> None:
        """Lets its report return."""
        self.asks = False
        self._replies.put((message,))

    def outcome(self, done: dict[str, Any]) -> Outcome:
        """Returns how it ended."""
        self.check_time()
        seconds = time.monotonic() - self._begun
        if self._verdict is not None:
            return Outcome(self._verdict[0], None, self._verdict[1], None, self._trace, seconds)
        return Outcome(done["how"], done["value"], done["reason"], None, self._trace, seconds)

    # ------------------------------------------------------------------ the call's side

    def work(self) -> None:
        """Runs it."""
        assert isinstance(self.job.work, Call)
        payload = json.loads(json.dumps(self.job.work.payload))  # its own, as everywhere else
        done = run(self.job.work.function, payload, _PlaceChannel(self), show=self._show)
        self.said.put({**done, "value": json.loads(json.dumps(done["value"]))})

    def ask(self, message: JSON) -> JSON:
        """Says something to the launcher, and waits for its reply."""
        if self._verdict is None:
            self.asks = True
            self.said.put({"message": message})
            (reply,) = self._replies.get()
            if self._verdict is None:
                return reply
        raise _Stopped(self._verdict[1])

    def _show(self, text: str) -> None:
        self._trace = text[-TAIL_BYTES:]


@final
class _PlaceChannel(Channel):
    """The channel of a call in place."""

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
