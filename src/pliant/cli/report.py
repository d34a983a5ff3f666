"""Prints the result of a search: its best trials, the winner as code, and the comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table

from pliant.study import Trial, View
from pliant.tune.text import say, say_decisions, to_code
from pliant.values.exceptions import one_line
from pliant.values.text import to_printable

from .console import print_line, to_text


def print_top(console: Console, study: View, top: int) -> None:
    """Prints the best trials of a study as a table, and the number of failed ones."""
    title = f"Best of {_count_rewards(study)} trials"
    _print_trials(console, study, title, ["reward"], trials=study.best(top))


def _count_rewards(study: View) -> int:
    counts = study.counts()
    return counts["completed"] + counts["stopped"]


def print_front(console: Console, study: View) -> None:
    """Prints the Pareto-optimal trials, and the number of failed ones."""
    front = study.front()
    names = [f"reward {i}" for i in range(1, len(front[0].rewards or ()) + 1)]
    title = f"Pareto front: {len(front)} of {_count_rewards(study)} trials"
    _print_trials(console, study, title, names, trials=front)
    print_line(console, "No other trial is at least as good in all rewards and better in one.")
    print_line(
        console, "With several rewards there is not one best trial, so no winner and no comparison are shown."
    )


def _print_trials(
    console: Console, study: View, title: str, rewards: Sequence[str], *, trials: Sequence[Trial]
) -> None:
    table = make_table(title)
    for name in ("trial", *rewards, "seconds"):
        table.add_column(name, justify="right")
    table.add_column("program")
    for trial in trials:
        seconds = "-" if trial.seconds is None else f"{trial.seconds:.1f}"
        told = map(say, [trial.reward] if trial.rewards is None else trial.rewards)
        table.add_row(str(trial.id), *told, seconds, to_text(say_decisions(trial.decisions)))
    print_table(console, table)
    counts = study.counts()
    if counts["stopped"]:
        print_line(console, f"{counts['stopped']} of them stopped early, as the algorithm asked.")
    if counts["failed"]:
        last = list(study.trials("failed"))[-1]
        why = one_line(last.reason or "")
        print_line(console, f"{counts['failed']} more failed; the last, trial {last.id}: {why}")


def print_winner(console: Console, study: View, program: Any, write: Callable[[Any], str] = to_code) -> None:
    """Prints the best program of a study as Python code, or as ``write`` shows it."""
    code = to_printable(write(program), keep="\n")
    print_line(console, f"\nThe winner, trial {study.best()[0].id}:\n")
    if console.is_terminal:
        console.print(Padding(Syntax(code, "python", theme="ansi_dark", background_color="default"), (0, 2)))
    else:
        print_line(console, "\n".join(f"  {line}" for line in code.splitlines()))
    console.print()


def make_table(title: str) -> Table:
    """Returns a table for results, without columns."""
    return Table(
        title=to_text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )


def print_table(console: Console, table: Table) -> None:
    """Prints a table; in a log, without the spaces at the ends of lines."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    print_line(console, "\n".join(line.rstrip() for line in capture.get().splitlines()))
