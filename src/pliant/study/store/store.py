"""Abstract ``Store``: an open database of a study, with transactions and the right to write.

``sqlite`` and ``postgres`` implement it; ``opening`` chooses between them.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from pliant.values.errors import StudyError, StudyInUseError

from .failpoint import reach
from .files import beside, make_new
from .location import Location
from .lock import Holder
from .record import Record

Result = TypeVar("Result")
Settings = dict[str, Any]  # the row of the study, as ``Record.settings`` returns it
Check = Callable[[Settings], None]  # raises where the settings of a study are not the expected ones


class LostConnection(StudyError):
    """The connection to a database is lost; what was not committed is undone."""


class Unreachable(LostConnection):
    """A connection to a database could not be made: its address is wrong, or its server does not run now."""


class Store(ABC):
    """An open database of a study.  Made by ``create_store`` or ``open_store``; used by ``transaction``.

    Attributes:
      path: the file, or the address without the password.
      record: its tables.
      lock: held by the thread that is in a transaction.
      losses: how often the connection was lost and made again.
    """

    def __init__(self, path: Path | str, connection: sa.Connection) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.losses = 0
        self.record = Record(connection, path)
        self._closed = False
        self._process = os.getpid()

    @classmethod
    @abstractmethod
    def create(cls, location: Any, settings: Settings, state: str) -> Store:
        """See ``create_store``."""

    @classmethod
    @abstractmethod
    def open(
        cls, location: Any, check: Check, *, writes: bool, is_quick: bool = False
    ) -> tuple[Store, Settings]:
        """See ``open_store``."""

    @property
    @abstractmethod
    def location(self) -> Location:
        """Where the database is: the file, or the address with the password."""

    @contextmanager
    def transaction(self) -> Iterator[Record]:
        """One transaction, by one thread at a time; inside another transaction, a savepoint of it.

        Raises:
          StudyError: the study is closed or of another process, or the database reports an error.
          LostConnection: the connection is lost; ``reconnect`` makes it again.
        """
        with self.lock:
            if os.getpid() != self._process:
                raise StudyError(
                    f"the study {str(self.path)!r} was opened by process {self._process}; a fork of that process cannot "
                    "use it. Ask and tell in the process that opened it; send decisions and rewards between processes."
                )
            if self._closed:
                raise StudyError(f"the study {str(self.path)!r} is closed; open it again with Study.open.")
            if self.is_lost:  # SQLAlchemy would connect again, but without the right to write
                raise LostConnection(f"the connection to the database of {str(self.path)!r} was lost.")
            connection = self.record.connection
            begin = connection.begin_nested if connection.in_transaction() else connection.begin
            reach("begin")
            with self._translate_errors(), begin():
                yield self.record
                reach("commit")
            reach("committed")

    @property
    def is_lost(self) -> bool:
        """Whether the connection was lost when it was last used."""
        return self.record.connection.closed or self.record.connection.invalidated

    def close(self) -> None:
        """Closes the database and releases the right to write.  A second call does nothing."""
        if os.getpid() != self._process:
            return  # closing the copy of a fork could remove the writer's log
        with self.lock:
            if not self._closed:
                self._closed = True
                reach("closing")
                self._close()
                reach("closed")

    def read(self, work: Callable[[Record], Result]) -> Result:
        """Returns what ``work``, which only reads, returns; repeats it after a lost connection."""
        with self.lock:
            is_part = self.record.connection.in_transaction()
            while True:
                try:
                    with self.transaction() as record:
                        return work(record)
                except LostConnection:
                    if is_part:
                        raise
                    self.reconnect()

    @abstractmethod
    def beside(self, work: Callable[[Record], None]) -> None:
        """Calls ``work`` in a transaction of a separate connection, to enqueue while another process writes."""

    @abstractmethod
    def backup(self, file: Path) -> None:
        """Writes a consistent copy into an empty file of SQLite; see ``make_copy``."""

    @abstractmethod
    def reconnect(self) -> None:
        """Waits until the database is reachable, connects, and takes the right to write again; counts a loss.

        Raises:
          StudyError: the database stays unreachable, or another process writes meanwhile.
        """

    @abstractmethod
    def _close(self) -> None:
        """Closes connections and releases the right to write."""

    @abstractmethod
    def _translate_errors(self) -> AbstractContextManager[None]:
        """Raises database errors of the block as ``StudyError``."""


def make_copy(store: Store, path: Path) -> None:
    """Writes a consistent copy of a study to a new file, readable by its user only.

    Raises:
      StudyError: something exists there, it cannot be written, or the study is in a transaction.
    """
    if store.record.connection.in_transaction():
        raise StudyError(
            "a backup within `together` would contain a part of its steps. Call it before or after."
        )
    make_new(path)
    try:
        store.backup(path)
    except BaseException:
        for file in (path, beside(path, "-journal")):
            file.unlink(missing_ok=True)
        raise


def explain_held(path: Path | str, holder: Holder | None) -> StudyInUseError:
    """Returns the error for a study that another process writes."""
    text = None if holder is None else str(holder)
    return StudyInUseError(
        f"the study {str(path)!r} is being written by {text or 'another process'}.",
        "Only one process writes a study: close it there (`with Study...` closes it), or end that process. To share a study between processes, use "
        "`pliant.study.serve.serve(study)` there and `pliant.study.client.connect(path)` here. To only read it, leave out the algorithm: Study.open(path).",
        text,
    )
