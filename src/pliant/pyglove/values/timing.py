"""How long parts of a program take: ``timeit``."""

from __future__ import annotations

import contextvars
import dataclasses
import time
from types import TracebackType
from typing import Any, ClassVar, Final

from .json_conversion import JSONConvertible

_current: Final[contextvars.ContextVar[TimeIt | None]] = contextvars.ContextVar(
    "pyglove_timeit", default=None
)


@dataclasses.dataclass
class _Status(JSONConvertible):
    """How long a part has taken so far.

    Attributes:
      name: its name, after those of the parts around it.
      elapse: seconds.
      has_ended: whether it has ended.
      error: the class name of the error that ended it.
    """

    auto_register: ClassVar[bool] = True
    name: str
    elapse: float = 0.0
    has_ended: bool = True
    error: Any = None

    @property
    def has_started(self) -> bool:
        """Whether it has started."""
        return self.elapse > 0

    @property
    def has_error(self) -> bool:
        """Whether an error ended it."""
        return self.error is not None

    def to_json(self, **kwargs: Any) -> Any:
        return self.to_json_dict(dataclasses.asdict(self) | {"error": self.error}, **kwargs)


@dataclasses.dataclass
class _Entry(JSONConvertible):
    """How often a part ran, over several runs.

    Attributes:
      num_started: how often it was started.
      num_ended: how often it ended.
      num_failed: how often an error ended it.
      avg_duration: mean seconds.
      error_tags: the class names of errors, with how often each ended it.
    """

    num_started: int = 0
    num_ended: int = 0
    num_failed: int = 0
    avg_duration: float = 0.0
    error_tags: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, status: _Status) -> None:
        """Adds a run."""
        self.avg_duration = (self.avg_duration * self.num_started + status.elapse) / (self.num_started + 1)
        self.num_started += 1
        self.num_ended += status.has_ended
        if status.error is not None:
            self.num_failed += 1
            tag = getattr(status.error, "tag", status.error)
            self.error_tags[tag] = self.error_tags.get(tag, 0) + 1

    def to_json(self, **kwargs: Any) -> Any:
        return self.to_json_dict(dataclasses.asdict(self), **kwargs)


@dataclasses.dataclass
class _Summary(JSONConvertible):
    """The parts of several runs.

    Attributes:
      breakdown: the parts by name.
    """

    breakdown: dict[str, _Entry] = dataclasses.field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.breakdown)

    def aggregate(self, timeit_obj: dict[str, _Status]) -> None:
        """Adds the statuses of a run."""
        for name, status in timeit_obj.items():
            self.breakdown.setdefault(name, _Entry()).add(status)

    def to_json(self, **kwargs: Any) -> Any:
        return self.to_json_dict({"breakdown": self.breakdown}, **kwargs)


@dataclasses.dataclass(frozen=True)
class ErrorTag:
    """The class of an error and those of its causes, as text.

    Attributes:
      tag: the class names, the outermost first.
      description: the message.
    """

    tag: str
    description: str

    @classmethod
    def of(cls, error: BaseException) -> ErrorTag:
        """Returns the tag of an error."""
        names, cause = [type(error).__name__], error.__cause__
        while cause is not None:
            names.append(type(cause).__name__)
            cause = cause.__cause__
        return cls(".".join(names), str(error))


class TimeIt:
    """The time that a part of a program takes; parts inside it are its children.

    >>> with timeit("all") as whole:
    ...     with timeit("part"):
    ...         pass
    >>> list(whole.status()), whole.has_ended
    (['all', 'all.part'], True)

    Args:
      name: the name of the part.
    """

    Status: ClassVar[type[_Status]] = _Status
    StatusSummary: ClassVar[type[_Summary]] = _Summary

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._children: list[TimeIt] = []
        self._start: float | None = None
        self._end: float | None = None
        self._error: ErrorTag | None = None
        self._token: contextvars.Token[TimeIt | None] | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def children(self) -> list[TimeIt]:
        """The parts inside it."""
        return self._children

    def add(self, context: TimeIt) -> None:
        """Adds a part inside it."""
        self._children.append(context)

    def start(self) -> None:
        """Starts the time."""
        self._start = time.perf_counter()
        self._end = self._error = None

    def end(self, error: BaseException | None = None) -> bool:
        """Stops the time; returns whether it was running.

        Args:
          error: the error that ended the part.
        """
        if self._start is None or self._end is not None:
            return False
        self._end = time.perf_counter()
        self._error = ErrorTag.of(error) if error is not None else None
        return True

    @property
    def has_started(self) -> bool:
        """Whether the time was started."""
        return self._start is not None

    @property
    def has_ended(self) -> bool:
        """Whether the time was stopped."""
        return self._end is not None

    @property
    def start_time(self) -> float | None:
        """When it was started, in seconds of a clock of this process."""
        return self._start

    @property
    def end_time(self) -> float | None:
        """When it was stopped."""
        return self._end

    @property
    def error(self) -> ErrorTag | None:
        """The error that ended it."""
        return self._error

    @property
    def has_error(self) -> bool:
        """Whether an error ended it."""
        return self._error is not None

    @property
    def elapse(self) -> float:
        """Seconds so far."""
        if self._start is None:
            return 0.0
        return (time.perf_counter() if self._end is None else self._end) - self._start

    def status(self) -> dict[str, _Status]:
        """Returns the statuses of it and of the parts inside, by name; parts of the same name are added up."""
        found: dict[str, _Status] = {}

        def visit(node: TimeIt, prefix: str) -> None:
            name = f"{prefix}.{node.name}" if prefix and node.name else prefix or node.name
            error = node.error
            known = found.get(name)
            if known is None:
                found[name] = _Status(name, node.elapse, node.has_ended, error)
            else:
                ended = known.has_ended and node.has_ended
                found[name] = _Status(name, known.elapse + node.elapse, ended, known.error or error)
            for child in node.children:
                visit(child, name)

        visit(self, "")
        return found

    def __enter__(self) -> TimeIt:
        outer = _current.get()
        if outer is not None:
            outer.add(self)
        self._token = _current.set(self)
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(exc_value)
        if self._token is not None:
            _current.reset(self._token)


def timeit(name: str = "") -> TimeIt:
    """Returns a context manager that measures the time of its block.

    Args:
      name: the name of the block.
    """
    return TimeIt(name)
