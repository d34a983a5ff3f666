"""``Interrupts``: counts Ctrl-C and SIGTERM, so that a search finishes running trials before it stops.

In a job of Slurm it also counts SIGUSR1, which clusters send before they end a job (``sbatch --signal=USR1@90``).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, final


@final
class Interrupts:
    """Context that counts SIGINT and SIGTERM: the first one is noted, the second raises ``KeyboardInterrupt``.

    It does nothing outside of the main thread, as Python delivers signals there only.

    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupts.count
    1

    Attributes:
      count: the number of signals.
      is_cleaning: whether running jobs are being ended; then signals are ignored.
    """

    def __init__(self, on_first: Callable[[], object] = lambda: None) -> None:
        self.count = 0
        self._on_first = on_first
        self.is_cleaning = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, *_find_others()):
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
        if self.count == 1 and not self.is_cleaning:
            self._on_first()
        if self.count > 1 and not self.is_cleaning:
            self.is_cleaning = True
            raise KeyboardInterrupt


def _find_others() -> tuple[signal.Signals, ...]:
    """Returns the other signals that announce the end of the job that this process runs in."""
    is_job = "SLURM_JOB_ID" in os.environ and hasattr(signal, "SIGUSR1")
    return (signal.SIGUSR1,) if is_job else ()


def undisturbed(clean_up: Callable[[], object]) -> None:
    """Calls a function while Ctrl-C and SIGTERM are ignored, such as one that ends worker processes.

    >>> undisturbed(lambda: signal.raise_signal(signal.SIGINT))
    """
    with Interrupts() as interrupts:
        interrupts.is_cleaning = True
        clean_up()
