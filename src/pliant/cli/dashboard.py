"""Command ``pliant dashboard``: shows studies in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pliant.values.packages import MissingLibraryError, require
from pliant.values.text import to_printable


@click.command()
@click.argument("places", metavar="[STUDY]...", nargs=-1)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address of this machine to listen on. Another one than 127.0.0.1 needs the token.",
)
@click.option("--port", type=click.IntRange(min=1, max=65535), help="The port.  [default: a free one]")
@click.option(
    "--allow-control",
    is_flag=True,
    help="Let users with the token pause or stop a search, change its number of trials, and try a trial again.",
)
@click.option(
    "--token",
    envvar="PLIANT_DASHBOARD_TOKEN",
    help="The token, or the environment variable PLIANT_DASHBOARD_TOKEN.  [default: a random one, in the address]",
)
@click.option(
    "--program",
    metavar="FILE",
    help="The file that defines the space, as for `pliant search`: shows trials as Python. Its code runs.",
)
def dashboard(
    places: tuple[str, ...],
    *,
    host: str,
    port: int | None,
    allow_control: bool,
    token: str | None,
    program: str | None,
) -> None:
    """Show studies in a browser, live while they run.

    STUDY is the file of a study, a folder with studies, or an address; without any, the folder in which the command runs.
    The server only reads, and runs no code of a study, unless --program names it. Ctrl-C ends it.
    """
    require("the dashboard", "uvicorn", instead="use `pliant report STUDY`", kind=MissingLibraryError)
    from pliant.dashboard.server import serve

    def say(address: str) -> None:
        click.echo(to_printable(f"The dashboard is at {address}"))
        click.echo("Ctrl-C ends it.")

    write = _make_write(program) if program is not None else (lambda view, trial: "")
    serve(
        places or (".",),
        host=host,
        port=port or 0,
        allow_control=allow_control,
        token=token,
        write=write,
        say=say,
    )


def _make_write(program: str) -> Callable[[Any, Any], str]:
    """Returns a function from a study and a trial to its program as Python; nothing for studies of another space."""
    from pliant.hyper.template import template_of
    from pliant.space import Decisions

    from .opening import open_space
    from .target import load_target

    opened = open_space(load_target(program).make_space())
    template = template_of(opened.program, None)

    def write(view: Any, trial: Any) -> str:
        if template.space.fingerprint != trial.decisions.space.fingerprint:
            return ""
        return opened.write(
            template.materialize(Decisions.from_json(template.space, trial.decisions.to_json()))
        )

    return write
