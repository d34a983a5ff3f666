"""SQLite store: a study in a file.

It uses WAL mode, so that readers see the last commit while the writer continues, and ``synchronous=FULL``, so that
committed data survives a power failure, not only a killed process.
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

from .faults import explain, translate_errors
from .format import check_file, make_tables, read_version, table_names
from .location import check_exists
from .lock import WriterLock
from .migrate import migrate
from .record import Record
from .store import Check, Settings, Store, explain_held
from .tables import SCHEMA_VERSION

BUSY_SECONDS = 30.0
MIN_PAGE = 512  # SQLite takes a shorter file for an empty database, whatever it contains


@final
class SqliteStore(Store):
    """An open study file.  Its connection only reads until the right to write is held."""

    path: Path

    def __init__(self, path: Path, *, creates: bool = False) -> None:
        self._lock = WriterLock(path)
        if creates:
            self._take_lock(path)
        try:
            self._engine, connection = _connect(path, creates=creates)
            super().__init__(path, connection)
            if creates:
                self._start_writing()
        except BaseException:
            self._lock.release()
            raise

    @classmethod
    def create(cls, location: Path, settings: Settings, state: str) -> SqliteStore:
        """Makes the file with all of its content in one transaction, and opens it for writing."""
        store = cls(location, creates=True)
        try:
            with store.transaction() as record:
                if table_names(record):
                    raise StudyError(
                        f"there is already a database at {str(location)!r}. If it is a study, continue it by Study.open or "
                        "Study.open_or_create; for a new study give another path, or remove the file together with "
                        "the files of the same name that end in '-wal', '-shm' and '-lock'."
                    )
                make_tables(record, settings, state)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, location: Path, check: Check, *, writes: bool) -> tuple[SqliteStore, Settings]:
        """Opens an existing file.  It is checked by a reader first, so that only a study is ever locked or changed."""
        check_exists(location)
        store = cls(location)
        try:
            with store.transaction() as record:
                version = check_file(record)
            if writes:
                store._take_lock(location)
                store._start_writing()
            elif version < SCHEMA_VERSION:
                store._read_copy()
            with store.transaction() as record:
                if (version := read_version(record)) < SCHEMA_VERSION:
                    migrate(record, version)
                settings = record.settings()
                check(settings)
        except BaseException:
            store.close()
            raise
        return store, settings

    def beside(self, work: Callable[[Record], None]) -> None:
        """Writes by a short separate connection."""
        engine, connection = _connect(self.path, creates=False)
        try:
            with translate_errors(self.path):
                _allow_writing(connection)
                with connection.begin():
                    read_version(Record(connection, self.path), exactly=True)
                    work(Record(connection, self.path))
        finally:
            connection.close()
            engine.dispose()

    def reconnect(self) -> None:
        """Does nothing: the connection to a file is never lost."""

    def _translate_errors(self) -> AbstractContextManager[None]:
        return translate_errors(self.path)

    def _close(self) -> None:
        self.record.connection.close()
        self._engine.dispose()  # the last process that closes merges the log into the file
        self._lock.release()

    def _take_lock(self, path: Path) -> None:
        if not self._lock.acquire():
            gc.collect()  # a search loop that was left by `break` may hold it, in an unreachable cycle
            if not self._lock.acquire():
                raise _held(path)

    def _start_writing(self) -> None:
        with translate_errors(self.path):
            _allow_writing(self.record.connection)

    def _read_copy(self) -> None:
        """Replaces the connection by one to a copy in memory, which may be upgraded; the file stays as it is."""
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        raw = self.record.connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.backup(copy)
        self.record.connection.close()
        self._engine.dispose()
        self._engine = sa.create_engine("sqlite://", creator=lambda: copy, poolclass=sa.StaticPool)
        self.record.connection = self._engine.connect()


def _connect(path: Path, *, creates: bool) -> tuple[sa.Engine, sa.Connection]:
    """Returns a connection that only reads, until ``_allow_writing``."""
    if path.exists() and 0 < path.stat().st_size < MIN_PAGE:
        raise explain(sqlite3.DatabaseError("file is not a database"), path)
    engine = _make_engine(path, "rwc" if creates else "rw")
    try:
        with translate_errors(path):
            return engine, engine.connect()
    except StudyError:
        if creates or path.with_name(path.name + "-wal").exists():
            raise
    # In a folder that cannot be written SQLite cannot make its lock files: read without them, as no process writes.
    engine = _make_engine(path, "ro&immutable=1")
    with translate_errors(path):
        return engine, engine.connect()


def _make_engine(path: Path, mode: str) -> sa.Engine:
    uri = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA query_only=ON")
            # Opening a file reads nothing of it; this shows whether it can be read.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    def start(connection: sa.Connection) -> None:
        raw: Any = connection.connection.driver_connection
        raw.execute(
            connection.info.get("begin", "BEGIN")
        )  # five times faster than SQLAlchemy's own statement

    sa.event.listen(engine, "begin", start)
    return engine


def _allow_writing(connection: sa.Connection) -> None:
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA query_only=OFF")
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    # Takes SQLite's lock at once: a transaction that reads before it writes could fail in between.
    connection.info["begin"] = "BEGIN IMMEDIATE"


def _held(path: Path) -> StudyInUseError:
    """Returns the error for a study that is open for writing; it names the process where that can be read."""
    holder = None
    with suppress(StudyError):
        store, settings = SqliteStore.open(path, lambda settings: None, writes=False)
        store.close()
        holder = settings["holder"]
    if holder is not None and holder.is_here:
        return StudyInUseError(
            f"the study {str(path)!r} is already open for writing in this process ({holder}).",
            "Use the open one, or close it first: `study.close()` or `with Study...`, and `search.close()` for a search loop. A study that no variable "
            "and no traceback refers to closes itself.",
            str(holder),
        )
    return explain_held(path, holder)
