"""Shows a study on a console until it is complete: redrawn in a terminal, as lines in a log, or once."""

from __future__ import annotations

from time import sleep, time

from rich.console import Console
from rich.live import Live

from pliant.study import View

from ..console import print_line
from .follow import Follower
from .frame import make_frame
from .screen import draw_frame, say_frame


def show_once(console: Console, study: View) -> None:
    """Prints the present state of a study."""
    console.print(draw_frame(make_frame(study, Follower(study), time()), is_plain=_is_plain(console)))


def show_live(console: Console, study: View, interval: float) -> None:
    """Draws a study in one place of a terminal, until it is complete."""
    follower = Follower(study)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            frame = make_frame(study, follower, time())
            live.update(draw_frame(frame, is_plain=_is_plain(console)), refresh=True)
            if frame.is_complete:
                return
            sleep(interval)


def print_lines(console: Console, study: View, interval: float) -> None:
    """Prints a line whenever trials of a study have started or ended, until it is complete."""
    follower = Follower(study)
    shown: tuple[object, ...] = ()
    while True:
        frame = make_frame(study, follower, time())
        state = frame.done, [one.id for one in frame.running], frame.state
        if state != shown:
            shown = state
            print_line(console, say_frame(frame))
        if frame.is_complete:
            return
        sleep(interval)


def _is_plain(console: Console) -> bool:
    return not console.encoding.lower().startswith("utf")
