"""Translates errors of SQLite into ``StudyError``: what happened to which file, and what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from pliant.values.errors import StudyError

_READ_ONLY = (
    "is on a read-only file system, so it cannot be written. To read it, leave out the algorithm: "
    "Study.open(path). To continue it, copy it to a folder that you may write."
)
# What SQLite reports -> what it means; the first match counts.  SQLite gives no other sign in some of these cases.
_MEANINGS = {
    "not a database": "is not an SQLite database, so it is not a study. Give the path of a study; `pliant study list FOLDER` shows those that exist.",
    "malformed": "is damaged: it was cut off, or changed by another program. Restore a copy of it (with its "
    "'-wal' file, if there is one), or save what is readable with `sqlite3 FILE .recover`.",
    "utf-8": "is damaged: a text in it was changed by another program, or by the disk. Restore a copy of it.",
    "locked": "was locked by another program for the whole time that we waited. Close the program that has it open for writing.",
    "readonly": "cannot be written. Check the permissions of the file and of its folder; to read only, leave "
    "out the algorithm: Study.open(path); in a shell, `pliant study show PLACE`.",
    "unable to open": "cannot be opened. Check that its folder exists, and that you may read and write there.",
    "full": "could not be written, as the disk is full. Free some space and run again: what was told before is kept.",
    "disk i/o": "could not be read or written: the disk reports an error, or the file may not grow, by a limit on the size of "
    "files (`ulimit -f`) or a quota. What was told before is kept.",
    "no such table": "lacks a table that every study has: it is damaged, or was changed by another program.",
    "no such column": "lacks a column that every study has: it is damaged, or was changed by another program.",
}


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Raises errors of the database in this block as a ``StudyError`` about ``path``.

    >>> with translate_errors(Path("a.db")):
    ...     raise sqlite3.OperationalError("disk I/O error")
    Traceback (most recent call last):
        ...
    pliant.values.errors.StudyError: 'a.db' could not be read or written: the disk reports an error...
    """
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error, UnicodeDecodeError) as error:
        cause = (error.orig if isinstance(error, sa.exc.DBAPIError) else None) or error
        raise explain(cause, path) from error


def explain(cause: BaseException, path: Path) -> StudyError:
    """Returns the ``StudyError`` for an error of the database about ``path``."""
    said = str(cause)
    if isinstance(cause, sqlite3.IntegrityError):
        return StudyError(
            f"another program changed {str(path)!r} between two steps of this one ({said}). "
            "Only one process writes a study: end the other, and open the study again."
        )
    if any(sign in said.lower() for sign in ("readonly", "unable to open")) and _is_read_only(path.parent):
        return StudyError(f"{str(path)!r} {_READ_ONLY} (SQLite: {said}.)")
    for sign, meaning in _MEANINGS.items():
        if sign in said.lower():
            return StudyError(f"{str(path)!r} {meaning} (SQLite: {said}.)")
    return StudyError(f"{str(path)!r} cannot be used: SQLite reports: {said}.")


def _is_read_only(folder: Path) -> bool:
    """Returns whether a folder is on a read-only file system."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):  # not available on this system, or the folder does not exist
        return False
