"""``move``: copies a whole study to another place, verifies the copy, and deletes the first one where that is asked for.

The two are equal row by row, so that a search goes on at the new place exactly as it would have at the first.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa

from pliant.values.errors import StudyError

from .artifacts.place import ENDING, find_place, use_place
from .store.check import find_faults
from .store.files import beside, find_real
from .store.format import list_history
from .store.location import Location, Place, Server, to_location
from .store.opening import open_store
from .store.record import Record
from .store.store import Store, make_copy
from .store.tables import metadata

_FILES = (
    "-wal",
    "-shm",
    "-mark",
    "-journal",
)  # of a study, beside the lock, which another process may be about to take


def move(source: Place, target: Place, *, delete: bool = False) -> int:
    """Copies a study between a file and a database, or two of them; returns its number of trials.

    No process may write the study meanwhile.  The copy has each row, compared by number and checksum; if it is not equal, it is
    removed again.  Files that trials saved stay where they are, and the copy refers to them; with ``delete``, the folder beside a
    file moves to a new file.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> from pliant.study import Study
    >>> space = flatten([integer("x", 0, 9)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", space, Random(seed=1)) as study:
    ...         _ = study.tell(study.ask().id, 0.5)
    ...     moved = move(f"{folder}/a.db", f"{folder}/b.db")
    ...     with Study.open(f"{folder}/b.db", space, Random(seed=1)) as study:
    ...         moved, study.ask().id
    (1, 2)

    Args:
      source: the study.  One of an older format is upgraded first.
      target: a path or an address, where nothing is yet.
      delete: whether the first study is deleted, after the copy was verified.

    Raises:
      NoStudyError: the source has no study.
      StudyInUseError: another process writes the study.
      StudyError: something is at the target, it cannot be written, or the source is damaged; the source is as it was.
    """
    here, there = to_location(source), to_location(target)
    store, _ = open_store(here, writes=True)  # with the right to write, so that nothing else does
    try:
        trials = store.read(lambda record: record.progress().proposed)
        _copy(store, there)
        try:
            _verify(store, there)
            _refer_to_files(here, there, moves=delete)
        except BaseException:
            _remove(there)
            raise
        if delete and isinstance(here, Path):  # while no other process can open it for writing
            _remove(here)
    finally:
        store.close()
    if delete and isinstance(here, Server):
        _remove(here)
    return trials


def _copy(store: Store, target: Location) -> None:
    if isinstance(target, Path):
        make_copy(store, target)
        return
    from .store.postgres import PostgresStore

    PostgresStore.copy(target, store).close()


def _verify(store: Store, target: Location) -> None:
    """Raises StudyError where a copy differs from its study, or is damaged."""
    if faults := find_faults(target):
        raise StudyError(
            f"the copy at {str(target)!r} was damaged: {'; '.join(faults[:5])}. It was removed again."
        )
    copy, _ = open_store(target, writes=False)
    try:
        ours, theirs = store.read(_summarize), copy.read(_summarize)
    finally:
        copy.close()
    if wrong := [name for name in ours | theirs if ours.get(name) != theirs.get(name)]:
        raise StudyError(
            f"the copy at {str(target)!r} differs from {str(store.path)!r} in {', '.join(wrong)}. It was removed again; check the study "
            "by `pliant study check`."
        )


def _summarize(record: Record) -> dict[str, tuple[int, str]]:
    """Returns the number of rows of each table, and the checksum of their first columns and digests, in order."""
    tables = [*metadata.sorted_tables, *list_history(record)]
    return {table.name: _sum(record, table) for table in tables}


def _sum(record: Record, table: sa.Table) -> tuple[int, str]:
    count, total = 0, sha256()
    for row in _read_keys(record, table):
        count += 1
        total.update(repr(tuple(row)).encode())
    return count, total.hexdigest()


def _read_keys(record: Record, table: sa.Table) -> Iterator[sa.Row[tuple[object, ...]]]:
    first = next(iter(table.columns))
    columns = [first, *([table.c.digest] if "digest" in table.c else ())]
    found = record.connection.execute(sa.select(*columns).order_by(first).execution_options(yield_per=1000))
    yield from found


def _refer_to_files(source: Location, target: Location, *, moves: bool) -> None:
    """Lets a copy find the files that trials saved."""
    try:
        place = find_place(source)
    except StudyError:  # of a study on a server that has none
        return
    folder = beside(find_real(source), ENDING) if isinstance(source, Path) else None
    if folder is not None and not folder.is_dir():
        return
    if moves and folder is not None and isinstance(target, Path):
        shutil.move(folder, beside(find_real(target), ENDING))  # also a folder that names another place
        return
    use_place(target, place)


def _remove(place: Location) -> None:
    """Deletes a study, without the files that its trials saved."""
    if isinstance(place, Server):
        from .store.postgres import remove_study

        remove_study(place)
        return
    real = find_real(place)
    for file in (*(beside(real, end) for end in _FILES), real, place):
        with suppress(FileNotFoundError):
            file.unlink()
