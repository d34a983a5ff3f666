"""What runs inside a Ray cluster: a task that runs one job in processes of its node, and the mailbox between it and us.

The launcher, on our side, is in ``ray_tasks``.  Nothing here is the only copy of anything: a mailbox or a worker that
dies costs the jobs that used it an attempt.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from typing import Any

from .base import Call, Command, Ended, Job, Launcher, Limits, Message
from .commands import Commands
from .processes import Processes

_launchers: dict[tuple[Any, ...], Launcher] = {}  # of this worker, which does many tasks


class Mailbox:
    """Messages on their way to the launcher, and replies on their way back; an actor, whose calls wait without threads."""

    def __init__(self) -> None:
        self._messages: list[list[Any]] = []
        self._news = asyncio.Event()
        self._replies: dict[str, asyncio.Future[Any]] = {}

    async def ask(self, job: str, message: Any) -> Any:
        """Adds a message, and returns the reply to it."""
        self._replies[job] = asyncio.get_running_loop().create_future()
        self._messages.append([job, message])
        self._news.set()
        return await self._replies[job]

    async def reply(self, job: str, message: Any) -> None:
        """Answers the message of a job; one that nobody waits for is dropped."""
        waiting = self._replies.pop(job, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def take(self, wait: float) -> list[list[Any]]:
        """Returns the messages so far; waits for the first one, but not longer than so many seconds."""
        if not self._messages and wait:
            try:
                await asyncio.wait_for(self._news.wait(), wait)
            except TimeoutError:
                return []
        self._news.clear()
        messages, self._messages = self._messages, []
        return messages


def work(mailbox: Any, task: dict[str, Any]) -> dict[str, Any]:
    """Runs a job to its end, and returns its outcome as a dict; what it reports goes through the mailbox."""
    import ray

    job = Job(task["id"], _read(task), Limits(**task["limits"]), task["attempt"])
    launcher = _launcher_of(task)
    try:
        launcher.start(job)
        while True:
            for event in launcher.poll(None):
                if isinstance(event, Message):
                    launcher.reply(job.id, ray.get(mailbox.ask.remote(job.id, event.payload)))
                elif isinstance(event, Ended):
                    return asdict(event.outcome)
    except BaseException:  # cancelled, or the mailbox is gone: the job ends with its processes
        _forget(task)
        raise


def _read(task: dict[str, Any]) -> Call | Command:
    if task["kind"] == "call":
        return Call(task["function"], task["payload"])
    return Command(tuple(task["argv"]), task["env"], task["folder"])


def _key(task: dict[str, Any]) -> tuple[Any, ...]:
    return task["kind"], tuple(task["preload"]), os.environ.get("CUDA_VISIBLE_DEVICES")


def _launcher_of(task: dict[str, Any]) -> Launcher:
    """Returns a warm launcher of this worker."""
    key = _key(task)
    if key not in _launchers:
        is_call = task["kind"] == "call"
        _launchers[key] = Processes(1, preload=task["preload"]) if is_call else Commands(1)
    return _launchers[key]


def _forget(task: dict[str, Any]) -> None:
    launcher = _launchers.pop(_key(task), None)
    if launcher is not None:
        launcher.close()
