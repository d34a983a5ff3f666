"""What every launcher is: jobs in, events out.  No process, container or cluster here, and no trial.

``Launcher`` is the interface; ``Job``, ``Call``, ``Command``, ``Container``, ``Limits``, the events and
``Outcome`` are the frozen data that cross it; ``Channel`` is what a running call talks through.  Whatever crosses the border of
a process is JSON.
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

from pliant.values.errors import LaunchError

JSON = Any
"""None, a bool, a number, a str, or lists and str-keyed dicts of those."""

How = Literal["returned", "raised", "exited", "timeout", "memory", "cancelled", "lost"]
"""How a job ended; see ``Outcome``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use; beyond it, the job is ended, with all the processes that it started.

    >>> Limits(seconds=60, memory=2 * 1024**3)
    Limits(seconds=60, memory=2147483648)

    Attributes:
      seconds: wall time from its start, above 0; None for as long as it takes.
      memory: bytes that its processes hold together (what they share with others counts in part), measured
        a few times a second; None for no limit.

    Raises:
      LaunchError: a limit that is no number above 0.
    """

    seconds: float | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        limits: dict[str, Any] = {"seconds": self.seconds, "memory": self.memory}
        for name, value in limits.items():
            if value is None:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value <= 0:
                raise LaunchError(
                    f"Limits.{name} is a number above 0, or None for no limit; got {value!r:.80}. "
                    f"For instance Limits(seconds=60, memory=2 * 1024**3)."
                )


@dataclass(frozen=True, slots=True)
class Call:
    """A function to call: ``function(payload, channel)`` returns JSON.

    Attributes:
      function: the function, or its name ``"module:qualname"``.  It is imported where the job runs, so it
        is one that another process can import: at the top of a module, no lambda and no inner function.
      payload: JSON, given to it.
      log: a file for what it prints, limited in size; None keeps the last lines only.
    """

    function: str | Callable[[JSON, Channel], JSON]
    payload: JSON = None
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, never through a shell.

    Attributes:
      argv: the program and its arguments.
      env: variables added to the environment.
      folder: where it runs; None for the current folder.
      log: a file for its stdout and stderr, merged and limited in size (the beginning and the end are kept);
        None keeps the last lines only.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of this machine that a container sees.

    >>> Mount(Path("data"), "/data")
    Mount(source=PosixPath('data'), target='/data', writable=False)

    Attributes:
      source: here.
      target: its absolute path in the container.
      writable: whether the container may change it.
    """

    source: Path
    target: str
    writable: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Container:
    """A program to run in a container, never through a shell of ours.

    Attributes:
      image: its name, as the engine on this machine knows it.
      argv: what follows the image's entry point; where it has none, the program and its arguments; empty
        for what the image does by itself.
      env: variables set in the container.
      mounts: what it sees of this machine.
      folder: where it runs, in the container; None for where the image says.
      log: a file on this machine for its stdout and stderr, as in ``Command``.
    """

    image: str
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    folder: str | None = None
    log: Path | None = None


Work = Call | Command | Container
"""What a job may be about; each launcher says which of them it runs."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work under a name.

    Attributes:
      id: names the job in events; no two that run at once have the same.
      work: a ``Call``, a ``Command`` or a ``Container``.
      limits: what it may use.
      attempt: the how-manieth try this is, from 1; launchers only tell it to the job
        (environment variable ``PLIANT_ATTEMPT`` of programs, ``Channel.attempt`` of calls).
    """

    id: str
    work: Work
    limits: Limits = Limits()
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
      how: ``returned`` (a call that returned, a command that exited with 0), ``raised`` (a call's exception),
        ``exited`` (a process that ended by itself otherwise: a nonzero code, a crash), ``timeout`` and
        ``memory`` (beyond its limit, or the machine ran out of memory), ``cancelled``, and ``lost`` (ended
        from outside: its process was killed, its node died; the job may be innocent, so that a new attempt
        makes sense).
      value: what the call returned; None otherwise.
      reason: one line that says what happened and, where it is known, what to do; empty for ``returned``.
      exit_code: of the process that ended with the job, negative for a signal; None where there is none.
      tail: the last lines of its output, limited; a call's traceback included.
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
        """Whether the job did what it was to do."""
        return self.how == "returned"


@dataclass(frozen=True, slots=True)
class Started:
    """A job began to run.

    Attributes:
      job: its id.
      where: for people, such as ``"pid 12 on host"``.
    """

    job: str
    where: str


@dataclass(frozen=True, slots=True)
class Message:
    """A call reported something, and waits until ``Launcher.reply``.

    Attributes:
      job: its id.
      payload: what it reported, JSON.
    """

    job: str
    payload: JSON


@dataclass(frozen=True, slots=True)
class Ended:
    """A job ended; the last event about it.

    Attributes:
      job: its id.
      outcome: how.
    """

    job: str
    outcome: Outcome


Event = Started | Message | Ended


class Channel(ABC):
    """How a running call talks to whoever launched it; its second argument.

    Attributes:
      job: the id of the job.
      attempt: the how-manieth try this is, from 1.
    """

    job: str
    attempt: int

    @abstractmethod
    def report(self, message: JSON) -> JSON:
        """Sends a message and returns the reply, for which it waits.

        Raises:
          LaunchError: the message is no JSON, the job was cancelled, or this is another process than the
            call's own.
        """


class Launcher(ABC):
    """Runs jobs somewhere; a context manager that leaves nothing behind.

    A job that was started ends by exactly one ``Ended`` event, whatever it does; nothing that a job does
    raises here.  Started beyond ``slots``, jobs wait their turn, in order.  One thread at a time.

    >>> from pliant.launch import InPlace
    >>> with InPlace() as launcher:
    ...     launcher.start(Job("1", Call("pliant.testing.jobs:echo", {"x": 1})))
    ...     ended = [event for _ in range(2) for event in launcher.poll(None)][-1]
    >>> ended.outcome.value
    {'x': 1}

    Attributes:
      slots: how many jobs run at once.
    """

    slots: int

    @abstractmethod
    def start(self, job: Job) -> None:
        """Starts a job, or lets it wait for a free slot; never waits for it.

        Raises:
          LaunchError: the job can never run here (no such function or program, a payload that is no JSON,
            an id that is taken, a launcher that is closed); no event follows.
        """

    @abstractmethod
    def poll(self, timeout: float | None) -> list[Event]:
        """Returns what happened since, waiting for at least one event or until the time is over.

        Args:
          timeout: seconds; 0 does not wait, None waits as long as there are jobs.

        Returns:
          Events in their order; none when the time is over or there are no jobs.
        """

    @abstractmethod
    def reply(self, job_id: str, message: JSON) -> None:
        """Answers the ``Message`` of a job, which goes on; ignored for a job that has ended.

        Raises:
          LaunchError: the reply is no JSON, or that job waits for none.
        """

    @abstractmethod
    def cancel(self, job_id: str, reason: str) -> None:
        """Ends a job; ``Ended`` with ``cancelled`` and the reason follows, unless it ended by itself before.

        Ignored for a job that has ended.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends all jobs at once, with every process that they started; no event follows.  May be repeated."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def dump(value: JSON, what: str) -> str:
    """Returns JSON text of a value on one line.

    >>> dump({"loss": [0.5, None]}, "the payload")
    '{"loss": [0.5, null]}'

    Raises:
      LaunchError: it is no JSON; names ``what`` it is, and the path where the fault is.
    """
    fault = _fault(value, "")
    if fault:
        path, found = fault
        raise LaunchError(
            f"{what} crosses to another process as JSON: None, bool, int, float, str, list, and dict with str "
            f"keys; at path {path or '$'!r} it has {found}. Turn it into those, for instance `float(x)` or "
            "`x.tolist()`."
        )
    return json.dumps(value)


def _fault(value: object, path: str, depth: int = 0) -> tuple[str, str] | None:
    """Where a value is no JSON, and what stands there; None for JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return None
    if depth > 200:
        return path[:80], "more than 200 levels (is it inside itself?)"
    if isinstance(value, list | tuple):
        pairs = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return path, f"the key {key!r:.80} of type {type(key).__name__}"
        pairs = [(f"{path}.{key}" if path else key, item) for key, item in value.items()]
    else:
        return path, f"{value!r:.80} of type {type(value).__name__}"
    return next((fault for at, item in pairs if (fault := _fault(item, at, depth + 1))), None)
