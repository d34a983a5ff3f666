"""Progress display of a search: a live bar (Rich) in a terminal or a notebook with ipywidgets, HTML in other notebooks, plain lines elsewhere, such as in a log.

``pg.sample`` and ``pg.search`` open it with ``open_progress``, and commands with ``open_display``.  One search of a process
is displayed at a time: the outermost.
"""

from __future__ import annotations

import math
import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from html import escape
from importlib.util import find_spec
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, final

from pliant.values.exceptions import one_line
from pliant.values.text import to_printable
from pliant.values.text import write_line as write_to

from .result import Tally
from .text import say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from pliant.study import Trial, View

    from .feedback import Reward
    from .source import Source

_LINES = 60  # a search with a study writes about this many lines, however many trials it has
_FIRST_SECONDS = 5.0  # before the first line, and between lines at least, where lines are throttled by time
_SHARE = 0.1  # of the time since the start that passes between lines at least
_REDRAW_SECONDS = 0.1  # between updates of a live bar
_PAGE_SECONDS = 0.5  # between updates of a page of a notebook
_FAILURES = 10  # that a live bar shows at once; later ones only when it is redrawn


class Display(ABC):
    """Displays the trials of a search as they end.  Use ``open_display`` or ``open_progress``."""

    def __init__(self, title: str, total: int | None, tally: Tally) -> None:
        self.title, self.total, self.tally = title, total, tally
        self._start = monotonic()

    def add(self, trial: Trial) -> None:
        """Counts and displays a trial that ended."""
        is_best = self.tally.add(trial.id, trial.decisions, trial.told)
        self.show(trial.id, trial.told, trial.reason, is_best=is_best)

    @abstractmethod
    def show(self, id: int, reward: Reward | None, reason: str | None, *, is_best: bool) -> None:
        """Displays a trial that was counted: its number, and its reward or why it has none."""

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return monotonic() - self._start

    def start(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Draws the display for the first time."""

    def stop(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Gives the terminal back."""

    def __enter__(self) -> Display:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


@final
class LiveDisplay(Display):
    """A bar that is redrawn."""

    def __init__(self, console: Console, title: str, total: int | None, tally: Tally) -> None:
        from rich.markup import escape

        super().__init__(title, total, tally)
        self._console, self._progress = console, make_bar(console)
        self._task = self._progress.add_task(escape(to_printable(title)), total=total, note="")
        self._next = 0.0

    def start(self) -> None:
        self._update()
        self._progress.start()

    def stop(self) -> None:
        self._update()
        self._progress.stop()

    def _update(self) -> None:
        note = f"[bold]{self.tally.best_text}[/bold]"
        self._progress.update(self._task, completed=self.tally.done, note=note)

    def show(self, id: int, reward: Reward | None, reason: str | None, *, is_best: bool) -> None:
        now = monotonic()
        is_due = now >= self._next
        if reason is not None and (is_due or self.tally.failed <= _FAILURES):
            text = to_printable(f"trial {id} failed: {one_line(reason)}")
            self._console.print(text, style="yellow", markup=False, highlight=False)
        if is_due:
            self._next = now + _REDRAW_SECONDS
            self._update()


def make_bar(console: Console, *, is_shown: bool = True) -> Progress:
    """Returns a bar whose tasks have a description, a total and a ``note``, in the markup of Rich."""
    from rich import progress as rich

    return rich.Progress(
        rich.SpinnerColumn(),
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=30),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[note]}"),
        rich.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=console,
        refresh_per_second=4,
        disable=not is_shown,
    )


@final
class LineDisplay(Display):
    """Lines of text: for each trial, or for the best and some others.

    Lines are throttled by time where ``is_timed``, so that fast trials cost nothing; else by the number of trials.
    """

    def __init__(
        self, write: Callable[[str], object], title: str, total: int | None, tally: Tally, *, is_timed: bool
    ) -> None:
        super().__init__(title, total, tally)
        self._write = write
        self._every = math.ceil((total or 0) / _LINES) or 1
        self._next = self._start + _FIRST_SECONDS if is_timed else None

    def show(self, id: int, reward: Reward | None, reason: str | None, *, is_best: bool) -> None:
        done = self.tally.done
        if self._next is not None:
            now = monotonic()
            if now < self._next:
                return
            self._next = now + max(_FIRST_SECONDS, _SHARE * (now - self._start))
        elif not (is_best or reason is not None or done % self._every == 0 or done == self.total):
            return
        total = "" if self.total is None else f"/{self.total}"
        found = f"failed: {one_line(reason)};" if reason is not None else f"{say(reward)},"
        line = f"{self.title}: trial {id}{total}: {found} {self.tally.best_text}, {self.seconds:.0f} s"
        self._write(to_printable(line))


@final
class NotebookDisplay(Display):
    """A bar in a notebook without ipywidgets: HTML that is replaced as trials end.

    Args:
      write: shows HTML in place of what it showed before.
      title: what runs.
      total: how many trials; None if that is not known.
      tally: the trials so far.
    """

    def __init__(self, write: Callable[[str], object], title: str, total: int | None, tally: Tally) -> None:
        super().__init__(title, total, tally)
        self._write = write
        self._next = 0.0

    def start(self) -> None:
        self._update("")

    def stop(self) -> None:
        self._update("")

    def show(self, id: int, reward: Reward | None, reason: str | None, *, is_best: bool) -> None:
        now = monotonic()
        if now >= self._next:
            self._next = now + _PAGE_SECONDS
            failed = f"trial {id} failed: {one_line(reason)}" if reason is not None else ""
            self._update(failed)

    def _update(self, note: str) -> None:
        done, total = self.tally.done, self.total
        of = "" if total is None else f"/{total}"
        failed = f", {self.tally.failed} failed" if self.tally.failed else ""
        words = f"{self.title}: {done}{of} trials{failed}, {self.tally.best_text}, {self.seconds:.0f} s"
        bar = "" if not total else f'<progress value="{min(done, total)}" max="{total}"></progress> '
        lines = [f"{bar}{escape(to_printable(words))}", escape(to_printable(note))]
        self._write(f"<div>{'<br>'.join(line for line in lines if line)}</div>")


def open_page() -> Callable[[str], object] | None:
    """Returns a function that shows HTML in the cell of a notebook that runs, and later replaces it; None elsewhere."""
    shell: Any = sys.modules.get("IPython")  # a notebook has loaded it
    if "ipykernel" not in sys.modules or shell is None or shell.get_ipython() is None:
        return None
    handle = shell.display.display(shell.display.HTML(""), display_id=True)
    return None if handle is None else lambda text: handle.update(shell.display.HTML(text))


def open_display(console: Console, title: str, study: View) -> Display:
    """Returns the display of a study's trials that suits a console; trials that ended before count as done."""
    tally, total = Tally(maximize=study.maximize), study.info().budget
    tally.resume(study)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveDisplay(console, title, total, tally)
    write = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    return LineDisplay(write, title, total, tally, is_timed=False)


def open_progress(total: int | None, tally: Tally) -> Display:
    """Returns the display of a search for standard error: a live bar in a terminal or notebook, else lines after five seconds."""
    title, is_notebook = "search", "ipykernel" in sys.modules and find_spec("ipywidgets") is not None
    if is_notebook or (sys.stderr is not None and sys.stderr.isatty()):
        from rich.console import Console

        console = Console(stderr=True)
        if is_notebook or (console.is_terminal and not console.is_dumb_terminal):
            return LiveDisplay(console, title, total, tally)
    page = open_page()
    if page is not None:
        return NotebookDisplay(page, title, total, tally)
    return LineDisplay(write_line, title, total, tally, is_timed=True)


def write_line(text: str) -> None:
    """Writes a line to standard error, if there is one that can be written."""
    with suppress(OSError, ValueError, AttributeError):  # closed, or none: a program without a console
        write_to(sys.stderr, text)


# --- one search at a time ----------------------------------------------------------------------------------


# The terminal belongs to the process, so there is one display of it; False where nothing is displayed.
_shown: weakref.ref[Source] | Literal[False] | None = None


def claim(search: Source) -> bool:
    """Returns whether a search may be displayed: not while another one evaluates a trial, in which this is nested."""
    global _shown
    other = _shown() if _shown else None
    if _shown is False or (other is not None and other is not search and other.is_running()):
        return False
    if other is not None and other is not search:
        other.finish()  # a loop that was left
    _shown = weakref.ref(search)
    return True


@contextmanager
def silence() -> Iterator[None]:
    """Displays no search while it is entered, such as in a worker process."""
    global _shown
    before, _shown = _shown, False
    try:
        yield
    finally:
        _shown = before


def calls_from(frame: int, thread: int) -> bool:
    """Returns whether a frame, by its id, is among the callers of this; or belongs to another thread."""
    if thread != threading.get_ident():
        return True
    caller: FrameType | None = sys._getframe(1)
    while caller is not None and id(caller) != frame:
        caller = caller.f_back
    return caller is not None
