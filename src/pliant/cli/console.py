"""The console that commands print to: a terminal with colours, or plain lines for a log."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console

_LOG_WIDTH = 110


def make_console() -> Console:
    """Returns a console for standard output; lines of a log are 110 characters wide."""
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, emoji=False, width=_LOG_WIDTH)
    return console


def print_line(console: Console, *texts: Any) -> None:
    """Prints text as it is: no markup, no line breaks."""
    console.print(*texts, markup=False, soft_wrap=True)
