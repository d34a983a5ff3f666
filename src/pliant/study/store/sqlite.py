"""SQLite store: a study in a file.

It uses WAL mode, so that readers see the last commit while the writer continues, and ``synchronous=FULL``, so that
committed data survives a power failure, not only a killed process.  The log is merged into the file often, and a ``Mark``
counts the commits, so that a lost log is noticed.
"""

from __future__ import annotations

import gc
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, final

import sqlalchemy as sa

from pliant.values.errors import StudyError, StudyInUseError

from .failpoint import reach
from .faults import explain, translate_errors
from .files import beside, check_single, find_real, identify, make_private
from .format import check_file, make_tables, read_version, table_names
from .location import check_exists
from .lock import WriterLock
from .mark import RESTORE, Count, Mark, check_mark, explain_emptied, read_mark
from .migrate import migrate
from .record import Record
from .store import Check, Settings, Store, explain_held, make_copy
from .tables import SCHEMA_VERSION

BUSY_SECONDS = 30.0
MIN_PAGE = 512  # SQLite takes a shorter file for an empty database, whatever it contains
MARKED = 3  # the first version of the format with a mark
MERGE_COMMITS, MERGE_SECONDS = 64, 1.0  # between merges of the log into the file, whichever comes first
SHARED = ("-wal", "-shm", "-lock")  # files beside the study that all of its processes must share
# A step is an event, or another commit; `user_version` counts those.
_COUNT = """SELECT max(coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT max(seq) FROM priors), 0)),
  coalesce((SELECT max(id) FROM trials), 0)"""


@final
class SqliteStore(Store):
    """An open study file.  Its connection only reads until the right to write is held."""

    path: Path
    file: Path  # its real path

    def __init__(self, path: Path, *, creates: bool = False) -> None:
        self.file = find_real(path)
        self._lock = WriterLock(path)
        self._writes = False
        self._mark: Mark | None = None
        self._is_rescued = False
        self._count, self._seq = Count("", 0, 0), 0
        self._unmerged, self._merged = 0, time.monotonic()
        if creates:
            self._take_lock(path)
            make_private(self.file)
        self._guard = None if creates else _guard_log(self.file)
        try:
            self._engine, connection = _connect(path, self.file, creates=creates)
            super().__init__(path, connection)
            self._name = str(self.file)
            self._files = {self._name: identify(self._name)}
            if creates:
                self._start_writing()
        except BaseException:
            self._drop_guard()
            self._lock.release()
            raise

    @classmethod
    def create(cls, location: Path, settings: Settings, state: str) -> SqliteStore:
        """Makes the file with all of its content in one transaction, and opens it for writing."""
        file = find_real(location)
        if file.exists() and not file.stat().st_size and (mark := read_mark(location, file)) is not None:
            raise explain_emptied(location, mark)
        store = cls(location, creates=True)
        try:
            store._count = Count(settings["created"], 0, 0)
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
    def open(
        cls, location: Path, check: Check, *, writes: bool, is_quick: bool = False
    ) -> tuple[SqliteStore, Settings]:
        """Opens an existing file.  It is checked by a reader first, so that only a study is ever locked or changed."""
        check_exists(location)
        mark = read_mark(location, find_real(location))
        store = cls(location)
        try:
            with store.transaction() as record:
                version = check_file(record, store.file, is_quick=is_quick)
                count = store.read_count(version)
            check_mark(location, mark, count)
            store._drop_guard()
            if writes:
                store._take_lock(location)
                store._start_writing()
            elif version < SCHEMA_VERSION:
                store._read_copy()
            with store.transaction() as record:
                if (version := read_version(record)) < SCHEMA_VERSION:
                    migrate(record, version)
                if writes:
                    store.read_count(SCHEMA_VERSION)  # as another process may have written until now
                settings = record.settings()
                check(settings)
        except BaseException:
            store.close()
            raise
        return store, settings

    @property
    def location(self) -> Path:
        return self.path

    @contextmanager
    def transaction(self) -> Iterator[Record]:
        """As in ``Store``; one that changes rows is counted, in the file and in the mark, and the files must still be there."""
        with self.lock:
            is_whole = not self.record.connection.in_transaction()
            with super().transaction() as record:
                raw = self._raw
                changes = raw.total_changes
                yield record
                seq, trials = self._seq, 0
                if has_changed := is_whole and self._writes and raw.total_changes != changes:
                    seq, trials = raw.execute(_COUNT).fetchone()
                    if seq == self._seq:
                        _count_commit(raw)
            if has_changed:
                self._count = Count(self._count.study, self._count.steps + (seq - self._seq or 1), trials)
                self._seq = seq
                self._secure()
            if is_whole and identify(self._name) != self._files[self._name]:
                raise self._explain_lost(self._name)

    def backup(self, file: Path) -> None:
        """Writes a copy by the backup interface of SQLite, which readers and writers may use meanwhile."""
        with self.lock, translate_errors(file), closing(sqlite3.connect(file, isolation_level=None)) as copy:
            self._raw.backup(copy)

    def beside(self, work: Callable[[Record], None]) -> None:
        """Writes by a short separate connection."""
        check_single(self.path, self.file)
        engine, connection = _connect(self.path, self.file, creates=False)
        try:
            with translate_errors(self.path):
                _allow_writing(connection)
                raw: Any = connection.connection.driver_connection
                with connection.begin():
                    read_version(Record(connection, self.path), exactly=True)
                    work(Record(connection, self.path))
                    _count_commit(raw)
                _merge(raw)  # as the mark does not count it
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
        self._drop_guard()
        if self._mark is not None:
            self._mark.close()
        self._lock.release()

    def _drop_guard(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    @property
    def _raw(self) -> sqlite3.Connection:
        found = self.record.connection.connection.driver_connection
        assert isinstance(found, sqlite3.Connection)
        return found

    def read_count(self, version: int) -> Count:
        """Returns what a study of this version has, in a transaction."""
        (study,) = self._raw.execute("SELECT created FROM study").fetchone() or ("",)
        self._seq, trials, commits = 0, 0, 0
        if version >= MARKED:  # earlier ones have no mark
            self._seq, trials = self._raw.execute(_COUNT).fetchone()
            (commits,) = self._raw.execute("PRAGMA user_version").fetchone()
        self._count = Count(study, self._seq + commits, trials)
        return self._count

    def _secure(self) -> None:
        """Writes the mark after a commit, and merges the log where that is due."""
        if self._mark is None:
            self._mark = Mark(self.path, self.file, self._count)
            self._files |= {name: identify(name) for name in (self._name + end for end in SHARED)}
            self._merged = -MERGE_SECONDS  # a new study is in its file at once
        else:
            self._mark.write(self._count)
        reach("marked")
        self._unmerged += 1
        if self._unmerged >= MERGE_COMMITS or time.monotonic() - self._merged >= MERGE_SECONDS:
            _merge(self._raw)
            self._mark.synchronize()
            self._unmerged, self._merged = 0, time.monotonic()
            self.read_count(SCHEMA_VERSION)  # with what other processes enqueued
            for name, identity in self._files.items():
                if identify(name) != identity:
                    raise self._explain_lost(name)

    def _explain_lost(self, name: str) -> StudyError:
        """Returns the error for a file that another program deleted, moved or replaced; saves what the open one has."""
        if name != self._name:
            return StudyError(
                f"{name!r} was deleted or replaced by another program while {str(self.path)!r} was open for writing. Close the study, "
                "and open it again (run again): what was told until then is kept."
            )
        what = f"{str(self.path)!r} was deleted, moved or replaced by another program while it was open"
        if not self._writes:
            return StudyError(f"{what}. Open it again where it is now.")
        copy = self.file.with_name(f"{self.file.stem}.rescued{self.file.suffix}")
        if not self._is_rescued:
            with suppress(StudyError):
                make_copy(self, copy)
                self._is_rescued = True
        if self._is_rescued:
            return StudyError(
                f"{what} for writing. What was told until then is saved in {str(copy)!r}: {RESTORE.format('move that file here')}, and "
                "run again."
            )
        return StudyError(
            f"{what} for writing, and no copy could be saved as {str(copy)!r}. If it was moved with its folder, open it there. "
            "This process still has it: `study.backup(path)` saves it elsewhere."
        )

    def _take_lock(self, path: Path) -> None:
        if not self._lock.acquire():
            gc.collect()  # a search loop that was left by `break` may hold it, in an unreachable cycle
            if not self._lock.acquire():
                raise _held(path)
        try:
            check_single(path, self.file)
        except StudyError:
            self._lock.release()
            raise

    def _start_writing(self) -> None:
        with translate_errors(self.path):
            _allow_writing(self.record.connection)
        self._writes = True

    def _read_copy(self) -> None:
        """Replaces the connection by one to a copy in memory, which may be upgraded; the file stays as it is."""
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._raw.backup(copy)
        self.record.connection.close()
        self._engine.dispose()
        self._engine = sa.create_engine("sqlite://", creator=lambda: copy, poolclass=sa.StaticPool)
        self.record.connection = self._engine.connect()


def _count_commit(raw: sqlite3.Connection) -> None:
    (commits,) = raw.execute("PRAGMA user_version").fetchone()
    raw.execute(f"PRAGMA user_version = {commits + 1}")


def _merge(raw: sqlite3.Connection) -> None:
    """Merges the log into the file as far as readers allow; where that fails (the disk is full), the log keeps it."""
    with suppress(sqlite3.Error):
        raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _guard_log(file: Path) -> sqlite3.Connection | None:
    """Returns a connection that only reads: while it is open, closing others does not merge the log, which may be damaged."""
    if not beside(file, "-wal").exists():
        return None
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    with suppress(sqlite3.Error):
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _connect(path: Path, file: Path, *, creates: bool) -> tuple[sa.Engine, sa.Connection]:
    """Returns a connection that only reads, until ``_allow_writing``; ``path`` is for messages."""
    if file.exists() and 0 < file.stat().st_size < MIN_PAGE:
        raise explain(sqlite3.DatabaseError("file is not a database"), path)
    engine = _make_engine(file, "rwc" if creates else "rw")
    try:
        with translate_errors(path):
            return engine, engine.connect()
    except StudyError:
        if creates or beside(file, "-wal").exists():
            raise
    # In a folder that cannot be written SQLite cannot make its lock files: read without them, as no process writes.
    engine = _make_engine(file, "ro&immutable=1")
    with translate_errors(path):
        return engine, engine.connect()


def _make_engine(file: Path, mode: str) -> sa.Engine:
    uri = f"{file.as_uri()}?mode={mode}"

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
