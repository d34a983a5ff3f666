"""PostgreSQL store: a study in its own schema of a database; a database may hold any number of studies.

The right to write is an advisory lock of the session, which the server releases when the writer dies.  After a restart of
the server the store connects again; a step that was not committed is repeated.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import sqlalchemy as sa

from pliant.values.errors import NoStudyError, StudyError
from pliant.values.packages import require

from .faults import translate_errors
from .format import list_history, list_tables, make_tables, read_version, table_names
from .location import Server, to_location
from .lock import WAIT_SECONDS, Holder
from .migrate import migrate
from .record import Record
from .soundness import check_rows
from .store import Check, LostConnection, Settings, Store, Unreachable, explain_held
from .tables import NUMBERED, SCHEMA_VERSION, history, metadata, schema

PATIENCE = 60.0  # seconds that a server may be unreachable
PAGE = 2000  # rows that are copied at once
LOCK_CLASS = 0x706C6961  # of our advisory locks, so that they differ from those of other programs


@final
class PostgresStore(Store):
    """An open study on a server."""

    def __init__(self, server: Server, *, writes: bool) -> None:
        self._server, self._writes = server, writes
        with _translate_errors(str(server), waits=False):
            self._engine = _make_engine(server, writes=writes)
            connection = self._engine.connect()
        super().__init__(str(server), connection)

    @classmethod
    def create(cls, location: Server, settings: Settings, state: str) -> PostgresStore:
        """Makes the schema with all of its content in one transaction, and opens it for writing."""
        store = cls(location, writes=True)
        try:
            store._require_right()
            with store.transaction() as record:
                if table_names(record):
                    raise StudyError(
                        f"there is already a study at {str(location)!r}. Continue it by Study.open or "
                        "Study.open_or_create; for a new study give another name."
                    )
                record.connection.execute(sa.schema.CreateSchema(_schema(location), if_not_exists=True))
                make_tables(record, settings, state)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def copy(cls, location: Server, source: Store) -> PostgresStore:
        """Makes the schema with all rows of another study in one transaction, and opens it for writing."""
        store = cls(location, writes=True)
        try:
            store._require_right()
            with store.transaction() as record, source.transaction() as other:
                if table_names(record):
                    raise StudyError(
                        f"there is already a study at {str(location)!r}. Give another name, or delete it first by `pliant study rm`."
                    )
                record.connection.execute(sa.schema.CreateSchema(_schema(location), if_not_exists=True))
                copy_rows(other, record.connection)
                for table in map(metadata.tables.__getitem__, NUMBERED):
                    last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
                    name = sa.func.pg_get_serial_sequence(table.name, "id")
                    record.connection.execute(sa.select(sa.func.setval(name, last)))  # does nothing for NULL
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(
        cls, location: Server, check: Check, *, writes: bool, is_quick: bool = False
    ) -> tuple[PostgresStore, Settings]:
        """Opens an existing study; its writer upgrades one of an older format."""
        store = cls(location, writes=writes)
        try:
            with store.transaction() as record:
                if not table_names(record):
                    raise NoStudyError(
                        f"no study found at {str(location)!r}. Studies in this database: "
                        f"{', '.join(_studies(record)[:20]) or 'none'}.",
                        "Make one with Study.create(path, space, algorithm) or Study.open_or_create.",
                        is_free=True,
                    )
            if writes:
                store._require_right()
            with store.transaction() as record:
                if (version := read_version(record, exactly=not writes)) < SCHEMA_VERSION:
                    migrate(record, version)
                if not is_quick:
                    check_rows(record, list_tables(record))
                settings = record.settings()
                check(settings)
        except BaseException:
            store.close()
            raise
        return store, settings

    @property
    def location(self) -> Server:
        return self._server

    def beside(self, work: Callable[[Record], None]) -> None:
        """Writes by a short separate connection."""
        engine = _make_engine(self._server, writes=True)
        with (
            _translate_errors(str(self.path), waits=False),
            engine.connect() as connection,
            connection.begin(),
        ):
            record = Record(connection, self.path)
            read_version(record, exactly=True)
            work(record)
        engine.dispose()

    def backup(self, file: Path) -> None:
        """Copies all rows into tables of SQLite, which have the same form."""
        engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
        with translate_errors(file), engine.begin() as copy, self.transaction() as record:
            copy_rows(record, copy)

    def reconnect(self) -> None:
        """Waits up to a minute for the server, with longer pauses after each try."""
        self.losses += 1
        end, pause = time.monotonic() + PATIENCE, 0.05
        while True:
            time.sleep(pause)
            pause = min(2 * pause, 2.0)
            try:
                with suppress(sa.exc.SQLAlchemyError):
                    self.record.connection.close()
                with _translate_errors(str(self.path), waits=True):
                    self.record.connection = self._engine.connect()
                if not self._writes or self._take_right():
                    return
            except LostConnection:
                if time.monotonic() > end:
                    raise
                continue
            holder = self._find_holder()
            if time.monotonic() > end or holder is None or not holder.is_here:
                self.record.connection.close()  # so that no thread writes without the right
                raise explain_held(self.path, holder)  # else the server has not ended our lost session yet

    def _translate_errors(self) -> AbstractContextManager[None]:
        return _translate_errors(str(self.path), waits=True)

    def _close(self) -> None:
        with suppress(sa.exc.SQLAlchemyError):  # the server may be gone
            self.record.connection.close()
        self._engine.dispose()

    def _require_right(self) -> None:
        if not self._take_right():
            raise explain_held(self.path, self._find_holder())

    def _find_holder(self) -> Holder | None:
        """Returns the process that writes the study, where that can be read."""
        with suppress(StudyError), self.transaction() as record:
            holder: Holder | None = record.settings()["holder"]
            return holder
        return None

    def _take_right(self) -> bool:
        """Returns whether this session may write now; waits a moment for a holder that has just died."""
        key = zlib.crc32(_schema(self._server).encode()) - (1 << 31)
        query = sa.select(
            sa.func.pg_try_advisory_lock(sa.cast(LOCK_CLASS, sa.Integer), sa.cast(key, sa.Integer))
        )
        end = time.monotonic() + WAIT_SECONDS
        while True:
            with _translate_errors(str(self.path), waits=True), self.record.connection.begin():
                if self.record.connection.execute(query).scalar():
                    return True
            if time.monotonic() > end:
                return False
            time.sleep(0.05)


def copy_rows(record: Record, to: sa.Connection) -> None:
    """Makes the tables of a study in another database, with all rows, some thousand at a time."""
    metadata.create_all(to, checkfirst=False)
    tables = list(metadata.sorted_tables)
    if extra := list_history(record):
        history.create_all(to, tables=extra)
        tables += extra
    for table in tables:
        rows = record.connection.execute(sa.select(table).execution_options(yield_per=PAGE))
        for page in rows.mappings().partitions():
            to.execute(sa.insert(table), [dict(row) for row in page])


def find_studies(address: str) -> list[Server]:
    """Returns the studies in a database by name; ``address`` is that of the database, without a study.

    Raises:
      StudyError: the database cannot be reached.
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
    store, _ = PostgresStore.open(server, lambda settings: None, writes=True)
    try:
        with store.transaction() as record:
            record.connection.execute(sa.schema.DropSchema(_schema(server), cascade=True))
    finally:
        store.close()


def _schema(server: Server) -> str:
    return f"study_{server.study}"


def _make_engine(server: Server, *, writes: bool) -> sa.Engine:
    require("a study on a server", "psycopg", instead="store the study in a file", kind=StudyError)
    engine = sa.create_engine(
        server.url,
        poolclass=sa.NullPool,
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        connect_args={"connect_timeout": 10},
    )

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
def _translate_errors(path: str, *, waits: bool) -> Iterator[None]:
    """Raises errors of the server as ``StudyError``; lost connections as ``LostConnection`` where the store ``waits``, else as ``Unreachable``."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        said = " ".join(str(error.orig).split())
        state = getattr(error.orig, "sqlstate", None) or ""
        is_gone = error.connection_invalidated or state.startswith("57P") or not state
        if is_gone and waits and isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
            raise LostConnection(
                f"the server of {path!r} was unreachable for {PATIENCE:g} s. Start it, and run again: what was told before "
                f"is kept. (PostgreSQL: {said}.)"
            ) from error
        if isinstance(error, sa.exc.IntegrityError):
            raise StudyError(
                f"another program changed {path!r} between two steps of this one ({said}). "
                "Only one process writes a study: end the other, and open the study again."
            ) from error
        if isinstance(error, sa.exc.OperationalError):
            raise Unreachable(
                f"{path!r} cannot be reached. Check the address, that the server runs, that the database exists "
                f"(`createdb NAME`), and your rights. (PostgreSQL: {said}.)"
            ) from error
        raise StudyError(f"{path!r} cannot be used: PostgreSQL reports: {said}.") from error
