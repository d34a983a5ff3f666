"""Command ``pliant watch``: shows a study while it is searched, until it is complete or Ctrl-C is pressed."""

from __future__ import annotations

from contextlib import suppress

import click

from ..options import Finite


@click.command()
@click.argument("place", metavar="STUDY")
@click.option("--once", is_flag=True, help="Show the present state and end.")
@click.option(
    "--interval",
    type=Finite(min=0.1, max=3600.0),
    help="Seconds between looks.  [default: 1, or 10 where the output is not a terminal]",
)
def watch(place: str, *, once: bool, interval: float | None) -> None:
    """Show a study while it is searched.

    STUDY is the file of a study, or an address. It is only read, and none of your code runs. The view ends when the
    study is complete, or with Ctrl-C, which does not stop the search. Where the output is not a terminal, a line is
    printed whenever something has changed.
    """
    from pliant.study import Study

    from ..console import make_console
    from .live import print_lines, show_live, show_once

    console = make_console()
    with Study.open(place) as study, suppress(KeyboardInterrupt):
        if once:
            show_once(console, study)
        elif console.is_terminal and not console.is_dumb_terminal:
            show_live(console, study, interval or 1.0)
        else:
            print_lines(console, study, interval or 10.0)
