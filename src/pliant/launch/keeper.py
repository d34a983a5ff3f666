"""Keeper: supervisor process between a launcher and its jobs; starts, limits and ends them.

It has one thread, so that it can fork, and imports the modules for all workers once.  It adopts orphaned processes, so
that no descendant of a job survives the job (not for clients of containers, which run elsewhere).  When its launcher
ends, even by SIGKILL, it ends all jobs and then itself.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, final

from pliant.values.errors import LaunchError, quote
from pliant.values.exceptions import describe

from . import tree
from .base import How
from .child import Child, describe_start_failure, exit_now, fork_worker, spawn_command
from .devices import VISIBLE
from .functions import resolve
from .wire import Wire

_INSPECT_SECONDS, _IDLE_SECONDS = 0.2, 1.0
_INSPECT_SHARE = 0.03  # largest share of time spent on reading the process table


@final
class Keeper:
    """Event loop of the keeper process.

    Args:
      wire: the connection to the launcher.
      options: ``slots``, ``threads``, ``grace``, ``reuse``, ``processes`` and ``log_bytes``; ``adopts``, whether to
        adopt orphaned processes; ``on_launcher_death``, the name and payload of a function to call if the launcher
        ends without closing.
    """

    def __init__(self, wire: Wire, options: dict[str, Any]) -> None:
        self.wire, self.options, self.parent = wire, options, os.getppid()
        self.waiting: deque[dict[str, Any]] = deque()
        self.children: dict[int, Child] = {}
        self._own = tree.descendants([os.getpid()], tree.table())
        self._mark_count = 0
        self._next_inspection = 0.0
        self._may_have_orphans = False  # of jobs that have ended
        self._selector = selectors.DefaultSelector()
        self._selector.register(wire, selectors.EVENT_READ, self._read_launcher)
        self._signals = self._catch_signals()
        self._ended = self._was_closed = False

    def run(self) -> None:
        """Runs until the launcher closes or ends; then ends all jobs."""
        while not (self._ended or self.wire.ended) and os.getppid() == self.parent:
            for key, _ in self._selector.select(self._find_timeout()):
                key.data()
            self._reap()
            self._enforce_limits()
            self._start_waiting()
            self._write()
        for child in self.children.values():
            tree.send(child.pid, signal.SIGKILL)
        tree.end_descendants(os.getpid())
        for child in self.children.values():
            child.drain()
            child.close()
        on_launcher_death = self.options.get("on_launcher_death")
        if on_launcher_death and not self._was_closed and (self.wire.ended or os.getppid() != self.parent):
            resolve(on_launcher_death[0])(on_launcher_death[1])

    # ------------------------------------------------------------------ messages

    def _read_launcher(self) -> None:
        for order in self.wire.receive():
            getattr(self, f"_do_{order['do']}")(order)

    def _do_start(self, order: dict[str, Any]) -> None:
        self.waiting.append(order)

    def _do_reply(self, order: dict[str, Any]) -> None:
        child = self._child_of(order["id"])
        if child is not None and child.wire is not None:
            child.wire.send({"reply": order["message"]})

    def _do_cancel(self, order: dict[str, Any]) -> None:
        child = self._child_of(order["id"])
        if child is not None:
            child.stop("cancelled", order["reason"], self.options["grace"])
            return
        for job in [job for job in self.waiting if job["id"] == order["id"]]:
            self.waiting.remove(job)
            self._send_ended(job["id"], {"how": "cancelled", "reason": order["reason"]})

    def _do_close(self, _: dict[str, Any]) -> None:
        self._ended = self._was_closed = True

    def _read_worker(self, child: Child) -> None:
        assert child.wire is not None
        for message in child.wire.receive():
            if child.job is None:
                continue
            if "message" in message:
                self.wire.send({"event": "message", "id": child.job["id"], "payload": message["message"]})
            else:
                self._finish_call(child, message)
        if child.wire.ended:
            self._unregister(child.wire)
            if not child.retiring:  # it has ended, or it closed its connection and still runs
                child.retiring, child.kill_at = True, time.monotonic() + _IDLE_SECONDS

    def _finish_call(self, child: Child, message: dict[str, Any]) -> None:
        if child.stop_reason is None:
            child.result = message
            self._send_ended(*child.finish())
        if child.job is not None or message["children"] or not self.options["reuse"]:
            self._retire(child)

    def _retire(self, child: Child) -> None:
        """Ends a worker: it exits, and processes that it left are killed."""
        child.retiring = True
        if child.kill_at is None:
            child.kill_at = time.monotonic() + self.options["grace"]
        if child.wire is not None:
            self._unregister(child.wire)
            child.wire.close()

    # ------------------------------------------------------------------ starting

    def _start_waiting(self) -> None:
        while self.waiting and sum(c.job is not None for c in self.children.values()) < self.options["slots"]:
            self._mark_count += 1
            job = {**self.waiting.popleft(), "mark": f"{os.getpid()}.{self._mark_count}"}
            try:
                child = self._start_process(job)
            except OSError as error:
                job = {"argv": [job.get("function")], "folder": None, **job}
                self._send_ended(job["id"], describe_start_failure(error, job))
                continue
            child.begin(job, self.options["log_bytes"])
            self.wire.send({"event": "started", "id": job["id"], "pid": child.pid})

    def _start_process(self, job: dict[str, Any]) -> Child:
        """Returns a process for a job."""
        if "function" in job:
            for child in self.children.values():
                if child.is_idle:
                    return child
            seat, given = self._find_seat()
            child = fork_worker(self.options["threads"], self._descriptors(), given)
            child.seat = seat
        else:
            child = spawn_command(job)
        self.children[child.pid] = child
        self._selector.register(child.output_end, selectors.EVENT_READ, lambda: self._read_output(child))
        if child.wire is not None:
            self._selector.register(child.wire, selectors.EVENT_READ, lambda: self._read_worker(child))
        return child

    def _find_seat(self) -> tuple[int, dict[str, str]]:
        """Returns the place of a new worker, the first one that the fewest others have, and its environment variables."""
        taken = [child.seat for child in self.children.values()]
        seat = min(range(self.options["slots"]), key=taken.count)
        gpus = self.options["gpus"]
        return seat, {} if gpus is None else {VISIBLE: gpus[seat]}

    def _read_output(self, child: Child) -> None:
        if not child.drain(4):
            self._unregister(child.output_end)

    def _descriptors(self) -> list[int]:
        """Returns the keeper's file descriptors, which workers close."""
        ends = [self.wire.fileno(), *self._signals]
        for child in self.children.values():
            ends += [child.output_end, *([child.wire.fileno()] if child.wire is not None else [])]
        poller = getattr(self._selector, "fileno", None)
        return [end for end in [*ends, poller() if poller else -1] if end >= 0]

    # ------------------------------------------------------------------ ending

    def _reap(self) -> None:
        """Collects the exit codes of children, and of adopted orphans."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid in self.children:
                    self._on_exit(self.children[pid], os.waitstatus_to_exitcode(status))

    def _on_exit(self, child: Child, code: int) -> None:
        if child.wire is not None and not child.retiring:
            child.retiring = True
            self._read_worker(child)  # messages from just before its end count
        child.code = code
        if child.stop_reason is not None and child.kill_at is not None and time.monotonic() < child.kill_at:
            self._next_inspection = 0.0  # processes that it started have until kill_at
        else:
            self._remove(child)

    def _remove(self, child: Child) -> None:
        """Kills what is left of a child whose process has ended, and sends its outcome."""
        for _ in range(3):
            left = self._members(child, tree.table()) - {child.pid}
            if not left:
                break
            tree.end(left)
        if child.job is not None:
            self._send_ended(*child.finish())
        del self.children[child.pid]
        self._may_have_orphans = True
        self._unregister(child.output_end)
        if child.wire is not None:
            self._unregister(child.wire)
        child.close()

    def _members(self, child: Child, found: dict[int, tree.Entry]) -> set[int]:
        return tree.members(child.pid, found, child.mark, os.getpid())

    def _enforce_limits(self) -> None:
        """Enforces limits of time, memory and processes."""
        now = time.monotonic()
        for child in list(self.children.values()):
            if child.job is not None and child.deadline is not None and now >= child.deadline:
                reason = f"it took longer than its limit of {child.job['seconds']:g} s"
                child.stop("timeout", reason, self.options["grace"])
            if child.kill_at is not None and now >= child.kill_at:
                child.stop("exited", "the call closed the connection to its launcher", grace=0)
                tree.end(self._members(child, tree.table()) | {child.pid})
                child.kill_at = now + _IDLE_SECONDS  # again, if a process escaped
                if child.code is not None:
                    self._remove(child)
        if now >= self._next_inspection and (self.children or self._may_have_orphans):
            self._inspect_processes()
            took = time.monotonic() - now
            self._next_inspection = now + max(_INSPECT_SECONDS, took / _INSPECT_SHARE)

    def _inspect_processes(self) -> None:
        """Reads the process table once: the memory of each job, and processes without a job."""
        found = tree.table()
        known: set[int] = set()
        for child in list(self.children.values()):
            mine = self._members(child, found)
            known |= mine | {child.pid}
            if child.job is None and not child.retiring:
                tree.end(mine - {child.pid})
            elif child.code is not None and not mine - {child.pid}:
                self._remove(child)
            elif child.job is not None and child.stop_reason is None:
                child.refresh()
                verdict = self._find_violation(child.job, mine, found)
                if verdict is not None:
                    child.stop(*verdict, grace=0)
        orphans = {pid for pid, entry in found.items() if entry.parent == os.getpid()} - known - self._own
        tree.end(orphans)
        self._may_have_orphans = bool(orphans)  # their children are adopted next

    def _find_violation(
        self, job: dict[str, Any], mine: set[int], found: dict[int, tree.Entry]
    ) -> tuple[How, str] | None:
        """Returns how and why to end a job that is beyond its limits; None if it is within them."""
        most = self.options["processes"]
        if len(mine) > most:
            return "exited", f"it had more than {most} processes at once, and was killed"
        limit = job["memory"]
        if limit and tree.resident(mine, found) > limit:
            held = tree.proportional(mine, found)
            if held > limit:
                mib = 1 << 20
                return "memory", f"it held {held / mib:.0f} MiB, more than its limit of {limit / mib:.0f} MiB"
        return None

    # ------------------------------------------------------------------ tools

    def _find_timeout(self) -> float:
        """Returns the seconds until the next deadline or inspection."""
        moments = [moment for c in self.children.values() for moment in (c.deadline, c.kill_at) if moment]
        now = time.monotonic()
        busy = self._may_have_orphans or any(c.job is not None or c.retiring for c in self.children.values())
        moments.append(self._next_inspection if busy else now + _IDLE_SECONDS)
        return min(max(min(moments) - now, 0.0), _IDLE_SECONDS)

    def _child_of(self, job_id: str) -> Child | None:
        return next((c for c in self.children.values() if c.job is not None and c.job["id"] == job_id), None)

    def _send_ended(self, job_id: str, outcome: dict[str, Any]) -> None:
        self.wire.send({"event": "ended", "id": job_id, "outcome": outcome})

    def _write(self) -> None:
        """Sends waiting data, and watches sockets that cannot take all of it."""
        for wire in [self.wire, *(c.wire for c in self.children.values() if c.wire is not None)]:
            wire.flush()
            with suppress(KeyError, ValueError):
                key = self._selector.get_key(wire)
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if wire.pending else 0)
                if key.events != wanted:
                    self._selector.modify(wire, wanted, key.data)

    def _unregister(self, what: Wire | int) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(what)

    def _catch_signals(self) -> list[int]:
        """Makes SIGCHLD wake the loop, and SIGTERM and SIGHUP end it; the launcher handles Ctrl-C."""
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
        self._signal_sockets = (reader, writer)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_end_signal)
        self._selector.register(reader, selectors.EVENT_READ, lambda: reader.recv(4096))
        return [reader.fileno(), writer.fileno()]

    def _on_end_signal(self, *_: object) -> None:
        self._ended = True


def main(descriptor: int, *, shielded: bool = False) -> None:
    """Entry point of the keeper process.

    Args:
      descriptor: of the socket to the launcher.
      shielded: whether to fork once more, so that the keeper is not a child of the launcher; for launchers whose
        children are killed with them, before a keeper could clean up.
    """
    if shielded:
        _continue_in_child(descriptor)
    wire = Wire(socket.socket(fileno=descriptor))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    options = _await_options(wire, parent)
    if options.get("adopts", True):
        tree.adopt_orphans()
    fault = _run_guarded(lambda: preload(options["preload"]), parent)
    if fault:
        wire.socket.setblocking(True)
        wire.send({"event": "failed", "reason": fault})
        tree.end_descendants(os.getpid())
        exit_now(1)
    keeper = Keeper(wire, options)
    wire.send({"event": "ready"})
    keeper.run()
    exit_now(0)


def preload(names: list[str]) -> None:
    """Imports modules and calls functions (``module:function``, without arguments), once for all workers.

    Raises:
      LaunchError: an unknown module or function, or forking is unsafe after loading.
    """
    for name in names:
        if ":" in name:
            resolve(name)()
        else:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                raise LaunchError(
                    f"preload={name!r}: the module {error.name!r} does not exist. Give modules that can be imported, or "
                    "functions as 'module:function'."
                ) from None
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    if threads > 1:
        raise LaunchError(
            f"preload={quote(names)} left {threads} threads running; a process with threads cannot be forked safely. "
            "Compute with one thread there, or remove it from preload."
        )
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise LaunchError(
            f"preload={quote(names)} used a GPU; forked workers could not use it then. Use the CPU in preload; calls may "
            "use the GPU."
        )
    gc.collect()
    gc.freeze()  # so that garbage collection in workers does not copy memory pages


def _continue_in_child(descriptor: int) -> None:
    """Forks and returns in the child only; the parent waits, and ends with the same exit code or signal."""
    pid = os.fork()
    if pid:
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code < 0:
            os.kill(os.getpid(), -code)
        os._exit(code)


def _await_options(wire: Wire, parent: int) -> dict[str, Any]:
    with selectors.DefaultSelector() as selector:
        selector.register(wire, selectors.EVENT_READ)
        while not wire.ended and os.getppid() == parent:
            selector.select(_IDLE_SECONDS)
            for options in wire.receive():
                return options
    return exit_now(0)


def _run_guarded(work: Callable[[], None], parent: int) -> str:
    """Does slow work, and ends this process if the launcher ends; returns an error message or an empty string."""

    def check_parent(*_: object) -> None:
        if os.getppid() != parent:
            tree.end_descendants(os.getpid())
            os._exit(1)

    previous = signal.signal(signal.SIGALRM, check_parent)
    signal.setitimer(signal.ITIMER_REAL, _IDLE_SECONDS, _IDLE_SECONDS)
    try:
        work()
    except LaunchError as error:
        return str(error)
    except BaseException as error:  # noqa: BLE001 - the launcher raises it
        return f"preload failed with {describe(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return ""
