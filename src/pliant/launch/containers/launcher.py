"""Launcher of programs in containers of this machine's docker or podman; images must exist already.

A job has several steps, each a client process of the engine under a keeper: run the container and read its output,
inspect how it ended, remove it.  A container keeps running when its client dies, so the launcher then finds it by name.
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
from .engine import find_engine, last_line
from .invocation import check_options, check_text, choose_ulimits, make_arguments
from .leftovers import JOB, LAUNCHER, OWNER, PROCESS, identify, remove_all, remove_leftovers
from .outcome import FORMAT, State, find_outcome, read_state

Step = Literal["run", "inspect", "follow", "stop", "remove"]
_STEP_SECONDS = 120.0
_MAX_FOLLOWS, _MAX_REMOVALS = 3, 3  # how often to replace a lost client, and to repeat a failed removal


@final
class Containers(Launcher):
    """Runs ``Container`` jobs with docker or podman.

    Containers are named ``pliant-<launcher>-<number>`` and have labels for their owner, job, launcher and its process.
    A container is always removed after it ran, with its unnamed volumes.  If the client of a container dies, a new one
    follows its output to the end.  If the launcher's process dies, the keeper removes its containers; if the keeper dies
    as well, the next launcher of the same owner does.  They are removed, not adopted, because resumed work has new jobs,
    and output of old ones must not count.

    The exit code determines the outcome: 137 (SIGKILL) with a memory limit means ``memory``; a code above 128 means a
    signal; 125 to 127 come from the engine if the program never started, otherwise from the program.

    ::

        with Containers(workers=4, owner="digits") as launcher:
            launcher.start(Job("1", Container("localhost/trainer:1", ("--steps=10",), mounts=(Mount(data, "/data"),))))

    Args:
      workers: number of containers that run at the same time; None for one per processor.
      engine: ``"docker"`` or ``"podman"``, or a tuple of the program and options for all its commands; None for the
        first that works.
      owner: name of the work, such as the name of a study; leftover containers of the same owner are removed.
      network: ``"none"``, ``"host"``, or a network of the engine; None for the engine's default.
      ipc: shared memory; ``"host"`` by default, because data loaders need more than the 64 MiB of a container.
      ulimits: limits by name, added to this process's limits for open files and processes.
      options: pass extra docker/podman options for ``run`` here, as separate texts, such as ``("--gpus=all",)``.
      grace_seconds: time between SIGTERM and SIGKILL for a job that is cancelled or over its time limit.
      log_bytes: size of a log file.

    Raises:
      LaunchError: no engine works, or an invalid argument.
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
        self._waiting: deque[_Run] = deque()
        self._runs: dict[str, _Run] = {}
        self._events: deque[Event] = deque()
        self._closed = False
        self._cleanup = {"argv": self.engine.argv, "kind": self.engine.kind, "launcher": self._id}
        self._clients = _Clients(self.slots, self._grace, log_bytes, self._cleanup)
        remove_leftovers(self.engine, self._owner)

    def start(self, job: Job) -> None:
        if self._closed:
            raise LaunchError("this Containers is closed. Make a new one.")
        check_job(job, self._runs)
        if not isinstance(job.work, Container):
            other = "Commands" if isinstance(job.work, Command) else "Processes"
            raise LaunchError(f"Containers runs containers; got a {type(job.work).__name__}. Use {other}.")
        name = f"pliant-{self._id}-{self._count + 1}"
        labels = {OWNER: self._owner, LAUNCHER: self._id, PROCESS: self._process}
        labels[JOB] = check_text(job.id, "a job's id")
        arguments = make_arguments(job, name, labels, kind=self.engine.kind, options=self._options)
        prepare_log(job.work.log)
        self._check_image(job.work.image)
        self._count += 1
        self._runs[job.id] = run = _Run(job, name, arguments)
        self._waiting.append(run)
        self._fill()

    def poll(self, timeout: float | None) -> list[Event]:
        limit = None if timeout is None else time.monotonic() + timeout
        while not self._closed:
            left = None if limit is None else max(limit - time.monotonic(), 0.0)
            for event in self._clients.poll(left) if self._runs and not self._events else ():
                self._on_client_event(event)
            if self._events or not self._runs or (limit is not None and time.monotonic() >= limit):
                break
        events = list(self._events)
        self._events.clear()
        return events

    def reply(self, job_id: str, message: JSON) -> None:
        dump(message, "a reply")
        if job_id in self._runs:
            raise LaunchError(
                f"job {job_id!r} does not wait for a reply: programs in containers cannot send messages."
            )

    def cancel(self, job_id: str, reason: str) -> None:
        run = self._runs.get(job_id)
        if run is None or run.cancelled is not None:
            return
        run.cancelled = reason
        if run in self._waiting:
            self._waiting.remove(run)
            self._finish(run, Outcome("cancelled", reason=reason))
        elif run.step in ("run", "follow"):
            self._clients.cancel(job_id, reason)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        under_way = len(self._runs) > len(self._waiting)
        self._clients.close()
        if under_way:
            with suppress(OSError):
                remove_all(self._cleanup)
        self._runs.clear()
        self._waiting.clear()
        self._events.clear()

    @property
    def keeper_pid(self) -> int:
        """Id of the keeper process, the parent of the engine's clients."""
        return self._clients.keeper_pid

    # ------------------------------------------------------------------ steps of a job

    def _fill(self) -> None:
        while self._waiting and len(self._runs) - len(self._waiting) < self.slots:
            run = self._waiting.popleft()
            self._take_step(run, "run", run.arguments, run.job.limits.seconds)

    def _take_step(self, run: _Run, step: Step, arguments: Sequence[str], seconds: float | None) -> None:
        """Starts the next client of the engine, under the id of the job."""
        run.step = step
        work = run.job.work
        log = work.log if step in ("run", "follow") else None
        command = Command((*self.engine.argv, *arguments), folder=Path("/"), log=log)
        try:
            self._clients.start(Job(run.job.id, command, Limits(seconds)))
        except LaunchError as error:  # the engine was removed meanwhile
            self._finish(run, Outcome("lost", reason=f"the engine cannot be reached: {error}"))

    def _on_client_event(self, event: Event) -> None:
        """Handles an event of a client, and starts the next step."""
        run = self._runs[event.job]
        if isinstance(event, Started):
            if not run.started_at:
                run.started_at, run.killed_before = time.monotonic(), tree.out_of_memory_count()
                where = f"container {run.name} of {self.engine.kind} on {socket.gethostname()}"
                self._events.append(Started(event.job, where))
        elif isinstance(event, Ended):
            getattr(self, f"_after_{run.step}")(run, event.outcome)

    def _after_run(self, run: _Run, client_end: Outcome) -> None:
        if not run.started_at:  # no client was started
            self._finish(run, client_end)
            return
        run.client_end = client_end
        if client_end.how in ("timeout", "cancelled") or (client_end.how == "returned" and run.step == "run"):
            self._end_with(run, client_end)
        else:
            arguments = ("inspect", "--type", "container", "--format", FORMAT, run.name)
            self._take_step(run, "inspect", arguments, _STEP_SECONDS)

    def _after_follow(self, run: _Run, client_end: Outcome) -> None:
        if client_end.how in ("timeout", "cancelled"):  # only the client was stopped, not the container
            self._stop(run, client_end)
        else:
            self._after_run(run, client_end)

    def _after_inspect(self, run: _Run, found: Outcome) -> None:
        state = read_state(found.tail)
        is_unread = run.client_end.how == "lost" and not run.follows
        if state is None or not (state.is_running or (state.has_begun and is_unread)):
            self._end_with(run, self._find_outcome(run, state, found))
        elif run.cancelled is not None:
            self._stop(run, replace(run.client_end, how="cancelled", reason=run.cancelled, exit_code=None))
        elif run.follows >= _MAX_FOLLOWS:
            reason = f"the clients of its container were ended {run.follows + 1} times; the last: {run.client_end.reason}"
            self._end_with(run, replace(run.client_end, how="lost", reason=reason))
        else:
            run.follows += 1
            seconds = run.job.limits.seconds
            left = None if seconds is None else max(run.started_at + seconds - time.monotonic(), 0.001)
            self._take_step(run, "follow", ("logs", "-f", run.name), left)

    def _after_stop(self, run: _Run, _: Outcome) -> None:
        self._remove(run)

    def _after_remove(self, run: _Run, done: Outcome) -> None:
        assert run.outcome is not None
        if done.ok or "no such container" in done.tail.lower():
            self._finish(run, run.outcome)
        elif run.removals < _MAX_REMOVALS:
            self._remove(run)
        else:
            text = f"its container {run.name} could not be removed: {last_line(done.tail)}"
            reason = "; ".join(filter(None, (run.outcome.reason, text)))
            self._finish(run, replace(run.outcome, reason=reason))

    def _find_outcome(self, run: _Run, state: State | None, found: Outcome) -> Outcome:
        if state is None and "no such" not in found.tail.lower() and not found.ok:
            reason = f"the engine did not report how it ended: {last_line(found.tail)}"
            return replace(run.client_end, how="lost", reason=reason)
        starved = tree.out_of_memory_count() > run.killed_before
        return find_outcome(run.job, state, run.client_end, out_of_memory=starved)

    def _stop(self, run: _Run, outcome: Outcome) -> None:
        """Stops a container whose client cannot forward signals."""
        self._set_outcome(run, outcome)
        seconds = f"{max(round(self._grace), 0)}"
        self._take_step(run, "stop", ("stop", "-t", seconds, run.name), self._grace + _STEP_SECONDS)

    def _end_with(self, run: _Run, outcome: Outcome) -> None:
        """Sets the outcome of a job, and removes its container."""
        self._set_outcome(run, outcome)
        self._remove(run)

    def _set_outcome(self, run: _Run, outcome: Outcome) -> None:
        run.outcome = replace(outcome, seconds=time.monotonic() - run.started_at)

    def _remove(self, run: _Run) -> None:
        run.removals += 1
        self._take_step(run, "remove", self.engine.removal([run.name]), _STEP_SECONDS)

    def _finish(self, run: _Run, outcome: Outcome) -> None:
        del self._runs[run.job.id]
        self._events.append(Ended(run.job.id, outcome))
        self._fill()

    def _check_image(self, image: str) -> None:
        if image in self._images:
            return
        code, text = self.engine.ask("image", "inspect", "--format", "{{.Id}}", image)
        if code != 0:
            raise LaunchError(
                f"{self.engine.kind} has no image {image!r} ({last_line(text)}), and jobs do not pull images. Build it with "
                f"`{self.engine.kind} build -t {image} .`, or pull it with `{self.engine.kind} pull {image}`."
            )
        self._images.add(image)


@final
class _Run:
    """The container of one job, and the current step."""

    def __init__(self, job: Job, name: str, arguments: Sequence[str]) -> None:
        self.job, self.name, self.arguments = job, name, arguments
        self.step: Step = "run"
        self.started_at = self.killed_before = 0.0
        self.cancelled: str | None = None
        self.client_end = Outcome("lost")
        self.outcome: Outcome | None = None
        self.follows = self.removals = 0


@final
class _Clients(LocalLauncher):
    """Launcher of the engine's client processes; their containers are not children of this machine's processes."""

    def __init__(self, slots: int, grace: float, log_bytes: int, cleanup: dict[str, Any]) -> None:
        options = {
            "grace": grace,
            "log_bytes": log_bytes,
            "adopts": False,
            "on_launcher_death": ["pliant.launch.containers.leftovers:remove_all", cleanup],
        }
        super().__init__(slots, options, {})

    def _describe(self, job: Job) -> dict[str, Any]:
        assert isinstance(job.work, Command)
        return describe_command(job.work)
