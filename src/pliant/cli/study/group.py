"""The commands of ``pliant study``; what they do is in ``places``, ``output`` and ``change``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..options import pool_options, show_as, stop

FORMS = ("csv", "json", "parquet")
STATUSES = ("running", "completed", "failed")


@click.group()
def study() -> None:
    """Look into studies, and go on with them.

    PLACE is the file of a study, or an address such as postgresql://user@host/database?study=NAME.
    """


@study.command(name="list")
@click.argument("where", metavar="[FOLDER]", default=".")
@show_as
def list_(where: str, *, form: str) -> None:
    """List the studies in a folder, or in a database such as postgresql://user@host/database."""
    from .output import print_studies
    from .places import find_all

    print_studies(find_all(where), form)


@study.command()
@click.argument("place")
@click.option(
    "--journal", type=click.IntRange(min=0), default=10, show_default=True, help="How many of its last lines."
)
@show_as
def show(place: str, *, journal: int, form: str) -> None:
    """Show the settings of a study, how far it is, and what happened in it."""
    from .change import open_place
    from .output import print_study
    from .places import describe

    with open_place(place) as opened:
        lines = opened.journal()
        print_study(describe(opened), lines[-journal:] if journal else [], form)


@study.command()
@click.argument("place")
@click.option("--count", type=click.IntRange(min=1), default=1, show_default=True, help="How many trials.")
@show_as
def best(place: str, *, count: int, form: str) -> None:
    """Print the best trials; of several rewards those that no other beats in all."""
    from .change import open_place
    from .output import print_trials

    with open_place(place) as opened:
        front = opened.front()
        several = bool(front) and front[0].rewards is not None
        print_trials(opened, front if several else opened.best(count), form)


@study.command()
@click.argument("place")
@click.option("--status", type=click.Choice(STATUSES), help="Only those.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="So many, the last; 0: all."
)
@show_as
def trials(place: str, *, status: str | None, limit: int, form: str) -> None:
    """Print the trials of a study."""
    from collections import deque

    from .change import open_place
    from .output import print_trials

    with open_place(place) as opened:
        print_trials(opened, list(deque(opened.trials(status), maxlen=limit or None)), form)


@study.command()
@click.argument("place")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    help="In which form.  [default: as OUTPUT ends, or csv]",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file.  [default: print it]"
)
@click.option("--reports", is_flag=True, help="What trials reported on their way, in place of trials (csv).")
def export(place: str, *, form: str | None, output: Path | None, reports: bool) -> None:
    """Write all trials as a table for other programs."""
    from pliant.study.export import to_csv, to_json, to_parquet

    from .change import open_place

    named = "" if output is None else output.suffix[1:].lower()
    if form is None and named not in ("", *FORMS):
        raise click.UsageError(
            f"{str(output)!r} ends in none of {', '.join(f'.{name}' for name in FORMS)}: name a file that does, or say "
            "which of them it is by --format."
        )
    chosen = form or named or "csv"
    if reports and chosen != "csv":
        raise click.UsageError(
            "--reports is a table of its own, as csv; json holds the reports of each trial anyway."
        )
    if chosen == "parquet" and output is None:
        raise click.UsageError("a Parquet file is not for reading: name it by --output FILE.")
    with open_place(place) as opened:
        if chosen == "parquet":
            assert output is not None
            to_parquet(opened, output)
            return
        text = to_csv(opened, reports=reports) if chosen == "csv" else to_json(opened) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise click.ClickException(f"{str(output)!r} cannot be written: {error.strerror}.") from error


@study.command()
@click.argument("places", metavar="PLACE...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(places: tuple[str, ...], *, yes: bool) -> None:
    """Delete studies, all or none; not one that is in use."""
    from pliant.study.store.location import to_location

    from ..removal import remove_studies
    from .change import open_place

    for place in places:
        with open_place(place) as opened:
            click.echo(f"{opened.path}: {opened.info().proposed} trials")
    if not yes:
        click.confirm("Delete for good?", abort=True)
    remove_studies(*map(to_location, places))


@study.command()
@click.argument("place")
@click.argument("target", metavar="FILE")
@click.option("--trials", type=click.IntRange(min=1), help="A new number of trials in all.")
@click.option(
    "--space", type=click.Path(path_type=Path), help="A search-space file (JSON), in place of search_space()."
)
@click.option(
    "--algorithm", help="As for `pliant search`, where the one of the study cannot be made from its record."
)
@click.option(
    "--top", type=click.IntRange(min=1), default=5, show_default=True, help="How many trials to list."
)
@pool_options
def resume(place: str, target: str, **options: Any) -> None:
    """Go on with a study by its own algorithm and settings; FILE is as for `pliant search`."""
    from pliant.study.store.location import to_location

    from ..console import make_console
    from .change import resume as go_on

    console, location = make_console(), to_location(place)
    try:
        go_on(console, location, target, options)
    except KeyboardInterrupt:
        stop(console, location, "The same command goes on from there.")


@study.command()
@click.argument("place")
@click.argument("decisions")
@click.option("--note", default="", help="Where they come from, for whoever reads the study.")
def enqueue(place: str, decisions: str, *, note: str) -> None:
    """Have DECISIONS tried next: JSON by path, as `export` writes them or as in a trainer's --nas_params_str, or as a list.

    @FILE reads them from a file, and - what is piped.
    """
    from pliant.study.export import read_decided

    from .change import open_place, read_decisions, say_room

    found = read_decisions(decisions)
    with open_place(place) as opened:
        opened.enqueue(read_decided(opened.space, found), note)
        info = opened.info()
    click.echo(f"{info.queued} in the queue of {info.path}.{say_room(info)}")


@study.command()
@click.argument("place")
def upgrade(place: str) -> None:
    """Bring a study of an older version up to date; a search that goes on does that, too."""
    from pliant.study.store.location import to_location

    from .change import open_place
    from .change import upgrade as bring_up

    bring_up(to_location(place))
    with open_place(place) as opened:
        click.echo(f"{opened.path} is of version {opened.info().schema_version} of the format.")
