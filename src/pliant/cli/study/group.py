"""The commands of ``pliant study``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pliant.values.errors import quote
from pliant.values.text import to_printable

from ..options import pool_options, show_as, stop, time_limit

FORMS = ("csv", "json", "parquet")
STATUSES = ("running", "completed", "stopped", "failed")


def number(
    flag: str, default: int, text: str, *, least: int = 1
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns an option that takes an integer."""
    return click.option(flag, type=click.IntRange(min=least), default=default, show_default=True, help=text)


@click.group()
def study() -> None:
    """Show, export, continue and delete studies.

    PLACE is the file of a study, or an address such as postgresql://user@host/database?study=NAME.
    """


@study.command(name="list")
@click.argument("where", metavar="[FOLDER]", default=".")
@show_as
def list_(where: str, *, form: str) -> None:
    """List the studies in a folder or database.

    A database is an address such as postgresql://user@host/database.
    """
    from pliant.study.places import find_all

    from .output import print_studies

    print_studies(find_all(where), form, where)


@study.command()
@click.argument("place")
@number("--journal", 10, "The number of journal lines.", least=0)
@show_as
def show(place: str, *, journal: int, form: str) -> None:
    """Show the settings, the progress and the journal of a study."""
    from pliant.study import Study
    from pliant.study.places import describe

    from .output import print_study

    with Study.open(place) as opened:
        lines = opened.journal()
        print_study(describe(opened), lines[-journal:] if journal else [], form)


@study.command()
@click.argument("place")
@number("--count", 1, "The number of trials.")
@show_as
def best(place: str, *, count: int, form: str) -> None:
    """Print the best trials, or the Pareto front."""
    from pliant.study import Study

    from .output import print_trials

    with Study.open(place) as opened:
        front = opened.front()
        several = bool(front) and front[0].rewards is not None
        print_trials(opened, front if several else opened.best(count), form, "with a reward")


@study.command()
@click.argument("place")
@click.option("--status", type=click.Choice(STATUSES), help="Only trials of this status.")
@number("--limit", 20, "The number of trials, the last ones; 0 for all.", least=0)
@show_as
def trials(place: str, *, status: str | None, limit: int, form: str) -> None:
    """Print the trials of a study."""
    from pliant.study import Study

    from .output import print_table_of, print_trials

    wanted = "" if status is None else f"with the status {quote(status)}"
    with Study.open(place) as opened:
        if form == "csv" and not limit and status is None:
            print_table_of(opened, "csv")
        else:
            print_trials(opened, list(opened.trials(status, last=limit or None)), form, wanted)


@study.command()
@click.argument("place")
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="The format.  [default: the ending of OUTPUT, or csv]"
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file.  [default: print it]"
)
@click.option("--reports", is_flag=True, help="Export the reports of trials instead (csv only).")
def export(place: str, *, form: str | None, output: Path | None, reports: bool) -> None:
    """Write all trials as a table for other programs."""
    from pliant.study import Study
    from pliant.study.export import to_parquet

    from .output import print_table_of

    named = "" if output is None else output.suffix[1:].lower()
    if form is None and named not in ("", *FORMS):
        raise click.UsageError(
            f"{str(output)!r} does not end in {', '.join(f'.{name}' for name in FORMS)}: rename it, or choose the format by "
            "--format."
        )
    chosen = form or named or "csv"
    if reports and chosen != "csv":
        raise click.UsageError("--reports writes csv only; json contains the reports of each trial.")
    if chosen == "parquet" and output is None:
        raise click.UsageError("Parquet is a binary format: name the file by --output FILE.")
    with Study.open(place) as opened:
        if chosen == "parquet":
            assert output is not None
            to_parquet(opened, output)
            return
        print_table_of(opened, chosen, reports=reports, output=output)


@study.command()
@click.argument("place")
@click.option("--trial", type=click.IntRange(min=1), help="Only those of this trial.")
@click.option("--best", is_flag=True, help="Only those of the best trial.")
@click.option(
    "--copy-to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy them into this folder, under their names; those of several trials under the trial's number.",
)
@click.option(
    "--check", is_flag=True, help="Compare all checksums; the exit status is 1 if something is damaged."
)
@click.option("--at", help="The folder or URL of the artifacts, if it is not known from the study.")
@show_as
def artifacts(place: str, **options: Any) -> None:
    """List, copy and check the files that trials saved."""
    from .artifacts import run

    if options["best"] and options["trial"] is not None:
        raise click.UsageError("--best and --trial choose a trial each; give one of them.")
    run(place, **options)


@study.command()
@click.argument("places", metavar="PLACE...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def rm(places: tuple[str, ...], *, yes: bool) -> None:
    """Delete studies, all or none.  A study that is in use is not deleted."""
    from pliant.study import Study
    from pliant.study.store.location import to_location

    from ..removal import remove_studies

    for place in places:
        with Study.open(place) as opened:
            click.echo(to_printable(f"{opened.path}: {opened.info().proposed} trials"))
    if not yes:
        click.confirm("Delete permanently?", abort=True)
    remove_studies(*map(to_location, places))
    click.echo("Deleted.")


@study.command()
@click.argument("place")
@click.argument("target", metavar="[FILE]", required=False)
@click.option("--trials", type=click.IntRange(min=1), help="The new number of all trials.")
@time_limit
@click.option(
    "--space", type=click.Path(path_type=Path), help="A search-space file (JSON), instead of search_space()."
)
@click.option(
    "--algorithm",
    help="The algorithm, as for `pliant search`, if it cannot be made from the record of the study.",
)
@click.option(
    "--stop",
    metavar="RULE",
    help="Another rule that ends the search, or none.  [default: that of the last run]",
)
@click.option(
    "--keep",
    metavar="WHICH",
    help="Other trials that keep their files, or none.  [default: as in the last run]",
)
@number("--top", 5, "The number of best trials to show.")
@pool_options
def resume(place: str, target: str | None, **options: Any) -> None:
    """Continue a study as it was searched, or end a pause.

    The algorithm and the settings are those of the study, also --stop and --keep.

    FILE is as for `pliant search`: the search continues in this process. Without it, the processes that search go on after
    `pliant study pause`.
    """
    from pliant.study.store.location import to_location

    from ..console import make_console, print_line
    from .change import end_pause
    from .change import resume as go_on

    console, location = make_console(), to_location(place)
    if target is None:
        end_pause(location)
        print_line(console, "resumed: the processes that search this study hand out trials again")
        return
    try:
        go_on(console, location, target, options)
    except KeyboardInterrupt:
        stop(console, location, "Run the same command to continue.")


@study.command()
@click.argument("place")
def pause(place: str) -> None:
    """Pause the search of a study, in every process.

    Running trials are finished, and no other is handed out until `pliant study resume PLACE`, also after a restart.
    """
    from pliant.study import Study
    from pliant.study.pause import pause_search

    from ..console import make_console, print_line

    with Study.open(place) as opened:
        pause_search(opened)
        running = opened.counts()["running"]
        still = f"; {running} running trial{'' if running == 1 else 's'} will be finished" if running else ""
        print_line(make_console(), f"paused{still}")


@study.command()
@click.argument("place")
@click.argument("decisions")
@click.option("--note", default="", help="Where they come from, for readers of the study.")
def enqueue(place: str, decisions: str, *, note: str) -> None:
    """Enqueue decisions to try next.

    DECISIONS is JSON by name or path, as in `export` or a trainer's --nas_params_str, or a JSON list.
    @FILE reads them from a file, and - from standard input.
    """
    from pliant.study import Study
    from pliant.study.export import read_decided

    from .change import read_decisions, say_room

    found = read_decisions(decisions)
    with Study.open(place) as opened:
        opened.enqueue(opened.space.parse(read_decided(opened.space, found)), note)
        info = opened.info()
    click.echo(to_printable(f"{info.queued} in the queue of {info.path}.{say_room(info)}", keep="\n"))


@study.command()
@click.argument("place")
def upgrade(place: str) -> None:
    """Upgrade a study of an older version.

    Continuing its search also does that.
    """
    from pliant.study import Study
    from pliant.study.store.location import to_location
    from pliant.study.store.opening import open_store

    open_store(to_location(place), writes=True)[0].close()
    with Study.open(place) as opened:
        click.echo(to_printable(f"{opened.path} has version {opened.info().schema_version} of the format."))


@study.command()
@click.argument("place")
@click.option("--accept", is_flag=True, help="Accept a file that lost its last steps as it is.")
def check(place: str, *, accept: bool) -> None:
    """Check every row of a study, and list all that is damaged.

    The exit status is 1 if something is.  Of a file it also checks the pages, and whether the last steps were lost.
    """
    from pathlib import Path

    from pliant.study import Study
    from pliant.study.store.check import accept_loss, find_faults
    from pliant.study.store.location import to_location

    location = to_location(place)
    if accept:
        if not isinstance(location, Path):
            raise click.UsageError("--accept is for files: a server keeps its own log.")
        done = accept_loss(location)
        click.echo(to_printable(f"{location}: {'accepted' if done else 'nothing to accept'}"))
    if faults := find_faults(location):
        raise click.ClickException("\n".join(map(to_printable, [f"{location} is damaged:", *faults])))
    with Study.open(location) as opened:
        click.echo(to_printable(f"{location}: sound, {opened.info().proposed} trials"))


@study.command()
@click.argument("place")
@click.argument("to", type=click.Path(path_type=Path))
def backup(place: str, to: Path) -> None:
    """Copy a study to a new file, also while it is written.

    A study in a database becomes a file as well.
    """
    from pliant.study import Study

    with Study.open(place) as opened:
        opened.backup(to)
        click.echo(to_printable(f"{to}: a copy with {opened.info().proposed} trials"))


@study.command()
@click.argument("source")
@click.argument("target")
@click.option("--delete", is_flag=True, help="Delete SOURCE after the copy was verified.  [default: keep it]")
def move(source: str, target: str, *, delete: bool) -> None:
    """Copy a study to another place, to continue it there.

    Nothing may write it meanwhile. The copy is compared row by row. Continue one of the two: they are separate studies.
    """
    from pliant.study.move import move as move_study
    from pliant.study.store.location import to_location

    count = move_study(source, target, delete=delete)
    kept = "was deleted" if delete else "is still there: continue one of the two, or delete it"
    click.echo(
        to_printable(f"{to_location(target)}: {count} trials, verified. {to_location(source)} {kept}.")
    )


@study.command(name="change-space")
@click.argument("place")
@click.argument("target", metavar="FILE[:SPACE]")
@click.option(
    "--map",
    "change",
    metavar="FILE:NAME",
    help="A function of recorded decisions that returns those of the new space, or a dict of new names by old ones.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be mapped, and change nothing.")
@click.option(
    "--algorithm",
    help="The algorithm, as for `pliant search`, if it cannot be made from the record of the study.",
)
def change_space(place: str, **options: Any) -> None:
    """Give a study another space, and map its trials into it.

    FILE defines the new search_space(), or the function SPACE. Trials that do not fit are kept as history.
    """
    from .space import change

    change(place, **options)


@study.command()
@click.argument("place")
@show_as
def workers(place: str, *, form: str) -> None:
    """Show the processes that work on a study, and their trials."""
    from pliant.study.team.workers import list_workers

    from .workers import print_workers

    print_workers(list_workers(place), form)


@study.command()
@click.argument("folder")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address of this machine to listen on."
)
@click.option("--port", type=click.IntRange(min=1, max=65535), help="The port.  [default: a free one]")
@click.option(
    "--until",
    "names",
    multiple=True,
    metavar="NAME",
    help="Stop when this study is complete. May be repeated.",
)
def server(folder: str, *, host: str, port: int | None, names: tuple[str, ...]) -> None:
    """Run a PostgreSQL server with its data in FOLDER.

    It runs as an ordinary user until Ctrl-C; the same command starts it again, also on another machine. FOLDER/address
    has its address, with a password; only you may read it. Other machines need --host, as in --host $(hostname).
    """
    from .server import run_server

    run_server(folder, host=host, port=port or 0, names=names)
