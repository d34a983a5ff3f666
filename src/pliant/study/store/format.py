"""The format of a study as a whole: making its tables, and refusing what is no study.

What the tables hold is read and written in ``record``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pliant.values.errors import StudyError

from .failpoint import reach
from .record import Record
from .rows import damaged
from .tables import SCHEMA_VERSION, metadata, schema, study


def table_names(record: Record) -> set[str]:
    """Returns the names of the tables in the database, whosoever they are."""
    connection, schema_name = record.connection, None
    if connection.dialect.name != "sqlite":
        schema_name = connection.execute(sa.select(sa.func.current_schema())).scalar()
        if schema_name is None:
            return set()
    return set(sa.inspect(connection).get_table_names(schema=schema_name))


def make_tables(record: Record, settings: dict[str, Any], state: str) -> None:
    """Makes the tables of a new study."""
    metadata.create_all(record.connection, checkfirst=False)
    record.connection.execute(sa.insert(schema), {"version": SCHEMA_VERSION})
    record.connection.execute(sa.insert(study), settings)
    record.add_state(0, state)
    reach("made")


def read_version(record: Record, *, exactly: bool = False) -> int:
    """Returns the version of the format.

    Args:
      record: of a database.
      exactly: whether no older version will do.

    Raises:
      StudyError: this is no study, it is damaged, of a newer version, or of an older one.
    """
    path, connection = record.path, record.connection
    names = table_names(record)
    if schema.name not in names:
        what = f"a database with the tables {sorted(names)}" if names else "an empty database"
        raise StudyError(
            f"{str(path)!r} is not a study, but {what}. Give the path of a study that Study.create made."
        )
    version = connection.execute(sa.select(schema.c.version)).scalar()
    if not isinstance(version, int) or version < 1:
        raise damaged(path, f"its version is {version!r}")
    if version > SCHEMA_VERSION:
        raise StudyError(
            f"{str(path)!r} was written in version {version} of the format, by a newer Pliant; this "
            f"one knows version {SCHEMA_VERSION}. Upgrade (`pip install -U pliant`); nothing was changed."
        )
    if exactly and version < SCHEMA_VERSION:
        raise StudyError(
            f"{str(path)!r} is of version {version} of the format, and is brought up to date when its search goes on: "
            "do that first."
        )
    added = set() if version == SCHEMA_VERSION else {"priors", "queue", "journal"}
    if missing := metadata.tables.keys() - names - added:
        raise damaged(path, f"it lacks the tables {sorted(missing)}")
    return version


def check_file(record: Record) -> int:
    """Looks at everything in a file once, as a damaged page may not be touched for long; returns its version.

    Raises:
      StudyError: as ``read_version``.
    """
    version = read_version(record)
    path, connection = record.path, record.connection
    assert isinstance(path, Path)
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise damaged(path, str(found))
    # SQLite reads the missing end of the last page as zeros. In a crash the log would still have it.
    page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    log = path.with_name(path.name + "-wal")
    if path.stat().st_size % page_size and not (log.exists() and log.stat().st_size):
        raise damaged(path, "it ends in the middle of a page")
    return version
