"""Launcher interface: jobs in, events out.

``Launcher`` is the interface; ``Job``, ``Call``, ``Command``, ``Container``, ``Limits``, the events and ``Outcome`` are its
frozen data; ``Channel`` connects a running call to its launcher.  All data that crosses a process boundary is JSON.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pliant.values.errors import LaunchError, quote, quote_typed
from pliant.values.numbers import to_real

JSON = Any
"""None, a bool, a number, a str, or lists and str-keyed dicts of those."""

How = Literal["returned", "raised", "exited", "timeout", "memory", "cancelled", "lost"]
"""How a job ended; see ``Outcome``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of time and memory for one job; a job beyond them is killed with all processes that it started.

    >>> Limits(seconds=60, memory=2 * 1024**3)
    Limits(seconds=60, memory=2147483648)

    Attributes:
      seconds: wall time from its start, above 0; None for no limit.
      memory: bytes that its processes hold together (shared memory counts in part), measured a few times a
        second; None for no limit.

    Raises:
      LaunchError: a limit is not a number above 0.
    """

    seconds: float | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        limits: dict[str, object] = {"seconds": self.seconds, "memory": self.memory}
        for name, value in limits.items():
            number = to_real(value)
            if value is not None and (number is None or not 0 < number < math.inf):
                raise LaunchError(
                    f"Limits.{name} must be a number above 0, or None for no limit; got {quote(value)}. "
                    "Example: Limits(seconds=60, memory=2 * 1024**3)."
                )


@dataclass(frozen=True, slots=True)
class Call:
    """A function to call: ``function(payload, channel)`` returns JSON.

    Attributes:
      function: the function, or its name ``"module:qualname"``.  It is imported where the job runs, so it must
        be defined at the top level of a module; lambdas and inner functions do not work.
      payload: its first argument, JSON.
      log: a file for its output, limited in size; None keeps the last lines only.
    """

    function: str | Callable[[JSON, Channel], JSON]
    payload: JSON = None
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, without a shell.

    Attributes:
      argv: the program and its arguments.
      env: variables added to the environment.
      folder: its working folder; None for the current one.
      log: a file for its stdout and stderr, merged and limited in size (the beginning and the end are kept);
        None keeps the last lines only.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount: a folder or file of this machine that is visible in a container.

    >>> Mount(Path("data"), "/data")
    Mount(source=PosixPath('data'), target='/data', writable=False)

    Attributes:
      source: its path on this machine.
      target: its absolute path in the container.
      writable: whether the container may change it.
    """

    source: Path
    target: str
    writable: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Container:
    """A program to run in a container, without a shell.

    Attributes:
      image: the image, by a name that the engine on this machine knows.
      argv: arguments after the image's entry point; the program and its arguments if the image has no entry
        point; empty for the image's default command.
      env: variables set in the container.
      mounts: folders and files of this machine that it sees.
      folder: its working folder in the container; None for the image's default.
      log: a file on this machine for its stdout and stderr, as in ``Command``.
    """

    image: str
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    folder: str | None = None
    log: Path | None = None


Work = Call | Command | Container
"""What a job runs; each launcher supports some of these."""


@dataclass(frozen=True, slots=True)
class Job:
    """One unit of work for a launcher, with an id and limits.

    Attributes:
      id: names the job in events; unique among unfinished jobs.
      work: a ``Call``, a ``Command`` or a ``Container``.
      limits: of time and memory.
      attempt: attempt number, from 1; passed on to the job (``Channel.attempt`` of calls, environment variable
        ``PLIANT_ATTEMPT`` of programs) and otherwise unused.
    """

    id: str
    work: Work
    limits: Limits = Limits()
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
      how: ``returned`` (a call returned, or a command exited with 0), ``raised`` (a call raised an exception),
        ``exited`` (a process failed: nonzero exit code or crash), ``timeout`` and ``memory`` (a limit was
        exceeded, or the machine ran out of memory), ``cancelled``, or ``lost`` (ended from outside: its process
        was killed or its node died, so that a new attempt makes sense).
      value: the return value of a call; None otherwise.
      reason: one line on what happened and, where known, what to do; empty for ``returned``.
      exit_code: exit code of the job's process, negative for a signal; None if the process did not end.
      tail: the last lines of its output, including a call's traceback.
      seconds: wall time from its start.
    """

    how: How
    value: JSON = None
    reason: str = ""
    exit_code: int | None = None
    tail: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the job succeeded."""
        return self.how == "returned"


@dataclass(frozen=True, slots=True)
class Started:
    """Event: a job began to run.

    Attributes:
      job: its id.
      where: a description of the place for people, such as ``"pid 12 on host"``.
    """

    job: str
    where: str


@dataclass(frozen=True, slots=True)
class Message:
    """Event: a call reported a message and waits for ``Launcher.reply``.

    Attributes:
      job: its id.
      payload: the message, JSON.
    """

    job: str
    payload: JSON


@dataclass(frozen=True, slots=True)
class Ended:
    """Event: a job ended; the last event of the job.

    Attributes:
      job: its id.
      outcome: how it ended.
    """

    job: str
    outcome: Outcome


Event = Started | Message | Ended


class Channel(ABC):
    """Connection from a running call to its launcher; the second argument of the function.

    Attributes:
      job: the id of the job.
      attempt: attempt number, from 1.
    """

    job: str
    attempt: int

    @abstractmethod
    def report(self, message: JSON) -> JSON:
        """Sends a message, waits for the reply, and returns it.

        Raises:
          LaunchError: the message is not JSON, the job was cancelled, or this process is a fork of the call's.
        """


class Launcher(ABC):
    """Runs jobs, up to ``slots`` at a time; a context manager that ends all of them when it exits.

    Every started job has exactly one ``Ended`` event, however it ends; a failing job never raises here.  Jobs
    beyond ``slots`` wait in order.  Use a launcher from one thread at a time.

    >>> from pliant.launch import InPlace
    >>> with InPlace() as launcher:
    ...     launcher.start(Job("1", Call("pliant.testing.jobs:echo", {"x": 1})))
    ...     ended = [event for _ in range(2) for event in launcher.poll(None)][-1]
    >>> ended.outcome.value
    {'x': 1}

    Attributes:
      slots: number of jobs that run at the same time.
    """

    slots: int

    @abstractmethod
    def start(self, job: Job) -> None:
        """Starts a job, or queues it until a slot is free; returns at once.

        Raises:
          LaunchError: the job can never run here (unknown function or program, payload that is not JSON, id in
            use, closed launcher); no event follows.
        """

    @abstractmethod
    def poll(self, timeout: float | None) -> list[Event]:
        """Returns new events; waits for at least one, or until the timeout.

        Args:
          timeout: seconds; 0 does not wait, None waits as long as there are jobs.

        Returns:
          Events in order; empty after the timeout or without jobs.
        """

    @abstractmethod
    def reply(self, job_id: str, message: JSON) -> None:
        """Answers the ``Message`` of a job, which then continues; ignored for a job that has ended.

        Raises:
          LaunchError: the reply is not JSON, or the job does not wait for a reply.
        """

    @abstractmethod
    def cancel(self, job_id: str, reason: str) -> None:
        """Ends a job; ``Ended`` with ``cancelled`` and the reason follows, unless it ends by itself first.

        Ignored for a job that has ended.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends all jobs and every process that they started; no event follows.  May be called again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def dump(value: JSON, what: str) -> str:
    """Returns a value as JSON text on one line.

    >>> dump({"loss": [0.5, None]}, "the payload")
    '{"loss": [0.5, null]}'

    Raises:
      LaunchError: the value is not JSON; the message has ``what`` and the path of the fault.
    """
    fault = _find_fault(value, "")
    if fault:
        path, found = fault
        raise LaunchError(
            f"{what} is sent to another process and must be JSON; at path {path or '$'!r} it has {found}. Allowed: "
            "None, bool, int, float, str, list, and dict with str keys. Convert it, for example with `float(x)` or "
            "`x.tolist()`."
        )
    return json.dumps(value)


def _find_fault(value: object, path: str, depth: int = 0) -> tuple[str, str] | None:
    """Returns the path and description of the first value that is not JSON; None if there is none."""
    if value is None or isinstance(value, bool | int | float | str):
        return None
    if depth > 200:
        return path[:80], "more than 200 levels (does it contain itself?)"
    if isinstance(value, list | tuple):
        pairs = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return path, f"the key {quote_typed(key)}"
        pairs = [(f"{path}.{key}" if path else key, item) for key, item in value.items()]
    else:
        return path, quote_typed(value)
    return next((fault for at, item in pairs if (fault := _find_fault(item, at, depth + 1))), None)
