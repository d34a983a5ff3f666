"""Jobs on a Ray cluster, as tasks.  What runs on its nodes is in ``ray_work``; Ray keeps no state of ours."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, final

from pliant.values.errors import LaunchError

from .base import JSON, Call, Command, Ended, Event, Job, Launcher, Message, Outcome, Started, dump
from .check import check_count, check_job, check_seconds, prepare_log
from .commands import describe_command
from .functions import name_of
from .ray_work import Mailbox, work
from .worker import one_line

GIVE_UP_SECONDS = 20.0  # after which a task that was told to end is ended by force
START_SECONDS = 300.0  # for a worker to be there, which `runtime_env` may make slow
ANSWER_SECONDS = 5.0  # for the mailbox to say that it has an order


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
      preload: as in ``Processes``, in each of Ray's workers.
      grace_seconds: how long a job that is cancelled or over its time may take to end (SIGTERM) before it is killed.
      runtime_env: of Ray, for a new connection: the packages, files and variables of its workers.

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
            self._task = _task(self._ray, cpus, gpus, resources)
            self.slots = check_count(_room(self._ray, needs) if slots is None else slots, "slots")
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
        """See ``Launcher.start``."""
        if self._closed:
            raise LaunchError("this RayTasks is closed; make a new one.")
        check_job(job, self._jobs)
        said = {**_describe(job), "node": self._node}
        self._jobs[job.id] = None
        self._waiting.append((job.id, said))
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
        self._mailbox.order.remote(running.key, {"reply": message})

    def cancel(self, job_id: str, reason: str) -> None:
        """See ``Launcher.cancel``."""
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
        """See ``Launcher.close``."""
        if self._closed:
            return
        self._closed = True
        self._events.clear()
        running = [one for one in self._jobs.values() if one is not None]
        self._jobs.clear()
        self._waiting.clear()
        self._order(running, {"close": True})
        tasks = [one.task for one in running]
        _, late = (
            self._ray.wait(tasks, num_returns=len(tasks), timeout=GIVE_UP_SECONDS) if tasks else ([], [])
        )
        for task in late:
            self._ray.cancel(task, force=True)
        self._ray.kill(self._mailbox, no_restart=True)
        self._disconnect()

    # ------------------------------------------------------------------ private

    def _fill(self) -> None:
        busy = sum(running is not None for running in self._jobs.values())
        while self._waiting and busy < self.slots:
            job_id, said = self._waiting.popleft()
            key = next(self._keys)
            self._jobs[job_id] = _Running(key, self._task.remote(self._mailbox, key, said))
            self._events.append(Started(job_id, "a node of the cluster"))
            busy += 1

    def _hear(self, seconds: float) -> None:
        """Takes what the mailbox has and what ended."""
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
        except self._ray.exceptions.RayError:  # it died, and the jobs that listened to it end with it
            self._mailbox = self._make_mailbox()
            found = []
        self._news = self._mailbox.take.remote()
        by_key = {running.key: (job_id, running) for job_id, running in self._jobs.items() if running}
        for key, payload in found:
            if key in by_key:
                job_id, running = by_key[key]
                running.asks = True
                self._events.append(Message(job_id, payload))

    def _order(self, jobs: list[_Running], order: dict[str, Any]) -> None:
        """Gives jobs an order to end; those that do not listen (yet), Ray is to forget or to interrupt."""
        answers = [(one, self._mailbox.order.remote(one.key, order)) for one in jobs]
        for one, answer in answers:
            try:
                listens = self._ray.get(answer, timeout=ANSWER_SECONDS)
            except self._ray.exceptions.RayError:  # without a mailbox, jobs that have begun end by themselves
                listens = False
            if not listens:
                self._ray.cancel(one.task, force=False)

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
        running = self._jobs.pop(job_id)
        if running is not None and (running.cancelled or outcome.how == "lost"):
            self._mailbox.forget.remote(running.key)  # others have done it themselves
        self._events.append(Ended(job_id, outcome))

    def _make_mailbox(self) -> Any:
        ray = self._ray
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        options = {"num_cpus": 0, "scheduling_strategy": here, "max_concurrency": 10_000}
        return ray.remote(Mailbox).options(**options).remote()

    def _await_mailbox(self) -> None:
        """Waits until the mailbox is there, so that no job's time is spent on that."""
        try:
            self._ray.get(self._mailbox.forget.remote(-1), timeout=START_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise LaunchError(
                f"the workers of this cluster cannot begin: {one_line(str(error))}. They need this version of pliant, by the "
                "same environment on all nodes, or by runtime_env={'pip': [...]}."
            ) from error

    def _disconnect(self) -> None:
        if self._owned:
            self._ray.shutdown()


@final
class _Running:
    """A job that was handed to Ray."""

    def __init__(self, key: int, task: Any) -> None:
        self.key, self.task = key, task
        self.since = time.monotonic()
        self.asks = False
        self.cancelled: tuple[str, float] | None = None  # why, and when it is to have ended


def _describe(job: Job) -> dict[str, Any]:
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
    else:
        raise LaunchError(f"RayTasks runs calls and commands; got a {type(work_).__name__}.")
    limits = {"seconds": job.limits.seconds, "memory": job.limits.memory}
    return {**said, "id": job.id, "attempt": job.attempt, "limits": limits, "log": prepare_log(work_.log)}


def _task(ray: Any, cpus: Any, gpus: Any, resources: Any) -> Any:
    """Returns the task of Ray that runs a job."""
    options = {"num_cpus": cpus, "num_gpus": gpus, "resources": dict(resources or {}) or None}
    try:
        return ray.remote(work).options(**options, max_retries=0)
    except (ValueError, TypeError) as error:
        raise LaunchError(
            f"what a job takes are numbers from 0, such as RayTasks(cpus=2, gpus=0.5, resources={{'tpu': 1}}); Ray says: "
            f"{one_line(str(error))}"
        ) from error


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
        _check_connection(ray, address, runtime_env)
        return False
    options: dict[str, Any] = {"address": address or "local", "runtime_env": dict(runtime_env or {}) or None}
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options["include_dashboard"] = False
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        what = "Ray does not start here" if address is None else f"there is no cluster at {address!r}"
        raise LaunchError(
            f"{what}: {one_line(str(error))}. Start one with `ray start --head`, or leave out the address for one on "
            "this machine."
        ) from error
    return True


def _check_connection(ray: Any, address: str | None, runtime_env: Mapping[str, Any] | None) -> None:
    """Checks that a connection which exists is the one that is wanted."""
    if runtime_env:
        raise LaunchError(
            "this process is connected to Ray already, and runtime_env belongs to the connection: give it to your ray.init, "
            "or leave the connection to RayTasks."
        )
    own = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", own):
        raise LaunchError(
            f"this process is connected to the cluster at {own!r}, not to {address!r}; leave out the address, or call "
            "ray.shutdown() first."
        )


def _room(ray: Any, needs: Mapping[str, float]) -> int:
    """Returns how many jobs the nodes have room for."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    asked = {name: amount for name, amount in needs.items() if amount}
    total = sum(
        int(min([node.get(name, 0.0) / amount + 1e-6 for name, amount in asked.items()], default=1))
        for node in nodes
    )
    if not total:
        raise LaunchError(
            f"no node of the cluster has room for one job that takes {asked}; the nodes have "
            f"{[{name: node.get(name, 0.0) for name in asked} for node in nodes]}. Ask for less, or say how many `slots` "
            "to use on a cluster that grows."
        )
    return total
