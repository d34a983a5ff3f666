"""Code on Ray nodes: the task that runs one job in processes of its node, and the mailbox to the launcher.

The launcher is in ``ray_tasks``.  No state is stored only here: if a mailbox or worker dies, its jobs lose one attempt.
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
from pliant.values.exceptions import one_line

from .base import JSON, Call, Command, Ended, Job, Limits, Message, Outcome
from .child import THREADS
from .local import LocalLauncher

IDLE_SECONDS = 60.0  # before a launcher without jobs is closed; Ray keeps its workers longer
POLL_SECONDS = 0.2  # between checks for orders; a job that waits for a reply receives it at once

_launchers: dict[tuple[Any, ...], NodeLauncher] = {}  # of this Ray worker, which runs one task at a time
_idle_since: dict[tuple[Any, ...], float] = {}
_lock = threading.Lock()  # of the two


@final
class Mailbox:
    """Ray actor that passes messages from jobs to the launcher, and orders from the launcher to jobs.

    Its methods are coroutines, so that one call per job can wait.
    """

    def __init__(self) -> None:
        self._messages: list[tuple[int, JSON]] = []
        self._news = asyncio.Event()
        self._orders: dict[int, asyncio.Queue[dict[str, Any] | None]] = defaultdict(asyncio.Queue)
        self._listening: set[int] = set()

    async def listen(self, key: int) -> dict[str, Any] | None:
        """Waits for the next order to a job; returns None when the job is over."""
        self._listening.add(key)
        return await self._orders[key].get()

    async def post(self, key: int, message: JSON) -> None:
        """Adds a message of a job; its reply arrives as an order."""
        self._messages.append((key, message))
        self._news.set()

    async def take(self) -> list[tuple[int, JSON]]:
        """Returns the messages so far; waits for the first one."""
        await self._news.wait()
        self._news.clear()
        messages, self._messages = self._messages, []
        return messages

    async def order(self, key: int, order: dict[str, Any]) -> bool:
        """Queues an order for a job; returns whether the job has listened before."""
        self._orders[key].put_nowait(order)
        return key in self._listening

    async def forget(self, key: int) -> None:
        """Removes a job that is over."""
        self._listening.discard(key)
        orders = self._orders.pop(key, None)
        if orders is not None:
            orders.put_nowait(None)


@final
class NodeLauncher(LocalLauncher):
    """Runs the jobs of one Ray worker, one after another.

    Ray kills the children of a worker that it ends; the keeper is not a child of the worker, and so can end the
    processes of a job.
    """

    def __init__(self, *, calls: bool, preload: Sequence[str], threads: int, grace: float) -> None:
        names = list(preload) if calls else []
        options = {"preload": names, "threads": threads, "grace": grace, "shielded": True}
        count = "1" if calls else str(threads)  # a process that will be forked computes with one thread
        env = {f"{name}_NUM_THREADS": count for name in THREADS}
        super().__init__(1, options, {**env, "PYTORCH_NVML_BASED_CUDA_CHECK": "1"})

    def _describe(self, job: Job) -> dict[str, Any]:
        work_ = job.work
        if isinstance(work_, Call):
            return {"function": work_.function, "payload": work_.payload}
        return {"argv": list(work_.argv), "env": dict(work_.env), "folder": str(work_.folder)}


def work(mailbox: object, key: int, task: dict[str, Any]) -> dict[str, Any]:
    """Runs a job and returns its outcome as a dict; its messages pass through the mailbox.

    Raises and ends the job if the mailbox dies or Ray cancels the task.
    """
    job = Job(task["id"], _read(task), Limits(**task["limits"]), task["attempt"])
    name = task["kind"], json.dumps(task["node"]), os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        launcher = _borrow(name, task)
        outcome = _run(launcher, job, mailbox, key)
    except LaunchError as error:  # it cannot run on this node, for example because `preload` fails
        outcome = Outcome("raised", reason=one_line(str(error)))
    except BaseException:
        _discard(name)
        raise
    _give_back(name)
    return asdict(outcome)


def _run(launcher: NodeLauncher, job: Job, mailbox: Any, key: int) -> Outcome:
    import ray

    orders: Any = None  # a pending call of Mailbox.listen; a short job without messages needs none
    awaits_reply = listened = False
    launcher.start(job)
    begun = time.monotonic()
    while True:
        for event in launcher.poll(0.0 if awaits_reply else POLL_SECONDS):
            if isinstance(event, Message):
                awaits_reply = True
                mailbox.post.remote(key, event.payload)
            elif isinstance(event, Ended):
                if listened:
                    mailbox.forget.remote(key)
                return event.outcome
        if orders is None and (awaits_reply or time.monotonic() - begun >= POLL_SECONDS):
            orders, listened = mailbox.listen.remote(key), True
        if orders is None or not ray.wait([orders], timeout=POLL_SECONDS if awaits_reply else 0)[0]:
            continue
        order = ray.get(orders)
        orders = None
        if order is None or "close" in order:
            raise KeyboardInterrupt("the launcher was closed")
        if "cancel" in order:
            launcher.cancel(job.id, order["cancel"])
        elif awaits_reply:
            awaits_reply = False
            launcher.reply(job.id, order["reply"])


def _read(task: dict[str, Any]) -> Call | Command:
    log = None if task["log"] is None else Path(task["log"])
    if task["kind"] == "call":
        return Call(task["function"], task["payload"], log)
    return Command(tuple(task["argv"]), task["env"], Path(task["folder"]), log)


def _borrow(name: tuple[Any, ...], task: dict[str, Any]) -> NodeLauncher:
    """Returns the launcher with a name, which this worker keeps between tasks."""
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
    """Closes launchers that have been idle for long, until none is left."""
    while True:
        time.sleep(IDLE_SECONDS / 4)
        with _lock:
            late = time.monotonic() - IDLE_SECONDS
            for name in [name for name, since in _idle_since.items() if since < late]:
                del _idle_since[name]
                _launchers.pop(name).close()
            if not _launchers:
                return
