"""Runs a PostgreSQL server for ``pliant study server``, until it is interrupted or its studies are complete."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic, sleep

import click

from pliant.study import Study
from pliant.study.interrupts import Interrupts
from pliant.study.store.location import to_location
from pliant.study.team.database import BEAT, Database
from pliant.study.team.workers import list_workers
from pliant.values.errors import StudyError
from pliant.values.text import to_printable

TICK = 0.2  # seconds between checks for Ctrl-C
LEAVE_SECONDS = 60.0  # the time for processes to leave a complete study


def run_server(folder: str, *, host: str, port: int, names: tuple[str, ...]) -> None:
    """Runs the server in this process's foreground.

    Raises:
      StudyError: it does not start, or ended by itself.
    """
    database = Database(folder, host=host, port=port)
    for name in names:
        to_location(f"postgresql://user@host/database?study={name}")  # raises, where it cannot be a name
    with Interrupts() as interrupts:
        database.start()
        try:
            address = database.folder / "address"
            click.echo(
                to_printable(
                    f"PostgreSQL listens on {host}, with its data in {database.folder}. Ctrl-C stops it.\n"
                    f'A search on it: pliant search FILE --study "$(cat {address})?study=NAME"',
                    keep="\n",
                )
            )
            _wait(database, names, interrupts)
        finally:
            database.stop()
    click.echo("Stopped.")


def _wait(database: Database, names: tuple[str, ...], interrupts: Interrupts) -> None:
    """Returns after Ctrl-C, or when all of these studies are complete."""
    looked, since = monotonic(), None
    while not interrupts.count:
        sleep(TICK)
        if monotonic() - looked < BEAT:
            continue
        looked = monotonic()
        if not database.beat():
            raise StudyError(f"the server ended; its last words are in {str(database.folder / 'log')!r}.")
        places = [f"{database.address}?study={name}" for name in names]
        if names and all(map(_is_complete, places)):
            since = looked if since is None else since
            if looked - since > LEAVE_SECONDS or not any(map(list_workers, places)):
                return


def _is_complete(place: str) -> bool:
    with suppress(StudyError), Study.open(place) as study:
        return study.is_complete
    return False
