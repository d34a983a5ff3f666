"""A study in a file: made, opened, locked, closed.  What is in it, ``record`` knows.

SQLite in WAL mode, so that readers see the last committed state while the writer goes on; and
``synchronous=FULL``, so that what is committed survives a loss of power, not just a killed process.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, final

import sqlalchemy as sa

from pliant.values.errors import StudyError, StudyInUseError

from .faults import as_lessons, explain
from .format import check_file, make_tables, read_version, table_names
from .location import check_exists
from .lock import WriterLock, name_process
from .migrate import migrate
from .record import Record
from .store import Store
from .tables import SCHEMA_VERSION

BUSY_SECONDS = 30.0
MIN_PAGE = 512  # what is shorter, SQLite takes for an empty database, whatever is in it


@final
class SqliteStore(Store):
    """An open study file."""

    path: Path

    def __init__(self, path: Path, *, writes: bool, creates: bool = False) -> None:
        self._right = WriterLock(path) if writes else None
        if self._right is not None and not self._right.acquire():
            gc.collect()  # a loop that was left by `break` may hold it, in a cycle that nothing refers to
            if not self._right.acquire():
                raise _held(path)
        try:
            self._engine, connection = _connect(path, writes=writes, creates=creates)
        except BaseException:
            if self._right is not None:
                self._right.release()
            raise
        super().__init__(path, connection)

    @classmethod
    def create(cls, location: Path, settings: dict[str, Any], state: str) -> SqliteStore:
        """Makes the file, with everything in it in one transaction, and opens it for writing."""
        path = location
        store = cls(path, writes=True, creates=True)
        try:
            with store.transaction() as record:
                if table_names(record):
                    raise StudyError(
                        f"there is a database at {str(path)!r} already. If it is a study, go on with it by "
                        "Study.open or Study.open_or_create; to start anew, give another path or remove the "
                        "file together with those named alike ('-wal', '-shm', '-lock')."
                    )
                make_tables(record, settings, state)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, location: Path, *, writes: bool) -> SqliteStore:
        """Opens a file that ``create`` made; one of an older version is brought up to date, or, to be read, a copy."""
        path = location
        check_exists(path)
        if writes:
            cls.open(path, writes=False).close()  # what is no study is not locked, or touched otherwise
        store = cls(path, writes=writes)
        try:
            with store.transaction() as record:
                version = read_version(record) if writes else check_file(record)
                if writes and version < SCHEMA_VERSION:
                    migrate(record, version)
            if not writes and version < SCHEMA_VERSION:
                store._read_copy(version)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def is_free(cls, location: Path) -> bool:
        """Returns whether there is no file, or one without content, such as a process leaves that was killed early."""
        path = location
        if not path.exists() or path.stat().st_size == 0:
            return True
        try:
            store = cls(path, writes=False)
        except StudyError:
            return False
        try:
            with store.transaction() as record:
                return not table_names(record)
        except StudyError:
            return False
        finally:
            store.close()

    def beside(self, work: Callable[[Record], None]) -> None:
        """Writes by a short connection of its own."""
        engine, connection = _connect(self.path, writes=True, creates=False)
        try:
            with as_lessons(self.path), connection.begin():
                read_version(Record(connection, self.path), exactly=True)
                work(Record(connection, self.path))
        finally:
            connection.close()
            engine.dispose()

    def reconnect(self) -> None:
        """Does nothing: a file is never gone for a moment."""

    def _lessons(self) -> AbstractContextManager[None]:
        return as_lessons(self.path)

    def _close(self) -> None:
        self.record.connection.close()
        self._engine.dispose()  # the last one to close merges the log into the file
        if self._right is not None:
            self._right.release()

    def _read_copy(self, version: int) -> None:
        """Goes on with a copy in memory that is of the present version; the file stays as it is."""
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        raw = self.record.connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.backup(copy)
        self.record.connection.close()
        self._engine.dispose()
        self._engine = sa.create_engine("sqlite://", creator=lambda: copy, poolclass=sa.StaticPool)
        self.record.connection = self._engine.connect()
        with self.transaction() as record:
            migrate(record, version)


def _connect(path: Path, *, writes: bool, creates: bool) -> tuple[sa.Engine, sa.Connection]:
    if path.exists() and 0 < path.stat().st_size < MIN_PAGE:
        raise explain(sqlite3.DatabaseError("file is not a database"), path)
    engine = _make_engine(path, "rwc" if creates else "rw", writes=writes)
    try:
        with as_lessons(path):
            return engine, engine.connect()
    except StudyError:
        if writes or path.with_name(path.name + "-wal").exists():
            raise
    # In a folder that cannot be written SQLite cannot make its files for locks: read without, as none writes.
    engine = _make_engine(path, "ro&immutable=1", writes=False)
    with as_lessons(path):
        return engine, engine.connect()


def _make_engine(path: Path, mode: str, *, writes: bool) -> sa.Engine:
    uri = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            if writes:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
            else:
                connection.execute("PRAGMA query_only=ON")
                # To open a file reads nothing of it; whether it can be read shows here.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    # A writer takes SQLite's lock first: a transaction that reads and then writes could fail in between.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def start(connection: sa.Connection) -> None:
        raw: Any = connection.connection.driver_connection
        raw.execute(begin)  # at a fifth of what SQLAlchemy's own way costs, in each step of a study

    sa.event.listen(engine, "begin", start)
    return engine


def _held(path: Path) -> StudyError:
    """Returns the error for a study that another process writes, which is named where it can be read."""
    holder = None
    with suppress(StudyError):
        store = SqliteStore.open(path, writes=False)
        try:
            with store.transaction() as record:
                holder = record.settings()["holder"]
        finally:
            store.close()
    if holder is not None and holder.startswith(name_process()):
        return StudyError(
            f"the study {str(path)!r} is open for writing in this process already ({holder}). Go on with the one "
            "that is open, or close it first: `study.close()` or `with Study...`, of a loop `search.close()`; one that "
            "nothing refers to any more, no variable and no traceback, closes itself."
        )
    return StudyInUseError(
        f"the study {str(path)!r} is being written by {holder or 'another process'}. One process at a time "
        "writes a study: close it there first (`with Study...` closes it), or end that process. "
        "To read meanwhile, leave out the algorithm: Study.open(path).",
        holder,
    )
