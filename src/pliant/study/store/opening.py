"""Creates and opens the store of a study: SQLite for a path, PostgreSQL for an address."""

from __future__ import annotations

from pathlib import Path

from pliant.values.errors import NoStudyError, StudyError

from .location import Location
from .postgres import PostgresStore
from .sqlite import SqliteStore
from .store import Check, Settings, Store


def create_store(location: Location, settings: Settings, state: str) -> Store:
    """Creates a new study in one transaction, and opens it for writing.

    Raises:
      StudyError: something exists there, it cannot be written, or another process writes it.
    """
    return _kind(location).create(location, settings, state)


def open_store(
    location: Location, *, writes: bool, check: Check = lambda settings: None, is_quick: bool = False
) -> tuple[Store, Settings]:
    """Opens an existing study; returns it with its settings.

    A study of an older format is upgraded by its writer, unless ``check`` raises; a reader of a file uses an upgraded copy.

    Args:
      location: the study.
      writes: whether to take the right to write.
      check: called with the settings; raises where they are not the expected ones.
      is_quick: whether rows are checked only when they are read, and not all of them at once.

    Raises:
      NoStudyError: the location has no study.
      StudyInUseError: another process writes it.
      StudyError: it is damaged, of a newer version, or cannot be written.
    """
    return _kind(location).open(location, check, writes=writes, is_quick=is_quick)


def is_free(location: Location) -> bool:
    """Returns whether a study can be created there: there is nothing, an empty file, or an empty database."""
    try:
        store, _ = open_store(location, writes=False)
    except NoStudyError as error:
        return error.is_free
    except StudyError:
        return False
    store.close()
    return False


def _kind(location: Location) -> type[Store]:
    return SqliteStore if isinstance(location, Path) else PostgresStore
