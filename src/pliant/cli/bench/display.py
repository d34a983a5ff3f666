"""How a bench under way looks: a live bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from typing import final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ..console import print_line

_LINES = 20  # about so many lines are written for a bench, however long


class Display(ABC):
    """Shows runs as they end.  Use ``open_display``."""

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total, self.done = console, total, 0

    def add(self, label: str) -> None:
        """Shows that a run of ``label`` ended."""
        self.done += 1
        self._show(label)

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    @abstractmethod
    def _show(self, label: str) -> None: ...


@final
class LiveDisplay(Display):
    """A bar that moves."""

    def __init__(self, console: Console, total: int) -> None:
        super().__init__(console, total)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("runs"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[label]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
        )
        self._task = self._progress.add_task("runs", total=total, label="")

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def _show(self, label: str) -> None:
        self._progress.update(self._task, completed=self.done, label=label)


@final
class LineDisplay(Display):
    """A line for every twentieth part."""

    def __init__(self, console: Console, total: int) -> None:
        super().__init__(console, total)
        self._every = math.ceil(total / _LINES) or 1
        self._start = time.monotonic()

    def _show(self, label: str) -> None:
        if self.done % self._every == 0 or self.done == self.total:
            seconds = time.monotonic() - self._start
            print_line(self.console, f"{self.done} of {self.total} runs, {seconds:.0f} s")


def open_display(console: Console, total: int) -> Display:
    """Returns the display that suits a console."""
    is_live = console.is_terminal and not console.is_dumb_terminal
    return (LiveDisplay if is_live else LineDisplay)(console, total)
