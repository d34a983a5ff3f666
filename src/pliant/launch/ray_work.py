"""What runs inside a Ray cluster: a task that runs one job in processes of its node, and the mailbox between it and us.

The launcher, on our side, is in ``ray_tasks``.  Nothing here is the only copy of anything: a mailbox or a worker that
dies costs the jobs that used it an attempt.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

from pliant.values.errors import LaunchError

from .base import Call, Command, Ended, Job, Limits, Message, Outcome
from .child import THREADS
from .local import LocalLauncher
from .output import LOG_BYTES
from .worker import one_line

IDLE_SECONDS = 60.0  # after which a launcher without jobs is closed: Ray keeps its workers for longer
LOOK_SECONDS = 0.2  # between looks at what our side orders; a job that waits for a reply hears it at once

_launchers: dict[
    tuple[Any, ...], NodeLauncher
] = {}  # of this worker of Ray, which does many tasks, one at a time
_idle_since: dict[tuple[Any, ...], float] = {}
_lock = threading.Lock()  # of the two


@final
class Mailbox:
    """Messages of jobs on their way to the launcher, and its orders on their way back; an actor.

    Its calls wait without threads, as many as there are jobs.
    """

    def __init__(self) -> None:
        self._messages: list[tuple[int, Any]] = []
        self._news = asyncio.Event()
        self._orders: dict[int, asyncio.Queue[dict[str, Any] | None]] = defaultdict(asyncio.Queue)
        self._listening: set[int] = set()

    async def listen(self, key: int) -> dict[str, Any] | None:
        """Returns the next order to a job, waiting for it; None when the job is over."""
        self._listening.add(key)
        return await self._orders[key].get()

    async def say(self, key: int, message: Any) -> None:
        """Adds a message of a job; its reply comes as an order."""
        self._messages.append((key, message))
        self._news.set()

    async def take(self) -> list[tuple[int, Any]]:
        """Returns the messages so far, waiting for the first one."""
        await self._news.wait()
        self._news.clear()
        messages, self._messages = self._messages, []
        return messages

    async def order(self, key: int, order: dict[str, Any]) -> bool:
        """Gives a job an order; returns whether it has listened; otherwise it finds the order when it does."""
        self._orders[key].put_nowait(order)
        return key in self._listening

    async def forget(self, key: int) -> None:
        """Lets go of a job that is over."""
        self._listening.discard(key)
        orders = self._orders.pop(key, None)
        if orders is not None:
            orders.put_nowait(None)


@final
class NodeLauncher(LocalLauncher):
    """Runs the jobs of one worker of Ray, one after another, as they were described on our side.

    Ray kills the children of its workers when it ends one; the keeper is no child, and so ends what a job has started.
    """

    def __init__(self, *, calls: bool, preload: Sequence[str], threads: int, grace: float) -> None:
        options = {
            "preload": list(preload) if calls else [],
            "threads": threads,
            "reuse": True,
            "grace": grace,
            "processes": 256,
            "log_bytes": LOG_BYTES,
            "shielded": True,
        }
        count = "1" if calls else str(threads)  # a process that is to be forked computes with one
        env = {f"{name}_NUM_THREADS": count for name in THREADS}
        super().__init__(1, options, {**env, "PYTORCH_NVML_BASED_CUDA_CHECK": "1"})

    def _describe(self, job: Job) -> dict[str, Any]:
        work_ = job.work
        if isinstance(work_, Call):
            return {"function": work_.function, "payload": work_.payload}
        return {"argv": list(work_.argv), "env": dict(work_.env), "folder": str(work_.folder)}


def work(mailbox: Any, key: int, task: dict[str, Any]) -> dict[str, Any]:
    """Runs a job to its end, and returns its outcome as a dict; what it reports goes through the mailbox.

    When the mailbox is gone, or Ray cancels the task, the job is ended, and this raises.
    """
    job = Job(task["id"], _read(task), Limits(**task["limits"]), task["attempt"])
    name = task["kind"], json.dumps(task["node"]), os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        launcher = _borrow(name, task)
        outcome = _run(launcher, job, mailbox, key)
    except LaunchError as error:  # it cannot run on this node, such as when `preload` fails
        outcome = Outcome("raised", reason=one_line(str(error)))
    except BaseException:
        _discard(name)
        raise
    _give_back(name)
    return asdict(outcome)


def _run(launcher: NodeLauncher, job: Job, mailbox: Any, key: int) -> Outcome:
    import ray

    orders: Any = None  # what we wait for from the mailbox; a short job that says nothing needs none
    asks = listened = False
    launcher.start(job)
    begun = time.monotonic()
    while True:
        for event in launcher.poll(0.0 if asks else LOOK_SECONDS):
            if isinstance(event, Message):
                asks = True
                mailbox.say.remote(key, event.payload)
            elif isinstance(event, Ended):
                if listened:
                    mailbox.forget.remote(key)
                return event.outcome
        if orders is None and (asks or time.monotonic() - begun >= LOOK_SECONDS):
            orders, listened = mailbox.listen.remote(key), True
        if orders is None or not ray.wait([orders], timeout=LOOK_SECONDS if asks else 0)[0]:
            continue
        order = ray.get(orders)
        orders = None
        if order is None or "close" in order:
            raise KeyboardInterrupt("the launcher was closed")
        if "cancel" in order:
            launcher.cancel(job.id, order["cancel"])
        elif asks:
            asks = False
            launcher.reply(job.id, order["reply"])


def _read(task: dict[str, Any]) -> Call | Command:
    log = None if task["log"] is None else Path(task["log"])
    if task["kind"] == "call":
        return Call(task["function"], task["payload"], log)
    return Command(tuple(task["argv"]), task["env"], Path(task["folder"]), log)


def _borrow(name: tuple[Any, ...], task: dict[str, Any]) -> NodeLauncher:
    """Returns the launcher of a name, which stays warm between the tasks of this worker."""
    with _lock:
        _idle_since.pop(name, None)
        if name not in _launchers:
            _launchers[name] = NodeLauncher(calls=task["kind"] == "call", **task["node"])
            if len(_launchers) == 1:
                threading.Thread(target=_sweep, daemon=True).start()
        return _launchers[name]


def _give_back(name: tuple[Any, ...]) -> None:
    with _lock:
        _idle_since[name] = time.monotonic()


def _discard(name: tuple[Any, ...]) -> None:
    with _lock:
        launcher = _launchers.pop(name, None)
        if launcher is not None:
            launcher.close()


def _sweep() -> None:
    """Closes what has had no job for long, as long as there is something to close."""
    while True:
        time.sleep(IDLE_SECONDS / 4)
        with _lock:
            late = time.monotonic() - IDLE_SECONDS
            for name in [name for name, since in _idle_since.items() if since < late]:
                del _idle_since[name]
                launcher = _launchers.pop(name, None)
                if launcher is not None:
                    launcher.close()
            if not _launchers:
                return
