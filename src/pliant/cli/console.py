"""The console that commands print to: a terminal with colours, or plain lines for a log; all text is printable."""

from __future__ import annotations

import os

from rich.console import Console
from rich.text import Text

from pliant.values.text import to_printable

_LOG_WIDTH = 110


def make_console() -> Console:
    """Returns a console for standard output; lines of a log are 110 characters wide."""
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, emoji=False, width=_LOG_WIDTH)
    return console


def print_line(console: Console, text: str) -> None:
    """Prints lines of text as they are: no markup, no more line breaks."""
    console.print(to_printable(text, keep="\n"), markup=False, soft_wrap=True)


def to_text(value: object) -> Text:
    """Returns a value as the text of a table cell or title: one line, no markup."""
    return Text(to_printable(value))
