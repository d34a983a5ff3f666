"""Launcher of jobs as tasks of a Ray cluster; the code that runs on its nodes is in ``ray_work``."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, final

from pliant.values.errors import LaunchError, quote
from pliant.values.exceptions import one_line
from pliant.values.packages import require

from .base import JSON, Call, Command, Ended, Event, Job, Launcher, Message, Outcome, Started, dump
from .check import check_count, check_job, check_seconds, prepare_log
from .commands import describe_command
from .functions import name_of
from .ray_work import Mailbox, work

GIVE_UP_SECONDS = 20.0  # after a request to end, before a task is killed
START_SECONDS = 300.0  # for the first worker to start, which `runtime_env` may make slow
ANSWER_SECONDS = 5.0  # for the mailbox to confirm an order


@final
class RayTasks(Launcher):
    """Runs each job as one Ray task, on any node with free resources; if a node or worker dies, only its jobs are lost.

    A task runs its job in a process beside Ray's worker, so that limits, output and outcomes are those of ``Processes``
    and ``Commands``.  Nodes import functions by name, so their modules must be available there (``runtime_env``, or a
    shared folder).  Messages pass through an actor on this node; if it dies, running jobs are ``lost`` and a new actor
    serves later ones.

    Args:
      slots: number of jobs that run at the same time; None for as many as the cluster has room for now.
      address: ``"auto"`` or the address of a running cluster; None for the cluster that this process is connected to,
        or a new one on this machine that ends with this launcher.
      cpus: processors per job.
      gpus: GPUs per job; jobs with a fraction share one.
      resources: other Ray resources per job, by name.
      preload: as in ``Processes``, in each of Ray's workers.
      grace_seconds: time between SIGTERM and SIGKILL for a job that is cancelled or over its time limit.
      runtime_env: Ray's environment for workers of a new connection: packages, files and variables.

    Raises:
      LaunchError: Ray is not installed, does not start, or is not found, or no node has room for a job.
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
        grace_seconds: float = 5.0,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        self._ray = _import_ray()
        needs = {"CPU": cpus, "GPU": gpus, **(resources or {})}
        self._node: dict[str, Any] = {
            "preload": [preload] if isinstance(preload, str) else list(preload),
            "grace": check_seconds(grace_seconds, "grace_seconds"),
        }
        self._owned = _connect(self._ray, address, runtime_env)
        try:
            self._task = _make_task(self._ray, cpus, gpus, resources)
            self.slots = check_count(_count_room(self._ray, needs) if slots is None else slots, "slots")
            self._node["threads"] = max(1, int(cpus))
            self._mailbox = self._make_mailbox()
            self._await_mailbox()
        except BaseException:
            self._disconnect()
            raise
        self._news = self._mailbox.take.remote()
        self._keys = count()
        self._jobs: dict[str, _Running | None] = {}  # None while it waits
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self._events: deque[Event] = deque()
        self._closed = False

    def start(self, job: Job) -> None:
        if self._closed:
            raise LaunchError("this RayTasks is closed. Make a new one.")
        check_job(job, self._jobs)
        task = {**_describe(job), "node": self._node}
        self._jobs[job.id] = None
        self._waiting.append((job.id, task))
        self._fill()

    def poll(self, timeout: float | None) -> list[Event]:
        limit = None if timeout is None else time.monotonic() + timeout
        while not self._closed and not self._events and self._jobs:
            left = None if limit is None else max(0.0, limit - time.monotonic())
            self._receive(0.5 if left is None else min(0.5, left))
            self._fill()
            if left == 0:
                break
        events = list(self._events)
        self._events.clear()
        return events

    def reply(self, job_id: str, message: JSON) -> None:
        dump(message, "a reply")
        running = self._jobs.get(job_id)
        if job_id not in self._jobs:
            return
        if running is None or not running.awaits_reply:
            raise LaunchError(f"job {job_id!r} does not wait for a reply. Answer each Message event once.")
        running.awaits_reply = False
        self._mailbox.order.remote(running.key, {"reply": message})

    def cancel(self, job_id: str, reason: str) -> None:
        if job_id not in self._jobs:
            return
        running = self._jobs[job_id]
        if running is None:
            self._waiting = deque(pair for pair in self._waiting if pair[0] != job_id)
            self._end(job_id, Outcome("cancelled", reason=reason))
        elif running.cancelled is None:
            running.cancelled = reason, time.monotonic() + self._node["grace"] + GIVE_UP_SECONDS
            self._order([running], {"cancel": reason})

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._events.clear()
        running = [one for one in self._jobs.values() if one is not None]
        self._jobs.clear()
        self._waiting.clear()
        self._order(running, {"close": True})
        tasks = [one.task for one in running]
        if tasks:
            _, late = self._ray.wait(tasks, num_returns=len(tasks), timeout=GIVE_UP_SECONDS)
            for task in late:
                self._ray.cancel(task, force=True)
        self._ray.kill(self._mailbox, no_restart=True)
        self._disconnect()

    # ------------------------------------------------------------------ private

    def _fill(self) -> None:
        busy = sum(running is not None for running in self._jobs.values())
        while self._waiting and busy < self.slots:
            job_id, task = self._waiting.popleft()
            key = next(self._keys)
            self._jobs[job_id] = _Running(key, self._task.remote(self._mailbox, key, task))
            self._events.append(Started(job_id, "a node of the cluster"))
            busy += 1

    def _receive(self, seconds: float) -> None:
        """Reads new messages and the outcomes of tasks that ended."""
        tasks = {running.task: job_id for job_id, running in self._jobs.items() if running is not None}
        refs = [self._news, *tasks]
        self._ray.wait(refs, num_returns=1, timeout=seconds)
        ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        if self._news in ready:
            self._take_news()
        for job_id in [tasks[task] for task in ready if task in tasks]:
            running = self._jobs[job_id]
            assert running is not None
            self._end(job_id, self._outcome_of(running))
        present = time.monotonic()
        for job_id, running in list(self._jobs.items()):
            if running and running.cancelled and present > running.cancelled[1]:
                self._ray.cancel(running.task, force=True)
                self._end(job_id, Outcome("cancelled", reason=running.cancelled[0]))

    def _take_news(self) -> None:
        try:
            found = self._ray.get(self._news)
        except self._ray.exceptions.RayError:  # the mailbox died, and running jobs end with it
            self._mailbox = self._make_mailbox()
            found = []
        self._news = self._mailbox.take.remote()
        by_key = {running.key: (job_id, running) for job_id, running in self._jobs.items() if running}
        for key, payload in found:
            if key in by_key:
                job_id, running = by_key[key]
                running.awaits_reply = True
                self._events.append(Message(job_id, payload))

    def _order(self, jobs: list[_Running], order: dict[str, Any]) -> None:
        """Orders jobs to end; Ray cancels those that do not listen yet."""
        answers = [(one, self._mailbox.order.remote(one.key, order)) for one in jobs]
        for one, answer in answers:
            try:
                listens = self._ray.get(answer, timeout=ANSWER_SECONDS)
            except self._ray.exceptions.RayError:  # without a mailbox, running jobs end by themselves
                listens = False
            if not listens:
                self._ray.cancel(one.task, force=False)

    def _outcome_of(self, running: _Running) -> Outcome:
        """Returns the outcome of a task."""
        seconds = time.monotonic() - running.since
        errors = self._ray.exceptions
        try:
            return Outcome(**self._ray.get(running.task))
        except errors.TaskCancelledError as error:
            how, reason = "lost", str(error)
        except errors.OutOfMemoryError as error:
            how, reason = "memory", f"the node ran out of memory: {error}"
        except errors.RayTaskError as error:  # an error in ray_work, not in the job
            how, reason = "lost", str(error.cause if hasattr(error, "cause") else error)
        except errors.RayError as error:
            how, reason = "lost", f"its worker or node died: {error}"
        if running.cancelled is not None:
            how, reason = "cancelled", running.cancelled[0]
        return Outcome(how, reason=one_line(reason), seconds=seconds)  # type: ignore[arg-type]  # one of them

    def _end(self, job_id: str, outcome: Outcome) -> None:
        running = self._jobs.pop(job_id)
        if running is not None and (running.cancelled or outcome.how == "lost"):
            self._mailbox.forget.remote(running.key)  # other tasks do this themselves
        self._events.append(Ended(job_id, outcome))

    def _make_mailbox(self) -> Any:
        ray = self._ray
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        options = {"num_cpus": 0, "scheduling_strategy": here, "max_concurrency": 10_000}
        return ray.remote(Mailbox).options(**options).remote()

    def _await_mailbox(self) -> None:
        """Waits until the mailbox has started, so that this does not count as time of a job."""
        try:
            self._ray.get(self._mailbox.forget.remote(-1), timeout=START_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise LaunchError(
                f"the workers of this cluster cannot start: {one_line(str(error))}. Install this version of pliant on all "
                "nodes, or set runtime_env={'pip': [...]}."
            ) from error

    def _disconnect(self) -> None:
        if self._owned:
            self._ray.shutdown()


@final
class _Running:
    """A job that runs as a Ray task."""

    def __init__(self, key: int, task: object) -> None:
        self.key, self.task = key, task
        self.since = time.monotonic()
        self.awaits_reply = False
        self.cancelled: tuple[str, float] | None = None  # reason, and the time to give up waiting


def _describe(job: Job) -> dict[str, Any]:
    """Returns a job as JSON for its task."""
    work_ = job.work
    task: dict[str, Any]
    if isinstance(work_, Call):
        dump(work_.payload, f"the payload of job {job.id!r}")
        task = {"kind": "call", "function": name_of(work_.function), "payload": work_.payload}
    elif isinstance(work_, Command):
        task = {"kind": "command", **describe_command(work_)}
    else:
        raise LaunchError(
            f"RayTasks runs calls and commands; got a {type(work_).__name__}. Use Containers for a Container."
        )
    limits = {"seconds": job.limits.seconds, "memory": job.limits.memory}
    return {**task, "id": job.id, "attempt": job.attempt, "limits": limits, "log": prepare_log(work_.log)}


def _make_task(ray: Any, cpus: float, gpus: float, resources: Mapping[str, float] | None) -> Any:
    """Returns the Ray task that runs a job."""
    options = {"num_cpus": cpus, "num_gpus": gpus, "resources": dict(resources or {}) or None}
    try:
        return ray.remote(work).options(**options, max_retries=0)
    except (ValueError, TypeError) as error:
        raise LaunchError(
            f"resources of a job must be numbers from 0; Ray refused them: {one_line(str(error))}. "
            "Example: RayTasks(cpus=2, gpus=0.5, resources={'tpu': 1})."
        ) from error


def _import_ray() -> Any:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    require("RayTasks", "ray", kind=LaunchError)
    import ray
    import ray.util.scheduling_strategies

    return ray


def _connect(ray: Any, address: str | None, runtime_env: Mapping[str, Any] | None) -> bool:
    """Connects to Ray; returns whether this launcher must shut the connection down."""
    if ray.is_initialized():
        _check_connection(ray, address, runtime_env)
        return False
    options: dict[str, Any] = {"address": address or "local", "runtime_env": dict(runtime_env or {}) or None}
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options["include_dashboard"] = False
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        what = "Ray does not start here" if address is None else f"no cluster was found at {quote(address)}"
        raise LaunchError(
            f"{what}: {one_line(str(error))}. Start one with `ray start --head`, or omit the address to use this machine."
        ) from error
    return True


def _check_connection(ray: Any, address: str | None, runtime_env: Mapping[str, Any] | None) -> None:
    """Checks that the existing connection fits the arguments."""
    if runtime_env:
        raise LaunchError(
            "this process is connected to Ray already, so runtime_env cannot be set. Pass it to your ray.init, or let "
            "RayTasks connect."
        )
    own = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", own):
        raise LaunchError(
            f"this process is connected to the cluster at {own!r}, not to {quote(address)}. Omit the address, or call "
            "ray.shutdown() first."
        )


def _count_room(ray: Any, needs: Mapping[str, float]) -> int:
    """Returns the number of jobs that the nodes have resources for."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    asked = {name: amount for name, amount in needs.items() if amount}
    total = sum(
        int(min([node.get(name, 0.0) / amount + 1e-6 for name, amount in asked.items()], default=1))
        for node in nodes
    )
    if not total:
        raise LaunchError(
            f"no node of the cluster has resources for a job that needs {asked}; the nodes have "
            f"{[{name: node.get(name, 0.0) for name in asked} for node in nodes]}. Ask for less, or set `slots` if the "
            "cluster will grow."
        )
    return total
