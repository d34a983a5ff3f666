"""A study in a PostgreSQL database, in a schema of its own; any number of studies share a database.

The right to write is an advisory lock of the session, so that the server gives it back when the writer dies.  A server
that restarts is waited for: what was not committed is done again, and what was is found in the record.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Any, final

import sqlalchemy as sa

from pliant.values.errors import StudyError, StudyInUseError

from .format import make_tables, read_version, table_names
from .location import Server, to_location
from .lock import WAIT_SECONDS, name_process
from .migrate import migrate
from .record import Record
from .store import LostConnection, Store
from .tables import SCHEMA_VERSION, schema

PATIENCE = 60.0  # seconds that a server may be gone
LOCK_CLASS = 0x706C6961  # of our advisory locks, so that they are not another program's


@final
class PostgresStore(Store):
    """An open study on a server."""

    def __init__(self, server: Server, *, writes: bool) -> None:
        self._server, self._writes = server, writes
        with _lessons(str(server), waits=False):
            self._engine = _make_engine(server, writes=writes)
            connection = self._engine.connect()
        super().__init__(str(server), connection)
        if writes and not self._take_right():
            connection.close()
            raise _held(server, _find_holder(server))

    @classmethod
    def create(cls, location: Server, settings: dict[str, Any], state: str) -> PostgresStore:
        """Makes the schema, with everything in it in one transaction, and opens it for writing."""
        store = cls(location, writes=True)
        try:
            with store.transaction() as record:
                if table_names(record):
                    raise StudyError(
                        f"there is a study at {str(location)!r} already. Go on with it by Study.open or "
                        "Study.open_or_create; to start anew, give another name."
                    )
                record.connection.execute(sa.schema.CreateSchema(_schema(location), if_not_exists=True))
                make_tables(record, settings, state)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, location: Server, *, writes: bool) -> PostgresStore:
        """Opens a study that ``create`` made; one of an older version is brought up to date by its writer."""
        store = cls(location, writes=writes)
        try:
            with store.transaction() as record:
                if not table_names(record):
                    raise StudyError(
                        f"there is no study at {str(location)!r}. Make one with Study.create(path, space, algorithm), or "
                        f"use Study.open_or_create. Studies in this database: {', '.join(_studies(record)[:20]) or 'none'}."
                    )
                version = read_version(record, exactly=not writes)
                if version < SCHEMA_VERSION:
                    migrate(record, version)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def is_free(cls, location: Server) -> bool:
        """Returns whether the database has no such study."""
        store = cls(location, writes=False)
        try:
            with store.transaction() as record:
                return not table_names(record)
        finally:
            store.close()

    def beside(self, work: Callable[[Record], None]) -> None:
        """Writes by a short connection of its own."""
        engine = _make_engine(self._server, writes=True)
        with _lessons(str(self.path), waits=False), engine.connect() as connection, connection.begin():
            record = Record(connection, self.path)
            read_version(record, exactly=True)
            work(record)
        engine.dispose()

    def reconnect(self) -> None:
        """Waits up to a minute for the server, longer between tries each time."""
        self.losses += 1
        end, pause = time.monotonic() + PATIENCE, 0.05
        while True:
            time.sleep(pause)
            pause = min(2 * pause, 2.0)
            try:
                with suppress(sa.exc.SQLAlchemyError):
                    self.record.connection.close()
                with _lessons(str(self.path), waits=True):
                    self.record.connection = self._engine.connect()
                if not self._writes or self._take_right():
                    return
            except LostConnection:
                if time.monotonic() > end:
                    raise
                continue
            holder = _find_holder(self._server)
            if time.monotonic() > end or not str(holder).startswith(f"{name_process()},"):
                raise _held(
                    self._server, holder
                )  # else it is our lost session, which the server has yet to miss

    def _lessons(self) -> AbstractContextManager[None]:
        return _lessons(str(self.path), waits=True)

    def _close(self) -> None:
        with suppress(sa.exc.SQLAlchemyError):  # the server may be gone
            self.record.connection.close()
        self._engine.dispose()

    def _take_right(self) -> bool:
        """Returns whether this session may write now; waits a moment for a holder that died just now."""
        key = zlib.crc32(_schema(self._server).encode()) - (1 << 31)
        query = sa.select(
            sa.func.pg_try_advisory_lock(sa.cast(LOCK_CLASS, sa.Integer), sa.cast(key, sa.Integer))
        )
        end = time.monotonic() + WAIT_SECONDS
        while True:
            with _lessons(str(self.path), waits=True), self.record.connection.begin():
                if self.record.connection.execute(query).scalar():
                    return True
            if time.monotonic() > end:
                return False
            time.sleep(0.05)


def find_studies(address: str) -> list[Server]:
    """Returns the studies in a database, which ``address`` names without a study, by name.

    Raises:
      StudyError: it cannot be reached.
    """
    place = to_location(f"{address}{'&' if '?' in address else '?'}study=x")
    assert isinstance(place, Server)
    store = PostgresStore(place, writes=False)
    try:
        return store.read(lambda record: [replace(place, study=name) for name in _studies(record)])
    finally:
        store.close()


def remove_study(server: Server) -> None:
    """Deletes a study.

    Raises:
      StudyError: there is none, or another process writes it.
    """
    store = PostgresStore.open(server, writes=True)
    try:
        with store.transaction() as record:
            record.connection.execute(sa.schema.DropSchema(_schema(server), cascade=True))
    finally:
        store.close()


def _schema(server: Server) -> str:
    return f"study_{server.study}"


def _make_engine(server: Server, *, writes: bool) -> sa.Engine:
    try:
        engine = sa.create_engine(
            server.url,
            poolclass=sa.NullPool,
            isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
            connect_args={"connect_timeout": 10},
        )
    except ModuleNotFoundError as error:
        raise StudyError(
            "a study on a server needs psycopg; install it with `pip install 'pliant[postgres]'`."
        ) from error

    def set_path(raw: Any, _: Any) -> None:
        with raw.cursor() as cursor:  # the name has letters, digits and _ only
            cursor.execute(f'SET search_path TO "{_schema(server)}"')
        raw.commit()

    sa.event.listen(engine, "connect", set_path)
    return engine


def _studies(record: Record) -> list[str]:
    names = record.connection.execute(
        sa.text(
            "SELECT schemaname FROM pg_tables WHERE schemaname LIKE 'study\\_%' AND tablename = :name ORDER BY 1"
        ),
        {"name": schema.name},
    )
    return [name.removeprefix("study_") for (name,) in names]


@contextmanager
def _lessons(path: str, *, waits: bool) -> Iterator[None]:
    """Raises what the server reports as a ``StudyError``; where it is gone and it ``waits``, as ``LostConnection``."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        said = " ".join(str(error.orig).split())
        state = getattr(error.orig, "sqlstate", None) or ""
        is_gone = error.connection_invalidated or state.startswith("57P") or not state
        if is_gone and waits and isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
            raise LostConnection(
                f"the server of {path!r} is gone, and did not come back within {PATIENCE:g} s. Start it, and go on: what "
                f"was told before is kept. (PostgreSQL: {said}.)"
            ) from error
        if isinstance(error, sa.exc.IntegrityError):
            raise StudyError(
                f"{path!r} was changed by another program between two steps of this one ({said}). "
                "One process at a time writes a study: end the other, and open the study again."
            ) from error
        if isinstance(error, sa.exc.OperationalError):
            raise StudyError(
                f"{path!r} cannot be reached. Check the address, that the server runs, that the database exists "
                f"(`createdb NAME`), and your rights. (PostgreSQL: {said}.)"
            ) from error
        raise StudyError(f"{path!r} cannot be used: PostgreSQL reports: {said}.") from error


def _find_holder(server: Server) -> str | None:
    """Returns who writes a study, where that can be read."""
    with suppress(StudyError):
        store = PostgresStore.open(server, writes=False)
        try:
            with store.transaction() as record:
                holder: str | None = record.settings()["holder"]
                return holder
        finally:
            store.close()
    return None


def _held(server: Server, holder: str | None) -> StudyError:
    """Returns the error for a study that another process writes."""
    return StudyInUseError(
        f"the study {str(server)!r} is being written by {holder or 'another process'}. One process at a time "
        "writes a study: close it there first (`with Study...` closes it), or end that process. "
        "To read meanwhile, leave out the algorithm: Study.open(path).",
        holder,
    )
