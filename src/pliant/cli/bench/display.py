"""Progress of a benchmark: a live bar in a terminal, about twenty lines elsewhere."""

from __future__ import annotations

import math
import time
from typing import final

from rich.console import Console
from rich.markup import escape

from pliant.tune.progress import make_bar
from pliant.values.text import to_printable

from ..console import print_line

_LINES = 20


@final
class Display:
    """Shows runs as they end: in a terminal as a bar, else as lines."""

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total, self.done = console, total, 0
        self._start, self._every = time.monotonic(), math.ceil(total / _LINES) or 1
        self._bar = make_bar(console, is_shown=console.is_terminal and not console.is_dumb_terminal)
        self._task = self._bar.add_task("runs", total=total, note="")

    def add(self, label: str) -> None:
        """Shows that a run of ``label`` ended."""
        self.done += 1
        self._bar.update(self._task, completed=self.done, note=escape(to_printable(label)))
        if self._bar.disable and (self.done % self._every == 0 or self.done == self.total):
            seconds = time.monotonic() - self._start
            print_line(self.console, f"{self.done} of {self.total} runs, {seconds:.0f} s")

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
