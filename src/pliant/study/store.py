"""A study file as a whole: made, opened, locked, closed; and its transactions.  What is in it, ``record`` knows.

SQLite in WAL mode, so that readers see the last committed state while the writer goes on; and
``synchronous=FULL``, so that what is committed survives a loss of power, not just a killed process.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

import sqlalchemy as sa

from pliant.values.errors import StudyError

from .faults import as_lessons, explain
from .format import check_tables, make_tables, table_names
from .lock import WriterLock, name_process
from .record import Record

BUSY_SECONDS = 30.0
MIN_PAGE = 512  # what is shorter, SQLite takes for an empty database, whatever is in it


@final
class Store:
    """An open study file.  Use ``create`` or ``open``; then ``transaction``."""

    def __init__(self, path: Path, *, writes: bool, creates: bool = False) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._closed = False
        self._process = os.getpid()
        self._right = WriterLock(path) if writes else None
        if self._right is not None and not self._right.acquire():
            gc.collect()  # a loop that was left by `break` may hold it, in a cycle that nothing refers to
            if not self._right.acquire():
                raise _held(path)
        try:
            self._engine, self._connection = _connect(path, writes=writes, creates=creates)
        except BaseException:
            if self._right is not None:
                self._right.release()
            raise
        self.record = Record(self._connection, path)

    @classmethod
    def create(cls, path: Path, settings: dict[str, Any], state: str) -> Store:
        """Makes the file, with everything in it in one transaction, and opens it for writing.

        Raises:
          StudyError: the file has other contents, cannot be written, or is being written.
        """
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
    def open(cls, path: Path, *, writes: bool) -> Store:
        """Opens a file that ``create`` made.

        Raises:
          StudyError: it is no study, damaged, of a newer version, or it is to be written and another
            process writes it.
        """
        if writes:
            cls.open(path, writes=False).close()  # what is no study is not locked, or touched otherwise
            return cls(path, writes=True)
        store = cls(path, writes=False)
        try:
            with store.transaction() as record:
                check_tables(record)
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def transaction(self) -> Iterator[Record]:
        """All of the block or nothing; one thread at a time.  Within another transaction, a part of it."""
        with self.lock:
            if os.getpid() != self._process:
                raise StudyError(
                    f"the study {str(self.path)!r} was opened by process {self._process}, and a fork of it cannot "
                    "use it: ask and tell where it was opened, and send decisions and rewards to and fro."
                )
            if self._closed:
                raise StudyError(f"the study {str(self.path)!r} is closed; open it again with Study.open.")
            if self._connection.in_transaction():
                yield self.record
                return
            with as_lessons(self.path), self._connection.begin():
                yield self.record

    def close(self) -> None:
        """Closes the file, and lets others write it; the last one to close merges the log into it."""
        if os.getpid() != self._process:
            return  # a fork that closed its copy could take the writer's log away
        with self.lock:
            self._closed = True
            self._connection.close()
            self._engine.dispose()
            if self._right is not None:
                self._right.release()


def is_free(path: Path) -> bool:
    """Returns whether a study may be made there: no file, or one without content.

    A process that was killed while it made a study leaves an empty database.
    """
    if not path.exists() or path.stat().st_size == 0:
        return True
    try:
        store = Store(path, writes=False)
    except StudyError:
        return False
    try:
        with store.transaction() as record:
            return not table_names(record)
    except StudyError:
        return False
    finally:
        store.close()


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
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _held(path: Path) -> StudyError:
    """Returns the error for a study that another process writes, which is named where it can be read."""
    holder = None
    with suppress(StudyError):
        store = Store.open(path, writes=False)
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
    return StudyError(
        f"the study {str(path)!r} is being written by {holder or 'another process'}. One process at a time "
        "writes a study: close it there first (`with Study...` closes it), or end that process. "
        "To read meanwhile, leave out the algorithm: Study.open(path)."
    )
