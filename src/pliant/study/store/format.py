"""Creates the tables of a study, and checks that a database is a study of a known version.

``record`` reads and writes the rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pliant.values.errors import NoStudyError, StudyError, quote

from .failpoint import reach
from .files import beside
from .record import Record
from .rows import damaged, seal
from .soundness import check_rows
from .tables import DIGESTED, SCHEMA_VERSION, history, metadata, schema, study

MAX_BYTES = 1 << 25  # of a file whose pages are all checked when it is opened


def table_names(record: Record) -> set[str]:
    """Returns the names of all tables in the database, or in the schema of a study on a server."""
    connection, schema_name = record.connection, None
    if connection.dialect.name != "sqlite":
        schema_name = connection.execute(sa.select(sa.func.current_schema())).scalar()
        if schema_name is None:
            return set()
    return set(sa.inspect(connection).get_table_names(schema=schema_name))


def make_tables(record: Record, settings: dict[str, Any], state: str) -> None:
    """Creates the tables of a new study, with its settings and the first state of its algorithm."""
    metadata.create_all(record.connection, checkfirst=False)
    record.connection.execute(sa.insert(schema), {"version": SCHEMA_VERSION})
    record.connection.execute(sa.insert(study), seal("study", settings))
    record.add_state(0, state)
    reach("made")


def read_version(record: Record, *, exactly: bool = False) -> int:
    """Returns the version of the format.

    Args:
      record: the tables of a database.
      exactly: whether an older version is refused.

    Raises:
      NoStudyError: this is not a study.
      StudyError: it is damaged, of a newer version, or of an older one.
    """
    path, connection = record.path, record.connection
    names = table_names(record)
    if schema.name not in names:
        what = f"a database with the tables {sorted(names)}" if names else "an empty database"
        raise NoStudyError(
            f"{str(path)!r} is not a study, but {what}.",
            "Give the path of a study that Study.create made.",
            is_free=not names,
        )
    version = connection.execute(sa.select(schema.c.version)).scalar()
    if not isinstance(version, int) or version < 1:
        raise damaged(path, f"its version is {quote(version)}")
    if version > SCHEMA_VERSION:
        raise StudyError(
            f"{str(path)!r} was written in version {version} of the format, by a newer Pliant; this "
            f"one knows version {SCHEMA_VERSION}. Upgrade (`pip install -U pliant`); nothing was changed."
        )
    if exactly and version < SCHEMA_VERSION:
        raise StudyError(
            f"{str(path)!r} has version {version} of the format. Upgrade it first: continue its search, or run "
            "`pliant study upgrade`."
        )
    added = {"priors", "queue", "journal"} if version == 1 else set()
    if missing := metadata.tables.keys() - names - added:
        raise damaged(path, f"it lacks the tables {sorted(missing)}")
    return version


def list_tables(record: Record) -> list[str]:
    """Returns the names of the tables with digests that a study has."""
    extra = [table.name for table in list_history(record)]
    return [name for name in DIGESTED if name in metadata.tables or name in extra]


def list_history(record: Record) -> list[sa.Table]:
    """Returns the tables of ``history`` that a study has."""
    names = table_names(record)
    return [table for table in history.sorted_tables if table.name in names]


def check_file(record: Record, file: Path, *, is_quick: bool = False) -> int:
    """Checks a file and its rows; returns its version.

    Of a file that is not large it checks all pages, as a damaged page may not be read for long otherwise, and that indexes
    agree with their tables, as rows are found by them.

    Args:
      record: its tables.
      file: its real path.
      is_quick: whether only its version is read, in a time that does not grow with the file.

    Raises:
      NoStudyError: this is not a study.
      StudyError: as ``read_version``.
    """
    version = read_version(record)
    if is_quick:
        return version
    path, connection = record.path, record.connection
    if file.stat().st_size <= MAX_BYTES:
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if found != "ok":
            raise damaged(path, str(found))
    # SQLite reads the missing end of the last page as zeros. After a crash the log still has it.
    page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    if version == SCHEMA_VERSION:
        check_rows(record, list_tables(record))
    log = beside(file, "-wal")
    if file.stat().st_size % page_size and not (log.exists() and log.stat().st_size):
        raise damaged(path, "it ends in the middle of a page")
    return version
