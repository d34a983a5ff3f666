"""Where the files of trials are, for a study on a server: a row of a table that it has once a search names the place."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

import sqlalchemy as sa

from .location import Server
from .postgres import PostgresStore
from .record import Record

_HAS_TABLE = sa.text("SELECT to_regclass('artifacts') IS NOT NULL")
_LOCK = sa.text(
    "SELECT pg_advisory_xact_lock(hashtext(current_schema()))"
)  # of two creators of a table, one fails
_CREATE = sa.text("CREATE TABLE IF NOT EXISTS artifacts (place text NOT NULL, mark text NOT NULL)")
_READ = sa.text("SELECT place, mark FROM artifacts")
_ADD = sa.text("INSERT INTO artifacts (place, mark) VALUES (:place, :mark)")


class Elsewhere(NamedTuple):
    """The folder or URL of the files, and a key that is stored there, by which another machine recognizes it."""

    place: str
    mark: str


def read_elsewhere(server: Server) -> Elsewhere | None:
    """Returns where the files of the trials of a study are; None where no search has named the place.

    Raises:
      StudyError: the database cannot be reached.
    """
    with closing(PostgresStore(server, writes=False)) as store:
        return store.read(_read)


def write_elsewhere(server: Server, given: Elsewhere) -> Elsewhere:
    """Writes where the files are, unless that is known; returns what is known then.

    Raises:
      StudyError: the database cannot be reached, or has no study.
    """
    found = [given]

    def work(record: Record) -> None:
        record.connection.execute(_LOCK)
        record.connection.execute(_CREATE)
        known = _read(record)
        if known is None:
            record.connection.execute(_ADD, given._asdict())
        else:
            found[0] = known

    with closing(PostgresStore(server, writes=False)) as store:
        store.beside(work)
    return found[0]


def _read(record: Record) -> Elsewhere | None:
    if not record.connection.execute(_HAS_TABLE).scalar():
        return None
    row = record.connection.execute(_READ).fetchone()
    return None if row is None else Elsewhere(*row)
