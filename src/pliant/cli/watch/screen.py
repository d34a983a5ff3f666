"""Draws a ``Frame``: a screen of Rich, or a line for a log; all text of trials is made printable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pliant.tune.text import say
from pliant.values.text import to_printable

from ..console import to_text
from .frame import BLOCKS, PLAIN_BLOCKS, Frame, draw_history

DECISIONS, ROWS, REASONS = 12, 8, 4  # shown at most
_STYLES = {
    "complete": "bold green",
    "running": "bold cyan",
    "paused": "bold yellow",
    "not running": "bold yellow",
    "new": "bold",
}


def draw_frame(frame: Frame, *, is_plain: bool = False) -> RenderableType:
    """Returns what a terminal shows of a study.

    Args:
      frame: the data.
      is_plain: whether the output can only show ASCII.
    """
    shape = box.ASCII if is_plain else box.ROUNDED
    head = Text.assemble(to_text(frame.name), "  ", (frame.state, _STYLES[frame.state]))
    parts: list[RenderableType] = [_draw_progress(frame), _draw_best(frame)]
    if len(frame.history) > 1:
        parts.append(_draw_history(frame, PLAIN_BLOCKS if is_plain else BLOCKS))
    if frame.running:
        parts.append(_draw_running(frame))
    if frame.reasons:
        parts.append(_draw_reasons(frame))
    return Panel(
        Group(*parts),
        title=head,
        title_align="left",
        box=shape,
        subtitle=to_text(frame.algorithm),
        padding=(0, 1),
    )


def say_frame(frame: Frame) -> str:
    """Returns the state of a study as a line."""
    total = "" if frame.total is None else f"/{frame.total}"
    parts = [f"{frame.done}{total} trials"]
    parts += [f"{frame.failed} failed"] if frame.failed else []
    parts += [f"{len(frame.running)} running"] if frame.running else []
    parts += [frame.best, *_say_pace(frame), frame.state]
    return to_printable(f"{frame.name}: {', '.join(parts)}")


def say_time(seconds: float) -> str:
    """Returns a duration in its two largest units.

    >>> say_time(42.4), say_time(200), say_time(7300), say_time(200_000)
    ('42 s', '3 min 20 s', '2 h 1 min', '2 d 7 h')
    """
    whole = round(seconds)
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60))
    first = next((place for place, (_, count) in enumerate(units) if count), 3)
    return " ".join(f"{count} {unit}" for unit, count in units[first : first + 2] if count) or "0 s"


def _say_pace(frame: Frame) -> list[str]:
    parts = [say_time(frame.seconds)]
    if frame.rate is not None:
        parts.append(f"{say_rate(frame.rate)}")
    if frame.left is not None and not frame.is_complete:
        parts.append(f"about {say_time(frame.left)} left")
    return parts


def say_rate(rate: float) -> str:
    """Returns trials per second in a readable unit.

    >>> say_rate(12.0), say_rate(0.5), say_rate(0.001)
    ('12.0 trials a second', '30.0 trials a minute', '3.6 trials an hour')
    """
    for unit, factor in (("a second", 1), ("a minute", 60), ("an hour", 3600)):
        if rate * factor >= 1 or factor == 3600:
            return f"{rate * factor:.1f} trials {unit}"
    raise AssertionError


def _draw_progress(frame: Frame) -> RenderableType:
    total = "" if frame.total is None else f"/{frame.total}"
    counts = f"{frame.done}{total} trials"
    failed = f", {frame.failed} failed" if frame.failed else ""
    grid = Table.grid(padding=(0, 2))
    cells: list[RenderableType] = [Text(counts + failed), Text(", ".join(_say_pace(frame)), style="dim")]
    if frame.total:
        share = Text(f"{frame.done / frame.total:.0%}", style="bold")
        cells = [
            ProgressBar(total=frame.total, completed=min(frame.done, frame.total), width=28),
            share,
            *cells,
        ]
    grid.add_row(*cells)
    return grid


def _draw_best(frame: Frame) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text(frame.best, style="bold"))
    rows = Table.grid(padding=(0, 1))
    for name, value in frame.decisions[:DECISIONS]:
        rows.add_row("  ", to_text(name), "=" if name else "", to_text(value))
    if len(frame.decisions) > DECISIONS:
        rows.add_row("  ", f"... and {len(frame.decisions) - DECISIONS} more decisions")
    for name, value in frame.metrics[:DECISIONS]:
        rows.add_row("  ", Text(to_printable(name), style="dim"), ":", Text(to_printable(value), style="dim"))
    return Group(grid, rows)


def _draw_history(frame: Frame, blocks: str) -> RenderableType:
    known = [one for one in frame.history if one is not None]
    line = draw_history(frame.history, blocks)
    return Text.assemble("rewards ", (line, "cyan"), f"  {say(min(known))} to {say(max(known))}")


def _draw_running(frame: Frame) -> RenderableType:
    rows = [(str(one.id), one.worker, say_time(one.seconds), one.report) for one in frame.running]
    return _draw_table(("running", "worker", "for", "last report"), rows, ROWS)


def _draw_reasons(frame: Frame) -> RenderableType:
    rows = [(str(count), cause, reason) for cause, reason, count in frame.reasons]
    return _draw_table(("failed", "cause", "reason"), rows, REASONS)


def _draw_table(names: Iterable[str], rows: Sequence[tuple[str, ...]], limit: int) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for row in rows[:limit]:
        table.add_row(*map(to_text, row))
    if len(rows) > limit:
        table.add_row("...", f"{len(rows) - limit} more")
    return table
