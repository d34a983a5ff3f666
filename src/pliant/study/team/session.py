"""``Session``: a connection to the database of a study for messages between the processes of a team.

Each statement is a transaction of its own.  It does not write the study: that is the leader's connection.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, final

import sqlalchemy as sa

from ..store.location import Server
from ..store.postgres import LOCK_CLASS, _make_engine, _schema, _translate_errors
from ..store.store import LostConnection

NO_TABLE = "42P01"  # what PostgreSQL reports where a table does not exist


class Gone(LostConnection):
    """The connection for messages is lost."""


class NoTable(Exception):
    """The table of the team does not exist yet."""


@final
class Session:
    """A connection that may wait for notifications.

    Args:
      server: the study.

    Raises:
      StudyError: the database cannot be reached.
    """

    def __init__(self, server: Server) -> None:
        engine = _make_engine(server, writes=True)
        with _translate_errors(str(server), waits=False):
            self._connection = engine.connect()
        raw: Any = self._connection.connection.driver_connection
        self._raw = raw
        self._errors: Any = engine.dialect.dbapi
        self._raw.autocommit = True
        self._key = zlib.crc32(_schema(server).encode())
        self.worker_class = zlib.crc32(f"workers of {_schema(server)}".encode()) - (1 << 31)

    def run(self, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Executes a statement; returns its rows.

        Raises:
          Gone: the connection is lost.
          NoTable: a table does not exist.
        """
        try:
            cursor = self._raw.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
        except (self._errors.OperationalError, self._errors.InterfaceError) as error:
            raise Gone(" ".join(str(error).split())) from error
        except self._errors.ProgrammingError as error:
            if error.sqlstate != NO_TABLE:
                raise
            raise NoTable from error

    def listen(self, channel: str) -> None:
        """Receives the notifications of a channel from now on; its name has letters, digits and _ only."""
        self.run(f'LISTEN "{channel}"')

    def wait(self, seconds: float) -> None:
        """Waits for a notification, so long at most.

        Raises:
          Gone: the connection is lost.
        """
        try:
            for _ in self._raw.notifies(timeout=seconds, stop_after=1):
                pass
        except (self._errors.OperationalError, self._errors.InterfaceError) as error:
            raise Gone(" ".join(str(error).split())) from error

    @property
    def channel(self) -> str:
        """The channel of requests to the leader; answers to a worker go to this name, ``_`` and its number."""
        return f"pliant_{self._key:x}"

    @property
    def leader_lock(self) -> dict[str, int]:
        """The advisory lock of the process that writes the study, as ``pg_locks`` shows it."""
        return {"class": LOCK_CLASS, "study": (self._key - (1 << 31)) & 0xFFFFFFFF}

    def close(self) -> None:
        """Disconnects."""
        try:
            self._connection.invalidate()  # closes it, also where another thread waits
            self._connection.close()
        except sa.exc.SQLAlchemyError:  # the server may be gone
            pass


def check_pooler(server: Server) -> str | None:
    """Returns why a team cannot use a database: a connection pooler that gives each transaction another session; else None.

    Two connections that are open at the same time have two sessions, unless a pooler lends them one after the other.
    """
    first, second = Session(server), Session(server)
    try:
        seen = [[one.run("SELECT pg_backend_pid()")[0][0] for one in (first, second)] for _ in range(3)]
    finally:
        first.close()
        second.close()
    if len(set(map(tuple, seen))) == 1 and seen[0][0] != seen[0][1]:
        return None
    return (
        f"{str(server)!r} is reached through a connection pooler in transaction mode (such as PgBouncer with pool_mode = transaction), "
        "in which locks and notifications do not last. Give the address of PostgreSQL itself, usually port 5432, or use "
        "pool_mode = session."
    )


# What the processes of a team know of each other; in the schema of the study.  Texts are JSON.
TABLE = """
CREATE TABLE IF NOT EXISTS workers (
  id serial PRIMARY KEY, key text UNIQUE NOT NULL, name text NOT NULL, joined timestamptz NOT NULL DEFAULT now(),
  seen timestamptz NOT NULL DEFAULT now(), leads boolean NOT NULL DEFAULT false, gone boolean NOT NULL DEFAULT false, session int,
  held text NOT NULL DEFAULT '{}', number bigint NOT NULL DEFAULT 0, request text,
  answered bigint NOT NULL DEFAULT 0, answer text
)
"""
LEADER_SESSION = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %(class)s AND objid = %(study)s AND objsubid = 2 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted"
)  # the session that has the right to write the study, with the values of ``leader_lock``
