"""When a search ends early: ``Limit``, its time, and ``Stop``, a context in which Ctrl-C ends training at its next step."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType, TracebackType
from typing import Any, Self, final


@final
@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of time, which starts when it is made.

    >>> Limit(None).is_over(), Limit(60).is_over(), Limit(60).is_over(share=0)
    (False, False, True)

    Attributes:
      seconds: None for no limit.
      clock: returns seconds.
      start: what the clock showed first.
    """

    seconds: float | None
    clock: Callable[[], float] = monotonic
    start: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.clock())

    def left(self, *, share: float = 1.0) -> float:
        """Returns how many seconds are left of a share of the time."""
        return math.inf if self.seconds is None else self.start + share * self.seconds - self.clock()

    def is_over(self, *, share: float = 1.0) -> bool:
        """Returns whether a share of the time is over."""
        return self.left(share=share) <= 0


@final
class Stop:
    """Context in which Ctrl-C and SIGTERM set ``is_set`` instead of raising ``KeyboardInterrupt``; later ones act as before.

    It does nothing outside of the main thread, as Python delivers signals there only.

    >>> with Stop() as stop:
    ...     signal.raise_signal(signal.SIGINT)
    ...     stop.is_set
    True

    Args:
      passes: how many signals act as before first.
    """

    def __init__(self, *, passes: int = 0) -> None:
        self.is_set = False
        self._passes = passes
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self._passes and not self.is_set:
            self.is_set = True
            return
        self._passes = max(self._passes - 1, 0)
        before = self._before.get(number)
        if not callable(before):
            raise KeyboardInterrupt
        before(number, frame)
