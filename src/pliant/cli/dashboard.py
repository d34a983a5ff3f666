"""Command ``pliant dashboard``: shows studies in a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import click

from pliant.values.packages import MissingLibraryError, require
from pliant.values.text import to_printable

if TYPE_CHECKING:
    from pliant.study import Trial, View

    Write = Callable[[View, Trial], str]
    Draw = Callable[[View, Sequence[Trial], str | None], str]

MOST_POINTS: Final = 60  # decisions of a space that is drawn by them


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

    write, draw = _make_writers(program)
    serve(
        places or (".",),
        host=host,
        port=port or 0,
        allow_control=allow_control,
        token=token,
        write=write,
        draw=draw,
        say=say,
    )


def _make_writers(program: str | None) -> tuple[Write, Draw]:
    """Returns functions from trials to their program as Python, and to a drawing; nothing for studies of another space.

    Without a file, a trial is drawn by the decisions of its space, and no code runs.
    """
    from pliant.drawing import draw
    from pliant.hyper.template import template_of
    from pliant.space import Decisions
    from pliant.values.errors import PliantError

    from .opening import open_space
    from .target import load_target

    opened = None if program is None else open_space(load_target(program).make_space())
    template = None if opened is None else template_of(opened.program, None)

    def read(trial: Trial) -> Decisions | None:
        if template is None or template.space.fingerprint != trial.decisions.space.fingerprint:
            return None
        return Decisions.from_json(template.space, trial.decisions.to_json())

    def write(view: View, trial: Trial) -> str:
        found = read(trial)
        return (
            ""
            if found is None or opened is None or template is None
            else opened.write(template.materialize(found))
        )

    def paint(view: View, trials: Sequence[Trial], scheme: str | None) -> str:
        found = [read(trial) for trial in trials]
        try:
            if opened is None or template is None or None in found:
                space = trials[0].decisions.space
                is_small = len(trials) == 1 and len(space.points) <= MOST_POINTS
                return draw(space, trials[0].decisions, scheme=scheme).svg if is_small else ""
            if len(found) == 1:
                return draw(opened.program, found[0], scheme=scheme).svg
            first, second = (template.materialize(one) for one in found if one is not None)
            return draw(first, second, scheme=scheme).svg
        except PliantError:  # such as a program that is nested too deeply
            return ""

    return write, paint
