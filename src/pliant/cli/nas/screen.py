"""Shows NAS jobs in the terminal: lines, tables and progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.table import Table

from pliant.study import Study, Trial
from pliant.tune.progress import open_display

from ..console import make_console, print_line, to_text


class ConsoleScreen:
    """A ``Screen`` on the standard output."""

    def __init__(self) -> None:
        self._console = make_console()

    def say(self, text: str) -> None:
        """See ``Screen``."""
        print_line(self._console, text)

    def show_table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """See ``Screen``."""
        table = Table(title=to_text(title), box=box.SIMPLE_HEAD, title_justify="left")
        for name in columns[:-1]:
            table.add_column(to_text(name), justify="right")
        table.add_column(to_text(columns[-1]), overflow="fold")
        for row in rows:
            table.add_row(*map(to_text, row))
        self._console.print(table)

    @contextmanager
    def show_progress(self, title: str, study: Study) -> Iterator[Callable[[Trial], object]]:
        """See ``Screen``."""
        with open_display(self._console, title, study) as display:
            yield display.add
