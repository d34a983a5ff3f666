"""The keeper: a process between a launcher and its jobs, which starts, hears, limits and ends them.

It has one thread, so that it may fork; it has imported what the workers need, once; it adopts orphans, so
that no descendant of a job gets away (unless jobs are but clients of what runs elsewhere); and when its launcher
ends, by whatever death, it ends all and then itself.  It knows no trials, and decides nothing about what a job
is worth.
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

from pliant.values.errors import LaunchError

from . import tree
from .base import How
from .child import Charge, exit_now, fork_worker, refusal, spawn_command
from .functions import resolve
from .wire import Wire
from .worker import describe

_SAMPLE_SECONDS, _IDLE_SECONDS = 0.2, 1.0
_SAMPLE_SHARE = 0.03  # of our time goes into reading the table of processes, at most


@final
class Keeper:
    """The loop; see the top of this file.

    Args:
      wire: to the launcher.
      options: ``slots``, ``threads``, ``grace``, ``reuse``, ``processes`` and ``log_bytes``; ``adopts``, whether
        what jobs leave behind is theirs; ``farewell``, a function's name and payload, to call when the launcher
        is gone without a word.
    """

    def __init__(self, wire: Wire, options: dict[str, Any]) -> None:
        self.wire, self.options, self.parent = wire, options, os.getppid()
        self.waiting: deque[dict[str, Any]] = deque()
        self.charges: dict[int, Charge] = {}
        self._own = tree.descendants([os.getpid()], tree.table())
        self._marks = 0
        self._next_sample = 0.0
        self._untidy = False  # whether something may be left of what has ended
        self._selector = selectors.DefaultSelector()
        self._selector.register(wire, selectors.EVENT_READ, self._hear_launcher)
        self._signals = self._catch_signals()
        self._ended = self._dismissed = False

    def run(self) -> None:
        """Works until the launcher says so, or is gone; then ends everything."""
        while not (self._ended or self.wire.ended) and os.getppid() == self.parent:
            for key, _ in self._selector.select(self._patience()):
                key.data()
            self._reap()
            self._watch()
            self._fill()
            self._write()
        for charge in self.charges.values():
            tree.send(charge.pid, signal.SIGKILL)
        tree.end_descendants(os.getpid())
        for charge in self.charges.values():
            charge.drain()
            charge.close()
        farewell = self.options.get("farewell")
        if farewell and not self._dismissed and (self.wire.ended or os.getppid() != self.parent):
            resolve(farewell[0])(farewell[1])

    # ------------------------------------------------------------------ hearing

    def _hear_launcher(self) -> None:
        for order in self.wire.receive():
            getattr(self, f"_do_{order['do']}")(order)

    def _do_start(self, order: dict[str, Any]) -> None:
        self.waiting.append(order)

    def _do_reply(self, order: dict[str, Any]) -> None:
        charge = self._charge_of(order["id"])
        if charge is not None and charge.wire is not None:
            charge.wire.send({"reply": order["message"]})

    def _do_cancel(self, order: dict[str, Any]) -> None:
        charge = self._charge_of(order["id"])
        if charge is not None:
            charge.condemn("cancelled", order["reason"], self.options["grace"])
            return
        for job in [job for job in self.waiting if job["id"] == order["id"]]:
            self.waiting.remove(job)
            self._say_ended(job["id"], {"how": "cancelled", "reason": order["reason"]})

    def _do_close(self, _: dict[str, Any]) -> None:
        self._ended = self._dismissed = True

    def _hear_worker(self, charge: Charge) -> None:
        assert charge.wire is not None
        for said in charge.wire.receive():
            if charge.job is None:
                continue
            if "message" in said:
                self.wire.send({"event": "message", "id": charge.job["id"], "payload": said["message"]})
            else:
                self._finish_call(charge, said)
        if charge.wire.ended:
            self._forget(charge.wire)
            if not charge.retiring:  # it has ended, as we shall hear, or lives on where nobody can reach it
                charge.retiring, charge.kill_at = True, time.monotonic() + _IDLE_SECONDS

    def _finish_call(self, charge: Charge, said: dict[str, Any]) -> None:
        if charge.verdict is None:
            charge.result = said
            self._say_ended(*charge.finish())
        if charge.job is not None or said["children"] or not self.options["reuse"]:
            self._retire(charge)

    def _retire(self, charge: Charge) -> None:
        """Lets a worker go: it exits, and what it leaves is killed."""
        charge.retiring = True
        if charge.kill_at is None:
            charge.kill_at = time.monotonic() + self.options["grace"]
        if charge.wire is not None:
            self._forget(charge.wire)
            charge.wire.close()

    # ------------------------------------------------------------------ starting

    def _fill(self) -> None:
        while self.waiting and sum(c.job is not None for c in self.charges.values()) < self.options["slots"]:
            self._marks += 1
            job = {**self.waiting.popleft(), "mark": f"{os.getpid()}.{self._marks}"}
            try:
                charge = self._place(job)
            except OSError as error:
                job = {"argv": [job.get("function")], "folder": None, **job}
                self._say_ended(job["id"], refusal(error, job))
                continue
            charge.begin(job, self.options["log_bytes"])
            self.wire.send({"event": "started", "id": job["id"], "pid": charge.pid})

    def _place(self, job: dict[str, Any]) -> Charge:
        """Returns a process for a job."""
        if "function" in job:
            for charge in self.charges.values():
                if charge.is_idle:
                    return charge
            charge = fork_worker(self.options["threads"], self._descriptors())
        else:
            charge = spawn_command(job)
        self.charges[charge.pid] = charge
        self._selector.register(charge.output_end, selectors.EVENT_READ, lambda: self._hear_output(charge))
        if charge.wire is not None:
            self._selector.register(charge.wire, selectors.EVENT_READ, lambda: self._hear_worker(charge))
        return charge

    def _hear_output(self, charge: Charge) -> None:
        if not charge.drain(4):
            self._forget(charge.output_end)

    def _descriptors(self) -> list[int]:
        """Ours, which no worker is to hold."""
        ends = [self.wire.fileno(), *self._signals]
        for charge in self.charges.values():
            ends += [charge.output_end, *([charge.wire.fileno()] if charge.wire is not None else [])]
        poller = getattr(self._selector, "fileno", None)
        return [end for end in [*ends, poller() if poller else -1] if end >= 0]

    # ------------------------------------------------------------------ ending

    def _reap(self) -> None:
        """Takes note of all that ended: our charges, and orphans that we adopted."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid in self.charges:
                    self._mourn(self.charges[pid], os.waitstatus_to_exitcode(status))

    def _mourn(self, charge: Charge, code: int) -> None:
        if charge.wire is not None and not charge.retiring:
            charge.retiring = True
            self._hear_worker(charge)  # what it said just before its end counts
        charge.code = code
        if charge.verdict is not None and charge.kill_at is not None and time.monotonic() < charge.kill_at:
            self._next_sample = 0.0  # what it started has its time to end, too
        else:
            self._bury(charge)

    def _bury(self, charge: Charge) -> None:
        """Ends what is left of a charge whose process has ended, and says how its job went."""
        for _ in range(3):
            left = self._members(charge, tree.table()) - {charge.pid}
            if not left:
                break
            tree.end(left)
        if charge.job is not None:
            self._say_ended(*charge.finish())
        del self.charges[charge.pid]
        self._untidy = True
        self._forget(charge.output_end)
        if charge.wire is not None:
            self._forget(charge.wire)
        charge.close()

    def _members(self, charge: Charge, found: dict[int, tree.Entry]) -> set[int]:
        return tree.members(charge.pid, found, charge.mark, os.getpid())

    def _watch(self) -> None:
        """Holds jobs to their limits."""
        now = time.monotonic()
        for charge in list(self.charges.values()):
            if charge.job is not None and charge.deadline is not None and now >= charge.deadline:
                reason = f"it took longer than its limit of {charge.job['seconds']:g} s"
                charge.condemn("timeout", reason, self.options["grace"])
            if charge.kill_at is not None and now >= charge.kill_at:
                charge.condemn("exited", "the call closed the connection to its launcher", grace=0)
                tree.end(self._members(charge, tree.table()) | {charge.pid})
                charge.kill_at = now + _IDLE_SECONDS  # again, should a process have got away
                if charge.code is not None:
                    self._bury(charge)
        if now >= self._next_sample and (self.charges or self._untidy):
            self._sample()
            took = time.monotonic() - now
            self._next_sample = now + max(_SAMPLE_SECONDS, took / _SAMPLE_SHARE)

    def _sample(self) -> None:
        """Looks at all processes once: what each job holds, and who belongs to none."""
        found = tree.table()
        known: set[int] = set()
        for charge in list(self.charges.values()):
            mine = self._members(charge, found)
            known |= mine | {charge.pid}
            if charge.job is None and not charge.retiring:
                tree.end(mine - {charge.pid})
            elif charge.code is not None and not mine - {charge.pid}:
                self._bury(charge)
            elif charge.job is not None and charge.verdict is None:
                charge.refresh()
                verdict = self._judge(charge.job, mine, found)
                if verdict is not None:
                    charge.condemn(*verdict, grace=0)
        orphans = {pid for pid, entry in found.items() if entry.parent == os.getpid()} - known - self._own
        tree.end(orphans)
        self._untidy = bool(orphans)  # what they leave is ours next

    def _judge(
        self, job: dict[str, Any], mine: set[int], found: dict[int, tree.Entry]
    ) -> tuple[How, str] | None:
        """Returns what speaks against a job's processes, if anything."""
        most = self.options["processes"]
        if len(mine) > most:
            return "exited", f"it had more than {most} processes at once, and was killed"
        limit = job["memory"]
        if limit and tree.resident(mine, found) > limit:
            held = tree.proportional(mine, found)
            if held > limit:
                mib = 1 << 20
                said = f"it held {held / mib:.0f} MiB, more than its limit of {limit / mib:.0f} MiB"
                return "memory", said
        return None

    # ------------------------------------------------------------------ small things

    def _patience(self) -> float:
        """Seconds until something is to be done without being told."""
        moments = [moment for c in self.charges.values() for moment in (c.deadline, c.kill_at) if moment]
        now = time.monotonic()
        busy = self._untidy or any(c.job is not None or c.retiring for c in self.charges.values())
        moments.append(self._next_sample if busy else now + _IDLE_SECONDS)
        return min(max(min(moments) - now, 0.0), _IDLE_SECONDS)

    def _charge_of(self, job_id: str) -> Charge | None:
        return next((c for c in self.charges.values() if c.job is not None and c.job["id"] == job_id), None)

    def _say_ended(self, job_id: str, outcome: dict[str, Any]) -> None:
        self.wire.send({"event": "ended", "id": job_id, "outcome": outcome})

    def _write(self) -> None:
        """Sends what waits, and has the selector say when more goes."""
        for wire in [self.wire, *(c.wire for c in self.charges.values() if c.wire is not None)]:
            wire.flush()
            with suppress(KeyError, ValueError):
                key = self._selector.get_key(wire)
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if wire.pending else 0)
                if key.events != wanted:
                    self._selector.modify(wire, wanted, key.data)

    def _forget(self, what: Wire | int) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(what)

    def _catch_signals(self) -> list[int]:
        """Lets the end of a child wake the loop, and a polite request end it; Ctrl-C is for others to handle."""
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
    """Runs a keeper that talks on a socket; what a launcher starts.

    Args:
      descriptor: of the socket.
      shielded: whether another process stands between it and its launcher, for launchers whose process is ended together
        with its children, without the last look that a keeper needs.
    """
    if shielded:
        _go_on_in_child(descriptor)
    wire = Wire(socket.socket(fileno=descriptor))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    options = _await_options(wire, parent)
    if options.get("adopts", True):
        tree.adopt_orphans()
    fault = _guarded(lambda: preload(options["preload"]), parent)
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
    """Imports modules and calls functions (``module:function``, without arguments), for all workers at once.

    Raises:
      LaunchError: a name of no module or function, or what was loaded makes forking unsafe.
    """
    for name in names:
        if ":" in name:
            resolve(name)()
        else:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                raise LaunchError(
                    f"preload={name!r}: there is no module {error.name!r}; name modules that can be "
                    "imported, or functions as 'module:function'."
                ) from None
    threads = _count_threads()
    if threads > 1:
        raise LaunchError(
            f"preload={names!r} left {threads} threads running, and a process with threads cannot be forked "
            "safely: compute with one thread there, and start no other, or leave it out of preload."
        )
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise LaunchError(
            f"preload={names!r} has used a GPU, which no forked process could use then: "
            "use the CPU there; a call may use the GPU."
        )
    gc.collect()
    gc.freeze()  # so that collecting garbage in a worker copies no pages


def _go_on_in_child(descriptor: int) -> None:
    """Forks, and returns in the child only; the parent ends as the child does, which notices the end of the parent."""
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


def _guarded(work: Callable[[], None], parent: int) -> str:
    """Does work that may take long, ending this process when the launcher is gone; returns what went wrong."""

    def look(*_: object) -> None:
        if os.getppid() != parent:
            tree.end_descendants(os.getpid())
            os._exit(1)

    previous = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _IDLE_SECONDS, _IDLE_SECONDS)
    try:
        work()
    except LaunchError as error:
        return str(error)
    except BaseException as error:  # noqa: BLE001 - the launcher tells it
        return f"preload failed with {describe(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return ""


def _count_threads() -> int:
    with suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return 1
