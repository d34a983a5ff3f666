"""Ctrl-C, once and twice: the first asks a search to come to its end, the second ends it at once.  Stops nothing itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, final


@final
class Interrupts:
    """While it is entered, the first SIGINT or SIGTERM is noted, and the second raises ``KeyboardInterrupt``.

    In a thread that is not the main one, where Python delivers no signals, nothing changes.

    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupts.count
    1

    Attributes:
      count: how many there were.
      is_cleaning: set when what runs is being ended: from then on, signals change nothing.
    """

    def __init__(self) -> None:
        self.count = 0
        self.is_cleaning = False
        self._before: dict[signal.Signals, Any] = {}

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
        self.count += 1
        if self.count > 1 and not self.is_cleaning:
            self.is_cleaning = True
            raise KeyboardInterrupt


def undisturbed(clean_up: Callable[[], object]) -> None:
    """Calls a function during which Ctrl-C and SIGTERM change nothing, such as one that ends worker processes.

    >>> undisturbed(lambda: signal.raise_signal(signal.SIGINT))
    """
    with Interrupts() as interrupts:
        interrupts.is_cleaning = True
        clean_up()
