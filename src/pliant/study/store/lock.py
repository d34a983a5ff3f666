"""One writer per study: a lock that its holder's death releases at once.  Readers need no lock."""

from __future__ import annotations

import os
import socket
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import final

from .failpoint import reach
from .faults import as_lessons

WAIT_SECONDS = 0.5  # for a holder that was killed this moment, and is not gone yet


@final
class WriterLock:
    """The right to write the study at ``path``, held until ``release``, or until the process dies.

    It is SQLite's own exclusive lock on an empty database beside the study (``<path>-lock``), and so
    works wherever SQLite does.  The operating system gives it back when the process ends in whatever
    way, and a forked child does not inherit it.  The file stays: to remove it would let two processes
    lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._study = path
        self._path = path.with_name(path.name + "-lock")
        self._connection: sqlite3.Connection | None = None

    def acquire(self) -> bool:
        """Returns whether the lock is held now.

        Raises:
          StudyError: the file of the lock cannot be made; it names the study.
        """
        with as_lessons(self._study):  # whoever asked for the study does not know of the lock
            connection = sqlite3.connect(
                self._path, isolation_level=None, timeout=WAIT_SECONDS, check_same_thread=False
            )
            try:
                connection.execute(
                    "PRAGMA journal_mode=OFF"
                )  # nothing is written: no journal, nothing left behind
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                connection.close()
                if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                    return False
                raise
        self._connection = connection
        reach("locked")
        return True

    def release(self) -> None:
        """Lets others write; does nothing when the lock is not held."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def describe_process() -> str:
    """Returns this process and the time as text, for whoever finds the study locked."""
    return f"{name_process()}, since {now()}"


def name_process() -> str:
    """Returns this process as text, without the time."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def now() -> str:
    """Returns the time in ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
