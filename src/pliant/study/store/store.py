"""What a study needs of a database: transactions, and the right to write.  What is in it, ``record`` knows.

Two databases do this: a file (``sqlite``, the default) and a server (``postgres``).  Both are told the same statements.
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

from pliant.values.errors import StudyError

from .failpoint import reach
from .location import Location
from .record import Record

Result = TypeVar("Result")


class LostConnection(StudyError):
    """A database that is gone for the moment; whatever was not committed is not done."""


class Store(ABC):
    """An open database with a study.  Use ``create_store`` or ``open_store``; then ``transaction``.

    Attributes:
      path: the file, or the address without password.
      record: its tables.
      lock: held by the thread that is in a transaction.
      losses: how often the connection was lost, and made anew.
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
    def create(cls, location: Any, settings: dict[str, Any], state: str) -> Store:
        """See ``create_store``."""

    @classmethod
    @abstractmethod
    def open(cls, location: Any, *, writes: bool) -> Store:
        """See ``open_store``."""

    @classmethod
    @abstractmethod
    def is_free(cls, location: Any) -> bool:
        """See the function ``is_free``."""

    @contextmanager
    def transaction(self) -> Iterator[Record]:
        """All of the block or nothing; one thread at a time.  Within another transaction, a part of it.

        Raises:
          StudyError: the study is closed, of another process, or the database reports an error.
          LostConnection: the database is gone; ``reconnect`` waits for it.
        """
        with self.lock:
            if os.getpid() != self._process:
                raise StudyError(
                    f"the study {str(self.path)!r} was opened by process {self._process}, and a fork of it cannot "
                    "use it: ask and tell where it was opened, and send decisions and rewards to and fro."
                )
            if self._closed:
                raise StudyError(f"the study {str(self.path)!r} is closed; open it again with Study.open.")
            if self.is_lost:  # SQLAlchemy would connect anew, but without the right to write
                raise LostConnection(f"the database of {str(self.path)!r} was gone, and may be back.")
            connection = self.record.connection
            begin = connection.begin_nested if connection.in_transaction() else connection.begin
            reach("begin")
            with self._lessons(), begin():
                yield self.record
                reach("commit")
            reach("committed")

    @property
    def is_lost(self) -> bool:
        """Whether the database was gone when it was last used."""
        return self.record.connection.closed or self.record.connection.invalidated

    def close(self) -> None:
        """Closes the database, and lets others write it.  Closed twice is closed."""
        if os.getpid() != self._process:
            return  # a fork that closed its copy could take the writer's log away
        with self.lock:
            if not self._closed:
                self._closed = True
                reach("closing")
                self._close()
                reach("closed")

    def read(self, work: Callable[[Record], Result]) -> Result:
        """Returns what ``work`` returns, which only reads; again after a connection that was lost and came back."""
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
        """Calls ``work`` in a transaction of its own, for the queue, which may be filled while another process writes."""

    @abstractmethod
    def reconnect(self) -> None:
        """Waits until the database is back, and takes the right to write again; counts a loss.

        Raises:
          StudyError: it does not come back, or somebody else writes meanwhile.
        """

    @abstractmethod
    def _close(self) -> None:
        """Gives everything back."""

    @abstractmethod
    def _lessons(self) -> AbstractContextManager[None]:
        """Raises what the database reports in the block as a ``StudyError``."""


def create_store(location: Location, settings: dict[str, Any], state: str) -> Store:
    """Makes a new study, with everything in it in one transaction, and opens it for writing.

    Raises:
      StudyError: there is something already, it cannot be written, or is being written.
    """
    return _kind(location).create(location, settings, state)


def open_store(location: Location, *, writes: bool) -> Store:
    """Opens a study that was made.

    Raises:
      StudyError: there is none, it is damaged, of a newer version, or it is to be written and another process writes it.
    """
    return _kind(location).open(location, writes=writes)


def is_free(location: Location) -> bool:
    """Returns whether a study may be made there: nothing, or something without content."""
    return _kind(location).is_free(location)


def _kind(location: Location) -> type[Store]:
    if isinstance(location, Path):
        from .sqlite import SqliteStore

        return SqliteStore
    from .postgres import PostgresStore  # brings psycopg, which most studies do not need

    return PostgresStore
