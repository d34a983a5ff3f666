"""Compares the rows of a study with their digests: all of a short study when it is opened, of a long one its last rows.

The earlier trials of a long study are compared before its best trials are looked for, as a query would pass over a trial
whose reward was damaged; every row is also compared when it is read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .rows import damaged, is_sound, name_row
from .tables import DIGESTED, NUMBERED, history, metadata

if TYPE_CHECKING:
    from .reading import Reading

AT_ONCE = 10_000  # rows of each table that are compared when a study is opened, its last ones
PAGE = 1_000  # rows that are read at once


def find_damaged_rows(
    reading: Reading, tables: Iterable[str], *, last: int | None = None
) -> Generator[str, None, None]:
    """Returns the names of rows that do not agree with their digests, of all rows of some tables or of the last ones."""
    for table in tables:
        after = None if last is None or table == "study" else _find_last(reading, table) - last
        for row in read_rows(reading, table, after=after):
            if not is_sound(table, row):
                yield name_row(table, row)


def check_rows(reading: Reading, tables: Iterable[str]) -> None:
    """Checks the last rows of each table, which are all rows of a short study, and notes how many trials were not checked.

    Raises:
      StudyError: a row does not agree with its digest.
    """
    _refuse(reading, find_damaged_rows(reading, tables, last=AT_ONCE))
    reading.unchecked = max(_find_last(reading, "trials") - AT_ONCE, 0)


def check_all(reading: Reading, tables: Iterable[str]) -> None:
    """Checks all rows of some tables.

    Raises:
      StudyError: a row does not agree with its digest.
    """
    _refuse(reading, find_damaged_rows(reading, tables))


def check_earlier(reading: Reading) -> None:
    """Checks the trials that ``check_rows`` left out, once.

    Raises:
      StudyError: a row does not agree with its digest.
    """
    if reading.unchecked:
        rows = read_rows(reading, "trials", until=reading.unchecked)
        _refuse(reading, (name_row("trials", row) for row in rows if not is_sound("trials", row)))
        reading.unchecked = 0


def read_rows(
    reading: Reading, table: str, *, after: int | None = None, until: int | None = None
) -> Iterator[Sequence[Any]]:
    """Returns rows of a table, with all of their columns, some thousand at a time.

    Args:
      reading: the tables, in a transaction.
      table: the name of one.
      after: only rows with larger numbers.
      until: only rows up to this number.
    """
    columns = {**metadata.tables, **history.tables}[table].columns
    key = next(iter(columns))
    query = sa.select(
        *([key] if table in NUMBERED else []), *[columns[name] for name in DIGESTED[table]], columns.digest
    )
    query = query if after is None else query.where(key > after)
    query = query if until is None else query.where(key <= until).order_by(key)
    connection = reading.connection
    if connection.dialect.name == "sqlite":
        compiled = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        raw: Any = connection.connection.driver_connection
        found = raw.execute(str(compiled))  # a quarter of the time that rows of SQLAlchemy take
    else:
        found = connection.execute(query.execution_options(yield_per=PAGE))
    try:
        while rows := found.fetchmany(PAGE):
            yield from rows
    finally:
        found.close()


def _find_last(reading: Reading, table: str) -> int:
    """Returns the largest number of a row of a table, 0 without rows."""
    key = next(iter({**metadata.tables, **history.tables}[table].columns))
    return int(reading.connection.execute(sa.select(sa.func.max(key))).scalar() or 0)


def _refuse(reading: Reading, names: Generator[str, None, None]) -> None:
    name = next(names, None)
    names.close()  # and the cursor of the database, before its transaction ends
    if name is not None:
        raise damaged(reading.path, f"{name} does not agree with its digest")
