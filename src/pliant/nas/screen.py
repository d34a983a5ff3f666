"""Where a job shows lines, tables and progress; the command line implements it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from pliant.study import Study, Trial


class Screen(Protocol):
    """Shows how a job goes."""

    def say(self, text: str) -> None:
        """Prints a line as it is."""

    def show_table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Prints a table; a long text in the last column is wrapped."""

    def show_progress(self, title: str, study: Study) -> AbstractContextManager[Callable[[Trial], object]]:
        """Shows the progress of a study; the function that it gives takes each trial that ended."""
