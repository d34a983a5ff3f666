"""File lock that allows one writer per study, and ``Holder``, the process that writes.  Readers need no lock."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

from pliant.values.errors import StudyError
from pliant.values.files import check_links
from pliant.values.lines import read_json

from ..trials.trial import now
from .failpoint import reach
from .faults import translate_errors
from .files import beside, find_real, make_private

WAIT_SECONDS = 0.5  # for a holder that was just killed and has not ended yet


@final
class WriterLock:
    """The right to write the study at ``path``, held until ``release``, or until the process dies.

    It is SQLite's exclusive lock on an empty database beside the real file of the study (``<path>-lock``), so it works wherever SQLite
    works.  The operating system releases it when the process ends, and a forked child does not inherit it.  The file
    stays: if it were removed, two processes could lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._study, self._file = path, find_real(path)  # two links to a file have one lock
        self._path = beside(self._file, "-lock")
        self._connection: sqlite3.Connection | None = None

    def acquire(self) -> bool:
        """Returns whether the lock is held now.

        Raises:
          StudyError: the lock file cannot be made, or another user made it; the message names the study.
        """
        try:
            for path in (self._study, self._path):
                check_links(path)
        except PermissionError as error:
            raise StudyError(f"{str(self._study)!r} cannot be written: {error.strerror}.") from error
        make_private(self._path, self._file)
        with translate_errors(self._study):  # about the study, as the user did not name the lock file
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


@final
@dataclass(frozen=True, slots=True)
class Holder:
    """The process that opened a study for writing, and when.

    >>> holder = Holder(12, "pc", "2026-01-01T00:00:00.000+00:00")
    >>> str(holder), Holder.from_text(holder.to_text()) == holder, Holder.of_this_process().is_here
    ('process 12 on pc, since 2026-01-01T00:00:00.000+00:00', True, True)
    """

    process: int
    host: str
    since: str

    @classmethod
    def of_this_process(cls) -> Holder:
        """Returns this process and the present time."""
        return cls(os.getpid(), socket.gethostname(), now())

    @classmethod
    def from_text(cls, text: str | None) -> Holder | None:
        """Returns the holder that ``to_text`` wrote; None for None."""
        return None if text is None else cls(**read_json(text))

    def to_text(self) -> str:
        """Returns the holder as JSON text, as a study stores it."""
        return json.dumps(asdict(self))

    @property
    def is_here(self) -> bool:
        """Whether it is this process."""
        return (self.process, self.host) == (os.getpid(), socket.gethostname())

    @property
    def is_dead(self) -> bool:
        """Whether it was a process of this machine that has ended, such as by a signal, without closing the study."""
        if os.name != "posix" or self.host != socket.gethostname():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:  # a process of another user
            return False
        return False

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


def name_process() -> str:
    """Returns this process and its machine as text."""
    return f"process {os.getpid()} on {socket.gethostname()}"
