"""Jobs on a Ray cluster, as tasks.  What runs on its nodes is in ``ray_work``; Ray keeps no state of ours."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from pliant.values.errors import LaunchError

from .base import JSON, Call, Command, Ended, Event, Job, Launcher, Message, Outcome, Started, dump
from .check import check_count, check_job
from .commands import describe_command
from .functions import name_of
from .ray_work import Mailbox, work
from .worker import one_line

GIVE_UP_SECONDS = 10.0  # after which a task that was cancelled counts as ended


@final
class RayTasks(Launcher):
    """Runs each job as one Ray task, on whatever node has room; a node or worker that dies loses only what it ran.

    A task runs its job in a warm process beside Ray's worker, so that limits, output and ends are those of ``Processes``
    and ``Commands``. Functions are imported on the nodes: their module is to be found there (``runtime_env``, or a shared
    folder). Messages pass through an actor on this node, which is no loss when it dies: the jobs are ``lost``, and others.

    Args:
      slots: how many jobs run at once; None for as many as the cluster has room for now.
      address: ``"auto"`` or an address for a cluster that runs; None for a new one on this machine, which ends with this
        launcher, or the one that this process is connected to already.
      cpus: processors a job takes.
      gpus: GPUs a job takes; a fraction lets jobs share one.
      resources: other resources of Ray that a job takes, by name.
      preload: as in ``Processes``.
      runtime_env: of Ray, for a new connection.

    Raises:
      LaunchError: Ray is not installed, does not start, or is not found; or no node has room for one job.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        address: str | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        resources: Mapping[str, float] | None = None,
        preload: str | Sequence[str] = (),
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        self._ray = _import_ray()
        self._owned = _connect(self._ray, address, runtime_env)
        self._needs = {"CPU": cpus, "GPU": gpus, **(resources or {})}
        self._preload = [preload] if isinstance(preload, str) else list(preload)
        try:
            self.slots = check_count(_room(self._ray, self._needs) if slots is None else slots, "slots")
            self._mailbox = self._make_mailbox()
        except BaseException:
            self._disconnect()
            raise
        self._task = self._ray.remote(work).options(
            num_cpus=cpus, num_gpus=gpus, resources=dict(resources or {}) or None, max_retries=0
        )
        self._news = self._mailbox.take.remote(1.0)
        self._jobs: dict[str, _Running | None] = {}  # None while it waits
        self._waiting: deque[Job] = deque()
        self._events: deque[Event] = deque()
        self._closed = False

    def start(self, job: Job) -> None:
        """See ``Launcher.start``."""
        if self._closed:
            raise LaunchError("this RayTasks is closed; make a new one.")
        check_job(job, self._jobs)
        _describe(job, self._preload)
        self._jobs[job.id] = None
        self._waiting.append(job)
        self._fill()

    def poll(self, timeout: float | None) -> list[Event]:
        """See ``Launcher.poll``."""
        limit = None if timeout is None else time.monotonic() + timeout
        while not self._closed and not self._events and self._jobs:
            left = None if limit is None else max(0.0, limit - time.monotonic())
            self._hear(0.5 if left is None else min(0.5, left))
            self._fill()
            if left == 0:
                break
        events = list(self._events)
        self._events.clear()
        return events

    def reply(self, job_id: str, message: JSON) -> None:
        """See ``Launcher.reply``."""
        dump(message, "a reply")
        running = self._jobs.get(job_id)
        if job_id not in self._jobs:
            return
        if running is None or not running.asks:
            raise LaunchError(f"job {job_id!r} waits for no reply: answer each Message event once.")
        running.asks = False
        self._mailbox.reply.remote(job_id, message)

    def cancel(self, job_id: str, reason: str) -> None:
        """See ``Launcher.cancel``."""
        waiting = next((job for job in self._waiting if job.id == job_id), None)
        if waiting is not None:
            self._waiting.remove(waiting)
            self._end(job_id, Outcome("cancelled", reason=reason))
            return
        running = self._jobs.get(job_id)
        if running is not None and running.cancelled is None:
            running.cancelled = reason, time.monotonic()
            self._ray.cancel(running.task, force=False)

    def close(self) -> None:
        """See ``Launcher.close``."""
        if self._closed:
            return
        self._closed = True
        self._events.clear()
        for running in self._jobs.values():
            if running is not None:
                self._ray.cancel(running.task, force=True)
        self._jobs.clear()
        self._waiting.clear()
        self._ray.kill(self._mailbox, no_restart=True)
        self._disconnect()

    # ------------------------------------------------------------------ private

    def _fill(self) -> None:
        busy = sum(running is not None for running in self._jobs.values())
        while self._waiting and busy < self.slots:
            job = self._waiting.popleft()
            task = self._task.remote(self._mailbox, _describe(job, self._preload))
            self._jobs[job.id] = _Running(task)
            self._events.append(Started(job.id, "a node of the cluster"))
            busy += 1

    def _hear(self, seconds: float) -> None:
        """Takes what the mailbox has and what ended."""
        tasks = {running.task: job_id for job_id, running in self._jobs.items() if running is not None}
        ready, _ = self._ray.wait([self._news, *tasks], num_returns=1, timeout=seconds)
        ready, _ = self._ray.wait([self._news, *tasks], num_returns=len(tasks) + 1, timeout=0)
        if self._news in ready:
            self._take_news(self._news)
            self._news = self._mailbox.take.remote(1.0)
        ended = [tasks[task] for task in ready if task in tasks]
        if ended:  # what a job said before its end is heard before its end
            self._take_news(self._mailbox.take.remote(0.0))
        for job_id in ended:
            running = self._jobs[job_id]
            assert running is not None
            self._end(job_id, self._outcome_of(running))
        present = time.monotonic()
        for job_id, running in list(self._jobs.items()):
            if running and running.cancelled and present - running.cancelled[1] > GIVE_UP_SECONDS:
                self._ray.cancel(running.task, force=True)
                self._end(job_id, Outcome("cancelled", reason=running.cancelled[0]))

    def _take_news(self, news: Any) -> None:
        try:
            found = self._ray.get(news)
        except self._ray.exceptions.RayError:
            self._mailbox = self._make_mailbox()  # it died, and the jobs that waited for a reply with it
            return
        for job_id, payload in found:
            running = self._jobs.get(job_id)
            if running is not None:
                running.asks = True
                self._events.append(Message(job_id, payload))

    def _outcome_of(self, running: _Running) -> Outcome:
        """Returns how a task ended."""
        seconds = time.monotonic() - running.since
        errors = self._ray.exceptions
        try:
            return Outcome(**self._ray.get(running.task))
        except errors.TaskCancelledError as error:
            how, reason = "lost", str(error)
        except errors.OutOfMemoryError as error:
            how, reason = "memory", f"the node ran out of memory: {error}"
        except errors.RayTaskError as error:  # of ours, not of the job
            how, reason = "lost", str(error.cause if hasattr(error, "cause") else error)
        except errors.RayError as error:
            how, reason = "lost", f"its worker or node died: {error}"
        if running.cancelled is not None:
            how, reason = "cancelled", running.cancelled[0]
        return Outcome(how, reason=one_line(reason), seconds=seconds)  # type: ignore[arg-type]  # one of them

    def _end(self, job_id: str, outcome: Outcome) -> None:
        del self._jobs[job_id]
        self._events.append(Ended(job_id, outcome))

    def _make_mailbox(self) -> Any:
        ray = self._ray
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        options = {"num_cpus": 0, "scheduling_strategy": here, "max_concurrency": 10_000}
        return ray.remote(Mailbox).options(**options).remote()

    def _disconnect(self) -> None:
        if self._owned:
            self._ray.shutdown()


@final
class _Running:
    """A job that was handed to Ray."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.since = time.monotonic()
        self.asks = False
        self.cancelled: tuple[str, float] | None = None


def _describe(job: Job, preload: list[str]) -> dict[str, Any]:
    """Returns a job as JSON for its task.

    Raises:
      LaunchError: it can never run.
    """
    work_ = job.work
    said: dict[str, Any]
    if isinstance(work_, Call):
        dump(work_.payload, f"the payload of job {job.id!r}")
        said = {"kind": "call", "function": name_of(work_.function), "payload": work_.payload}
    elif isinstance(work_, Command):
        said = {"kind": "command", **describe_command(work_)}
        said["folder"] = Path(said["folder"])
    else:
        raise LaunchError(f"RayTasks runs calls and commands; got a {type(work_).__name__}.")
    limits = {"seconds": job.limits.seconds, "memory": job.limits.memory}
    return {**said, "id": job.id, "attempt": job.attempt, "limits": limits, "preload": preload}


def _import_ray() -> Any:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.util.scheduling_strategies
    except ModuleNotFoundError as error:
        raise LaunchError(
            "jobs on a cluster need Ray; install it with `pip install 'pliant[ray]'`."
        ) from error
    return ray


def _connect(ray: Any, address: str | None, runtime_env: Mapping[str, Any] | None) -> bool:
    """Connects to Ray; returns whether it is ours to shut down."""
    if ray.is_initialized():
        return False
    try:
        ray.init(
            address=address or "local",
            runtime_env=dict(runtime_env) if runtime_env else None,
            include_dashboard=None if address else False,
            log_to_driver=False,
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise LaunchError(
            f"Ray does not start, or there is no cluster at {address!r}: {one_line(str(error))}. Start one with "
            "`ray start --head`, or leave out the address for one on this machine."
        ) from error
    return True


def _room(ray: Any, needs: Mapping[str, float]) -> int:
    """Returns how many jobs the nodes have room for."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    asked = {name: amount for name, amount in needs.items() if amount}
    count = sum(
        int(min([node.get(name, 0.0) / amount for name, amount in asked.items()], default=1))
        for node in nodes
    )
    if not count:
        raise LaunchError(
            f"no node of the cluster has room for one job that takes {asked}; the nodes have "
            f"{[{name: node.get(name, 0.0) for name in asked} for node in nodes]}. Ask for less, or say how many `slots` "
            "to use on a cluster that grows."
        )
    return count
