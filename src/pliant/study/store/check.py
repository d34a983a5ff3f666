"""Checks a whole study and finds all that is damaged; accepts a file that is behind its mark.  Repairs nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from pliant.values.errors import StudyError

from .files import beside, find_real
from .format import list_tables, read_version
from .location import Place, check_exists, to_location
from .lock import WriterLock
from .mark import check_mark, read_mark
from .opening import open_store
from .postgres import PostgresStore
from .record import Record
from .rows import to_command
from .soundness import find_damaged_rows
from .sqlite import SqliteStore
from .store import Store, explain_held
from .tables import SCHEMA_VERSION, events, metadata, priors, trials


def find_faults(place: Place) -> list[str]:
    """Returns all that is wrong with a study, as text; empty for a sound one.

    It compares each row with its digest, and finds rows that are missing.  Of a file it also checks all pages, and the
    mark, which shows whether steps were lost.  Studies of earlier versions have no digests.

    Raises:
      NoStudyError: the place has no study.
      StudyError: it is of a newer version, or cannot be read at all.
    """
    location = to_location(place)
    if not isinstance(location, Path):
        with closing(PostgresStore(location, writes=False)) as server:
            return _find_damage(server)
    check_exists(location)
    lost = _find_loss(location)
    with closing(SqliteStore(location)) as file:
        return [*_find_damage(file), *([] if lost is None else [str(lost)])]


def accept_loss(path: Path) -> bool:
    """Lets a file that is behind its mark be opened as it is, with a line in its journal; returns whether it was behind.

    Raises:
      StudyError: it is damaged, or another process writes it.
    """
    check_exists(path)
    lock = WriterLock(path)
    if not lock.acquire():
        raise explain_held(path, None)
    try:
        if (lost := _find_loss(path)) is None:
            return False
        with closing(SqliteStore(path)) as store:
            if _find_damage(store):
                raise StudyError(
                    f"{str(path)!r} is damaged as well, so it cannot be used as it is; {to_command('check', path)} lists the "
                    "damage. Restore a backup."
                )
        beside(find_real(path), "-mark").unlink()
    finally:
        lock.release()
    opened, _ = open_store(path, writes=True)
    with closing(opened), opened.transaction() as record:
        record.add_note(None, f"accepted after a loss: {lost}")
    return True


def _find_loss(path: Path) -> StudyError | None:
    """Returns the error of the mark of a file, if there is one."""
    try:
        mark = read_mark(path, find_real(path))
        with closing(SqliteStore(path)) as store, store.transaction() as record:
            check_mark(path, mark, store.read_count(read_version(record)))
    except StudyError as error:
        return error
    return None


def _find_damage(store: Store) -> list[str]:
    found: list[str] = []
    try:
        with store.transaction() as record:
            for step in _list_steps(record, read_version(record)):
                try:
                    found += step
                except (sa.exc.DBAPIError, sqlite3.Error) as error:
                    found.append(f"some rows cannot be read: {getattr(error, 'orig', None) or error}")
    except StudyError:  # also where the damage shows when the transaction ends
        if not found:
            raise
    return list(dict.fromkeys(found))


def _list_steps(record: Record, version: int) -> Iterator[Iterator[str]]:
    if record.connection.dialect.name == "sqlite":
        yield _find_bad_pages(record)
        # A row with a damaged text is read as another text.
        record.connection.connection.driver_connection.text_factory = _decode  # type: ignore[union-attr]
    if version == SCHEMA_VERSION:
        for table in list_tables(record):
            yield (f"{name} does not agree with its digest" for name in find_damaged_rows(record, [table]))
        yield _find_missing_rows(record)


def _decode(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def _find_bad_pages(record: Record) -> Iterator[str]:
    for (line,) in record.connection.exec_driver_sql("PRAGMA integrity_check"):
        if line != "ok":
            yield str(line)


def _find_missing_rows(record: Record) -> Iterator[str]:
    numbers = sa.select(events.c.seq).union_all(sa.select(priors.c.seq))
    yield from _find_gaps("event", set(record.connection.scalars(numbers)))
    used = set(record.connection.scalars(sa.select(events.c.trial)))
    yield from _find_gaps("trial", set(record.connection.scalars(sa.select(trials.c.id))), used)
    for name, what in (("study", "the row of its settings"), ("states", "the state of the algorithm")):
        if not record.connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables[name])):
            yield f"{what} is missing"


def _find_gaps(name: str, numbers: set[int], used: Iterable[int] = ()) -> Iterator[str]:
    for number in range(1, max([0, *numbers, *used]) + 1):
        if number not in numbers:
            yield f"{name} {number} is missing"
