"""Progress display of a search: a live bar in a terminal, plain lines elsewhere, such as in a log."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, final

from pliant.algorithms.objectives import ParetoFront

from .text import say, say_rewards

if TYPE_CHECKING:
    from rich.console import Console

    from pliant.study import Study, Trial

_LINES = 60  # about so many lines are written for a search, however long


class Display(ABC):
    """Shows trials as they end.  Use ``open_display``.

    Args:
      console: where to.
      title: what is going on.
      study: whose trials; those that ended before count as done.
    """

    def __init__(self, console: Console, title: str, study: Study) -> None:
        self.console = console
        self.title = title
        self._front = ParetoFront()  # of several rewards
        counts, front = study.counts(), study.front()
        best = [trial for trial in front if trial.rewards is None]
        self.done = counts["completed"] + counts["failed"]
        self.total = study.info().budget
        self.best: Trial | None = best[0] if best else None
        self._sign = 1.0 if study.maximize else -1.0
        for trial in front:
            self._note(trial)

    def add(self, trial: Trial) -> None:
        """Shows a trial that ended."""
        self.done += 1
        self._note(trial)
        is_best = trial.reward is not None and (
            self.best is None
            or self.best.reward is None
            or (self._sign * trial.reward > self._sign * self.best.reward)
        )
        if is_best:
            self.best = trial
        self._show(trial, is_best=is_best)

    @property
    def best_text(self) -> str:
        """The best so far, as text; of several rewards, how many trials are on the front."""
        count = sum(1 for _ in self._front)
        if count:
            return f"{count} on the front"
        return (
            "no reward yet" if self.best is None else f"best {say(self.best.reward)} (trial {self.best.id})"
        )

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def _note(self, trial: Trial) -> None:
        if trial.rewards is not None:
            self._front.add(tuple([self._sign * reward for reward in trial.rewards]), trial.id)

    @abstractmethod
    def _show(self, trial: Trial, *, is_best: bool) -> None: ...


@final
class LiveDisplay(Display):
    """A bar that moves."""

    def __init__(self, console: Console, title: str, study: Study) -> None:
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        super().__init__(console, title, study)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("[bold]{task.fields[best]}[/bold]"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
        )
        self._task = self._progress.add_task(
            escape(title), total=self.total, completed=self.done, best=self.best_text
        )

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def _show(self, trial: Trial, *, is_best: bool) -> None:
        if trial.reason is not None:
            self.console.print(f"trial {trial.id} failed: {trial.reason}", style="yellow", markup=False)
        self._progress.update(self._task, completed=self.done, best=self.best_text)


@final
class LineDisplay(Display):
    """A line for a trial: for each, or, in a long search, for the best and some others."""

    def __init__(self, console: Console, title: str, study: Study) -> None:
        super().__init__(console, title, study)
        self._every = math.ceil((self.total or 0) / _LINES) or 1
        self._start = time.monotonic()

    def _show(self, trial: Trial, *, is_best: bool) -> None:
        if not (
            is_best or trial.reason is not None or self.done % self._every == 0 or self.done == self.total
        ):
            return
        total = "" if self.total is None else f"/{self.total}"
        found = f"failed: {trial.reason};" if trial.reason is not None else f"{say_rewards(trial)},"
        seconds = time.monotonic() - self._start
        line = f"{self.title}: trial {trial.id}{total}: {found} {self.best_text}, {seconds:.0f} s"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def open_display(console: Console, title: str, study: Study) -> Display:
    """Returns the display that suits a console."""
    is_live = console.is_terminal and not console.is_dumb_terminal
    return (LiveDisplay if is_live else LineDisplay)(console, title, study)
