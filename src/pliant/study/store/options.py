"""Options of a search that its study keeps, so that who continues it needs not repeat them: a few names and values.

They are in a table that a study has once it needs it; a program writes them beside the process that searches.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from .format import list_history
from .record import Record
from .rows import check_row, seal
from .tables import history, options

_LOCK = sa.text(
    "SELECT pg_advisory_xact_lock(hashtext(current_schema()))"
)  # of two creators of a table, one fails
_all = sa.select(options).order_by(options.c.number)


def read_options(record: Record) -> dict[str, str]:
    """Returns the options by name.

    Raises:
      StudyError: a row is damaged.
    """
    if options not in list_history(record):
        return {}
    return {row.name: row.value for row in _read(record)}


def write_options(record: Record, given: Mapping[str, str | None]) -> None:
    """Writes options by name; None removes one."""
    if record.connection.dialect.name != "sqlite":
        record.connection.execute(_LOCK)
    history.create_all(record.connection, tables=[options])
    numbers = {row.name: row.number for row in _read(record)}
    for name, value in given.items():
        number = numbers.setdefault(name, max(numbers.values(), default=0) + 1)
        record.connection.execute(sa.delete(options).where(options.c.number == number))
        if value is not None:
            row = seal("options", {"number": number, "name": name, "value": value})
            record.connection.execute(sa.insert(options), row)


def _read(record: Record) -> list[sa.Row[tuple[int, str, str, str]]]:
    return [check_row(record.path, "options", row) for row in record.connection.execute(_all)]
