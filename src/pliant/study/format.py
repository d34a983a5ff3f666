"""The format of a study file as a whole: making its tables, and refusing files that are no study.

What the tables hold is read and written in ``record``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from pliant.values.errors import StudyError

from .record import Record, damaged
from .tables import SCHEMA_VERSION, metadata, schema, study


def table_names(record: Record) -> set[str]:
    """Returns the names of the tables in the file, whosoever they are."""
    return set(sa.inspect(record.connection).get_table_names())


def make_tables(record: Record, settings: dict[str, Any], state: str) -> None:
    """Makes the tables of a new study."""
    metadata.create_all(record.connection, checkfirst=False)
    record.connection.execute(sa.insert(schema), {"version": SCHEMA_VERSION})
    record.connection.execute(sa.insert(study), settings)
    record.add_state(0, state)


def check_tables(record: Record) -> None:
    """Looks at everything once, as a damaged page may not be touched for long.

    Raises:
      StudyError: this is no study, it is damaged, or of a newer version.
    """
    path, connection = record.path, record.connection
    names = table_names(record)
    if schema.name not in names:
        what = f"an SQLite database with the tables {sorted(names)}" if names else "an empty database"
        raise StudyError(
            f"{str(path)!r} is not a study, but {what}. Give the path of a file that Study.create made."
        )
    version = connection.execute(sa.select(schema.c.version)).scalar()
    if version != SCHEMA_VERSION:
        raise StudyError(
            f"{str(path)!r} was written in version {version} of the format, by a newer Pliant; this "
            f"one knows version {SCHEMA_VERSION}. Upgrade (`pip install -U pliant`); nothing was changed."
        )
    if missing := metadata.tables.keys() - names:
        raise damaged(path, f"it lacks the tables {sorted(missing)}")
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise damaged(path, str(found))
    # SQLite reads the missing end of the last page as zeros. In a crash the log would still have it.
    page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    log = path.with_name(path.name + "-wal")
    if path.stat().st_size % page_size and not (log.exists() and log.stat().st_size):
        raise damaged(path, "it ends in the middle of a page")
