"""Programs in containers of this machine's docker or podman, which is found by itself.  Builds and fetches no image.

A job is a short conversation with the engine, each step a client process under the keeper that ``Commands`` has,
too: run the container and hear it; look how it ended; remove it.  Containers are not ours, as processes
are: when a client dies, its container goes on, so it is looked for by its name.
"""

from __future__ import annotations

import socket
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, final

from pliant.values.errors import LaunchError

from .. import tree
from ..base import JSON, Command, Container, Ended, Event, Job, Launcher, Limits, Outcome, Started, dump
from ..check import check_count, check_job, check_seconds, check_workers, prepare_log
from ..commands import describe_command
from ..local import LocalLauncher
from ..output import LOG_BYTES
from .ending import FORMAT, State, judge, read_state
from .engine import find_engine, last_line
from .invocation import check_options, check_text, choose_ulimits, make_arguments
from .leftovers import JOB, LAUNCHER, OWNER, PROCESS, identify, remove_leftovers

Step = Literal["run", "look", "follow", "stop", "remove"]
_STEP_SECONDS = 120.0
_RETURNS, _REMOVALS = 3, 3  # how often a lost client is replaced, and a failed removal is repeated


@final
class Containers(Launcher):
    """Runs ``Container`` jobs with docker or podman.

    Containers are named ``pliant-<launcher>-<number>`` and labelled with their owner, job, launcher and its
    process.  One that ran is always removed, with its unnamed volumes.  When the client of a container
    dies, the launcher goes back to it and hears it out.  When the launcher's process dies, its containers are
    removed by the keeper that outlives it; should that be dead, too, by the next launcher of the same owner.
    They are removed and not adopted: whoever resumes the work has given it to new jobs, and what an old
    one still says or writes must not count.

    Its exit code says how a job ended: 137 (SIGKILL) with a memory limit is ``memory``, whatever the engine
    believes; a code that stands for a signal is taken for one; and 125 to 127 are the engine's when the
    program never began, else the program's own.

    ::

        with Containers(workers=4, owner="digits") as launcher:
            launcher.start(Job("1", Container("localhost/trainer:1", ("--steps=10",), mounts=(Mount(data, "/data"),))))

    Args:
      workers: how many run at once; None for one a processor.
      engine: ``"docker"`` or ``"podman"``, or such a program with options for all its commands as separate
        texts; None for the one that answers.
      owner: whose work it is, such as the name of a study: whose leftovers are removed at the start.
      network: ``"none"``, ``"host"``, or another that the engine has; None for the engine's default.
      ipc: whose shared memory; ``"host"``, as data loaders need more than the 64 MiB of a container.
      ulimits: limits by name, beside those of this process for open files and processes, which are always
        given: what an engine takes by default may be more than it is allowed to.
      options: further options of the engine's ``run``, as separate texts, such as ``("--gpus=all",)``.
      grace_seconds: how long a job that is cancelled or over its time may take to end (SIGTERM) before it
        is killed.
      log_bytes: the size of a log file.

    Raises:
      LaunchError: no engine answers; an argument that is none.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        engine: str | Sequence[str] | None = None,
        owner: str = "",
        network: str | None = None,
        ipc: str | None = "host",
        ulimits: Mapping[str, int | tuple[int, int]] | None = None,
        options: Sequence[str] = (),
        grace_seconds: float = 5.0,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        self.slots = check_workers(workers)
        self._grace = check_seconds(grace_seconds, "grace_seconds")
        log_bytes = check_count(log_bytes, "log_bytes")
        self._options = choose_ulimits(ulimits)
        for name, value in (("network", network), ("ipc", ipc)):
            if value is not None:
                self._options.append(f"--{name}={check_text(value, name)}")
        self._options += check_options(options)
        self._owner, self._id = check_text(owner, "owner"), uuid.uuid4().hex[:12]
        self.engine = find_engine(engine)
        self._process = identify()
        self._count = 0
        self._images: set[str] = set()
        self._waiting: deque[_Stay] = deque()
        self._stays: dict[str, _Stay] = {}
        self._events: deque[Event] = deque()
        self._closed = False
        farewell = {"argv": self.engine.argv, "kind": self.engine.kind, "launcher": self._id}
        self._clients = _Clients(self.slots, self._grace, log_bytes, farewell)
        remove_leftovers(self.engine, self._owner)

    def start(self, job: Job) -> None:
        if self._closed:
            raise LaunchError("this Containers is closed; make a new one.")
        check_job(job, self._stays)
        if not isinstance(job.work, Container):
            other = "Commands" if isinstance(job.work, Command) else "Processes"
            raise LaunchError(f"Containers runs containers; for a {type(job.work).__name__}, take {other}.")
        name = f"pliant-{self._id}-{self._count + 1}"
        labels = {
            OWNER: self._owner,
            LAUNCHER: self._id,
            PROCESS: self._process,
            JOB: check_text(job.id, "a job's id"),
        }
        arguments = make_arguments(job, name, labels, kind=self.engine.kind, options=self._options)
        prepare_log(job.work.log)
        self._check_image(job.work.image)
        self._count += 1
        self._stays[job.id] = stay = _Stay(job, name, arguments)
        self._waiting.append(stay)
        self._fill()

    def poll(self, timeout: float | None) -> list[Event]:
        limit = None if timeout is None else time.monotonic() + timeout
        while not self._closed:
            if self._stays and not self._events:
                for event in self._clients.poll(
                    None if limit is None else max(limit - time.monotonic(), 0.0)
                ):
                    self._take(event)
            if self._events or not self._stays or (limit is not None and time.monotonic() >= limit):
                break
        events = list(self._events)
        self._events.clear()
        return events

    def reply(self, job_id: str, message: JSON) -> None:
        dump(message, "a reply")
        if job_id in self._stays:
            raise LaunchError(f"job {job_id!r} waits for no reply: programs in containers send no messages.")

    def cancel(self, job_id: str, reason: str) -> None:
        stay = self._stays.get(job_id)
        if stay is None or stay.cancelled is not None:
            return
        stay.cancelled = reason
        if stay in self._waiting:
            self._waiting.remove(stay)
            self._finish(stay, Outcome("cancelled", reason=reason))
        elif stay.step in ("run", "follow"):
            self._clients.cancel(job_id, reason)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        under_way = len(self._stays) > len(self._waiting)
        self._clients.close()
        if under_way:
            self._clients.say_farewell()
        self._stays.clear()
        self._waiting.clear()
        self._events.clear()

    @property
    def keeper_pid(self) -> int:
        """The process that keeps the clients of the engine."""
        return self._clients.keeper_pid

    # ------------------------------------------------------------------ one step after another

    def _fill(self) -> None:
        while self._waiting and len(self._stays) - len(self._waiting) < self.slots:
            stay = self._waiting.popleft()
            self._go(stay, "run", stay.arguments, stay.job.limits.seconds)

    def _go(self, stay: _Stay, step: Step, arguments: Sequence[str], seconds: float | None) -> None:
        """Takes a step: a client of the engine, under the id of the job."""
        stay.step = step
        work = stay.job.work
        log = work.log if step in ("run", "follow") else None
        command = Command((*self.engine.argv, *arguments), folder=Path("/"), log=log)
        try:
            self._clients.start(Job(stay.job.id, command, Limits(seconds)))
        except LaunchError as error:  # what was here when the launcher was made is gone
            self._finish(stay, Outcome("lost", reason=f"the engine cannot be reached: {error}"))

    def _take(self, event: Event) -> None:
        """Hears of a client, and goes on."""
        stay = self._stays[event.job]
        if isinstance(event, Started):
            if not stay.begun:
                stay.begun, stay.killed_before = time.monotonic(), tree.out_of_memory_count()
                where = f"container {stay.name} of {self.engine.kind} on {socket.gethostname()}"
                self._events.append(Started(event.job, where))
        elif isinstance(event, Ended):
            getattr(self, f"_after_{stay.step}")(stay, event.outcome)

    def _after_run(self, stay: _Stay, heard: Outcome) -> None:
        if not stay.begun:  # no client was started
            self._finish(stay, heard)
            return
        stay.heard = heard
        if heard.how in ("timeout", "cancelled") or (heard.how == "returned" and stay.step == "run"):
            self._conclude(stay, heard)
        else:
            self._go(
                stay, "look", ("inspect", "--type", "container", "--format", FORMAT, stay.name), _STEP_SECONDS
            )

    def _after_follow(self, stay: _Stay, heard: Outcome) -> None:
        if heard.how in ("timeout", "cancelled"):  # only its hearer was asked to end, not the container
            self._stop(stay, heard)
        else:
            self._after_run(stay, heard)

    def _after_look(self, stay: _Stay, found: Outcome) -> None:
        state = read_state(found.tail)
        unheard = state is not None and state.has_begun and stay.heard.how == "lost" and not stay.returns
        if state is None or not (state.is_running or unheard):
            self._conclude(stay, self._judge(stay, state, found))
        elif stay.cancelled is not None:
            self._stop(stay, replace(stay.heard, how="cancelled", reason=stay.cancelled, exit_code=None))
        elif stay.returns >= _RETURNS:
            reason = f"the clients of its container were ended {stay.returns + 1} times; the last: {stay.heard.reason}"
            self._conclude(stay, replace(stay.heard, how="lost", reason=reason))
        else:
            stay.returns += 1
            seconds = stay.job.limits.seconds
            left = None if seconds is None else max(stay.begun + seconds - time.monotonic(), 0.001)
            self._go(stay, "follow", ("logs", "-f", stay.name), left)

    def _after_stop(self, stay: _Stay, _: Outcome) -> None:
        self._remove(stay)

    def _after_remove(self, stay: _Stay, done: Outcome) -> None:
        gone = done.ok or "no such container" in done.tail.lower()
        assert stay.verdict is not None
        if gone:
            self._finish(stay, stay.verdict)
        elif stay.removals < _REMOVALS:
            self._remove(stay)
        else:
            said = f"its container {stay.name} could not be removed: {last_line(done.tail)}"
            self._finish(
                stay, replace(stay.verdict, reason="; ".join(filter(None, (stay.verdict.reason, said))))
            )

    def _judge(self, stay: _Stay, state: State | None, found: Outcome) -> Outcome:
        if state is None and "no such" not in found.tail.lower() and not found.ok:
            return replace(
                stay.heard,
                how="lost",
                reason=f"the engine does not say how it ended: {last_line(found.tail)}",
            )
        starved = tree.out_of_memory_count() > stay.killed_before
        return judge(stay.job, state, stay.heard, out_of_memory=starved)

    def _stop(self, stay: _Stay, verdict: Outcome) -> None:
        """Asks a container to end, whose client cannot pass that on."""
        self._settle(stay, verdict)
        seconds = f"{max(round(self._grace), 0)}"
        self._go(stay, "stop", ("stop", "-t", seconds, stay.name), self._grace + _STEP_SECONDS)

    def _conclude(self, stay: _Stay, verdict: Outcome) -> None:
        """Notes how the job ended, and removes its container."""
        self._settle(stay, verdict)
        self._remove(stay)

    def _settle(self, stay: _Stay, verdict: Outcome) -> None:
        stay.verdict = replace(verdict, seconds=time.monotonic() - stay.begun)

    def _remove(self, stay: _Stay) -> None:
        stay.removals += 1
        self._go(stay, "remove", self.engine.removal([stay.name])[len(self.engine.argv) :], _STEP_SECONDS)

    def _finish(self, stay: _Stay, outcome: Outcome) -> None:
        del self._stays[stay.job.id]
        self._events.append(Ended(stay.job.id, outcome))
        self._fill()

    def _check_image(self, image: str) -> None:
        if image in self._images:
            return
        code, said = self.engine.ask("image", "inspect", "--format", "{{.Id}}", image)
        if code != 0:
            raise LaunchError(
                f"{self.engine.kind} has no image {image!r} here ({last_line(said)}): build it, `{self.engine.kind} build -t {image} .`, or fetch "
                f"it, `{self.engine.kind} pull {image}`. Jobs fetch none, so that all of them run the same."
            )
        self._images.add(image)


@final
class _Stay:
    """One job's container, and how far the conversation about it is."""

    def __init__(self, job: Job, name: str, arguments: Sequence[str]) -> None:
        self.job, self.name, self.arguments = job, name, arguments
        self.step: Step = "run"
        self.begun = self.killed_before = 0.0
        self.cancelled: str | None = None
        self.heard = Outcome("lost")
        self.verdict: Outcome | None = None
        self.returns = self.removals = 0


@final
class _Clients(LocalLauncher):
    """The clients of an engine: commands whose offspring, the containers, are not ended with them."""

    def __init__(self, slots: int, grace: float, log_bytes: int, farewell: dict[str, Any]) -> None:
        self._farewell = farewell
        options = {
            "preload": [],
            "threads": 1,
            "reuse": True,
            "grace": grace,
            "processes": 256,
            "log_bytes": log_bytes,
            "adopts": False,
            "farewell": ["pliant.launch.containers.leftovers:remove_all", farewell],
        }
        super().__init__(slots, options, {})

    def say_farewell(self) -> None:
        """Removes what is left of all containers."""
        from .leftovers import remove_all

        with suppress(OSError):
            remove_all(self._farewell)

    def _describe(self, job: Job) -> dict[str, Any]:
        assert isinstance(job.work, Command)
        return describe_command(job.work)
