"""Studies of older versions of the format, brought up to date in one transaction: all of it or nothing.

Each version has one step, which says what the next one added; a study of version 1 takes them all.  Nothing that was
recorded is changed, so that a search goes on exactly as it would have.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from .failpoint import reach
from .record import Record
from .tables import ADDED, SCHEMA_VERSION, journal, metadata, priors, queue, schema


def migrate(record: Record, version: int) -> None:
    """Brings the tables of an older version up to date."""
    for number in range(version, SCHEMA_VERSION):
        _STEPS[number](record)
    record.connection.execute(sa.update(schema), {"version": SCHEMA_VERSION})
    reach("migrated")


def _from_1(record: Record) -> None:
    """Version 2 added workers, origins, metrics, constraints, the queue, priors and the journal."""
    for table, columns in ADDED.items():
        for column in columns:
            definition = sa.schema.CreateColumn(column).compile(dialect=record.connection.dialect)
            record.connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {definition}")
    metadata.create_all(record.connection, tables=[queue, priors, journal], checkfirst=False)


_STEPS: dict[int, Callable[[Record], None]] = {1: _from_1}
