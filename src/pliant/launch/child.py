"""Child process of the keeper and its current job: start, output, exit code and outcome.

``keeper`` decides when to start and stop one.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, final

from pliant.values.exceptions import one_line

from . import tree
from .base import How
from .exit_codes import explain
from .output import Output
from .wire import Wire
from .worker import serve

_CHUNK = 1 << 16
THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM", "RAYON", "BLIS")


@final
class Child:
    """A worker or command, in its own session.

    Attributes:
      pid: the process, which leads the session.
      wire: the connection to a worker; None for a command.
      job: the current job; None for an idle worker.
      mark: environment value that identifies the processes of this job.
      stop_reason: how and why the keeper ended the job; None if it did not.
      kill_at: monotonic time at which it is killed if it still runs; None for no such time.
      code: its exit code after it has ended.
      retiring: whether it gets no more jobs.
    """

    def __init__(self, pid: int, output_end: int, wire: Wire | None = None) -> None:
        self.pid, self.output_end, self.wire = pid, output_end, wire
        self.mark = ""
        self.seat: int | None = None  # which of the workers' places it has
        os.set_blocking(output_end, False)
        self.job: dict[str, Any] | None = None
        self.stop_reason: tuple[How, str] | None = None
        self.kill_at: float | None = None
        self.code: int | None = None
        self.retiring = False
        self.result: dict[str, Any] | None = None
        self._output = Output()
        self._begun = self._killed_before = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it can take a job."""
        return self.job is None and not self.retiring and self.code is None

    def begin(self, job: dict[str, Any], log_bytes: int) -> None:
        """Assigns a job, and sends it to the worker."""
        if self.wire is not None:
            self.drain()  # late output of an earlier call
        self.job, self.mark, self.stop_reason, self.kill_at, self.result = job, job["mark"], None, None, None
        self._output = Output(Path(job["log"]) if job["log"] else None, log_bytes)
        self._begun, self._killed_before = time.monotonic(), tree.out_of_memory_count()
        if self.wire is not None:
            names = ("id", "attempt", "mark", "function", "payload")
            self.wire.send({name: job[name] for name in names})

    @property
    def deadline(self) -> float | None:
        """Monotonic time of the job's time limit; None without a limit, or when it is being ended already."""
        seconds = self.job["seconds"] if self.job is not None and self.stop_reason is None else None
        return self._begun + seconds if seconds else None

    def drain(self, limit: int = 32) -> bool:
        """Reads its output, at most ``limit`` pieces of 64 KiB; returns whether more may come."""
        for _ in range(limit):
            try:
                data = os.read(self.output_end, _CHUNK)
            except BlockingIOError:
                return True
            except OSError:
                data = b""
            if not data:
                return False
            if self.job is not None:
                self._output.feed(data)
        return True

    def refresh(self) -> None:
        """Writes the latest output to the log."""
        self._output.refresh()

    def stop(self, how: How, reason: str, grace: float) -> None:
        """Asks the job to end, and sets the time at which it is killed; the first reason counts."""
        if self.stop_reason is None and self.job is not None:
            self.stop_reason = (how, reason)
            self.kill_at = time.monotonic() + grace
            tree.send(self.pid, signal.SIGTERM if grace > 0 else signal.SIGKILL)

    def finish(self) -> tuple[str, dict[str, Any]]:
        """Ends its current job; returns the id of the job and its outcome as a dict."""
        assert self.job is not None
        self.drain()
        self._output.close()
        how, value, reason, code = self._find_outcome()
        seconds = time.monotonic() - self._begun
        job, self.job, self.mark, self.stop_reason, self.kill_at = self.job, None, "", None, None
        outcome = {"how": how, "value": value, "reason": reason, "exit_code": code, "seconds": seconds}
        return job["id"], {**outcome, "tail": self._output.tail()}

    def _find_outcome(self) -> tuple[How, Any, str, int | None]:
        if self.stop_reason is not None:
            return self.stop_reason[0], None, self.stop_reason[1], self.code
        if self.result is not None:
            return self.result["how"], self.result["value"], self.result["reason"], None
        assert self.code is not None
        starved = self.code < 0 and tree.out_of_memory_count() > self._killed_before
        how, reason = explain(self.code, out_of_memory=starved)
        if self.wire is not None and how == "returned":
            how, reason = "exited", "its process ended with exit code 0 before the call returned (os._exit?)"
        return how, None, reason, self.code

    def close(self) -> None:
        """Closes this side's connections."""
        self._output.close()
        os.close(self.output_end)
        if self.wire is not None:
            self.wire.close()


def fork_worker(threads: int, ours: Iterable[int], given: Mapping[str, str]) -> Child:
    """Forks a worker from this process, which must have one thread only.

    Args:
      threads: number of threads that the worker computes with.
      ours: file descriptors that the worker closes.
      given: environment variables of the worker.
    """
    here, there = socket.socketpair()
    reader, writer = os.pipe()
    keeper = os.getpid()
    tree.flush_streams()
    pid = os.fork()
    if pid == 0:
        try:
            _become_worker(keeper, there, writer, [*ours, here.detach(), reader])
            os.environ.update(given)
            _configure_worker(threads)
            serve(there)
        finally:
            os._exit(1)
    there.close()
    os.close(writer)
    return Child(pid, reader, Wire(here))


def spawn_command(job: Mapping[str, Any]) -> Child:
    """Starts a command in its own session.

    Raises:
      OSError: it cannot be started.
    """
    reader, writer = os.pipe()
    keeper = os.getpid()
    given = {"PLIANT_JOB": job["id"], "PLIANT_ATTEMPT": str(job["attempt"]), **job["env"]}
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own program, without a shell
            job["argv"],
            env={**os.environ, **given, tree.MARK: job["mark"]},
            cwd=job["folder"],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
            preexec_fn=lambda: _before_exec(keeper),  # this process has one thread
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    process.returncode = 0  # the keeper waits for it
    return Child(process.pid, reader)


def describe_start_failure(error: OSError, job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the outcome of a command that could not be started."""
    reason = f"{job['argv'][0]!r} could not be started in {job['folder']!r}: {error.strerror or error}"
    if isinstance(error, PermissionError):
        reason += "; make it executable (chmod +x)"
    elif error.errno == errno.ENOEXEC:
        reason += "; start a script with a line such as #!/bin/sh"
    return {"how": "exited", "reason": one_line(reason)}


def _before_exec(keeper: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    tree.end_with_parent(keeper)


def _become_worker(keeper: int, there: socket.socket, writer: int, ours: Iterable[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    tree.end_with_parent(keeper)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (writer, 1), (writer, 2)):
        os.dup2(source, target)
    for descriptor in (null, writer, *ours):
        with suppress(OSError):
            os.close(descriptor)


def _configure_worker(threads: int) -> None:
    """Sets thread counts and streams of a worker before its first job."""
    for name in THREADS:
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    torch = sys.modules.get("torch")
    if threads > 1 and torch is not None:  # the keeper loaded it with one thread
        torch.set_num_threads(threads)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # if it is a TextIOWrapper
    faulthandler.enable(file=2)


def exit_now(code: int) -> NoReturn:
    """Ends this process without running exit handlers."""
    tree.flush_streams()
    os._exit(code)
