"""``read_table``: a table from whatever holds one, a path of a file or an object in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pliant.algorithms.base import check_seed
from pliant.values.errors import FieldTypeError, FieldValueError, check_file, check_items, quote_typed
from pliant.values.numbers import to_whole

from ..table import Table
from .delimited import read_delimited
from .memory import from_array, from_columns, from_frame, from_rows
from .parquet import read_parquet

PARQUET = (".parquet", ".pq")


def read_table(
    data: Any,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool = True,
    sample_rows: int | None = None,
    categorical: Sequence[str] = (),
    seed: int = 0,
) -> Table:
    """Returns the table in a file or in an object.

    >>> read_table([{"age": 31, "city": "Oslo"}, {"age": None, "city": "Rome"}]).rows
    2

    Args:
      data: the path of a CSV file (or of a Parquet file, by its ending ``.parquet`` or ``.pq``), a pandas data frame, a NumPy
        array of shape (rows, columns), a list of dicts, a dict of columns, or a ``Table``.
      delimiter: of a CSV file; None to detect it.
      encoding: of a CSV file; None to detect it.
      header: whether the first line of a CSV file has the names of the columns.
      sample_rows: how many rows of a file to keep, drawn at random; None for all, which large files do not allow.
      categorical: names of columns whose values are categories, even where they look like numbers, such as postal codes.
      seed: of the draw.

    Raises:
      OSError: the file cannot be read.
      LoadError: it is not a table, or it is too large.
      FieldTypeError: the object is none of these, or a value is not a number, a text or a date.
      FieldValueError: two columns have one name, or an argument is not allowed.
      UnknownFieldError: the table has no column of a name in ``categorical``.
    """
    if sample_rows is not None:
        sample_rows = _check_rows(sample_rows)
    seed = check_seed(seed)
    if isinstance(data, str | Path):
        file = Path(check_file(data, "read_table"))
        if file.suffix.lower() in PARQUET:
            table = read_parquet(file, sample_rows=sample_rows, seed=seed)
        else:
            table = read_delimited(
                file,
                delimiter=delimiter,
                encoding=encoding,
                header=header,
                sample_rows=sample_rows,
                seed=seed,
            )
    else:
        table = _from_object(data)
    named = _check_names(categorical)
    for name in named:
        table.column(name)
    return replace(table, categorical=table.categorical | frozenset(named))


def _check_rows(sample_rows: object) -> int:
    count = to_whole(sample_rows)
    if count is None:
        raise FieldTypeError(f"sample_rows is a number of rows, or None; got {quote_typed(sample_rows)}.")
    if count < 1:
        raise FieldValueError(f"sample_rows is at least 1, or None for all rows; got {count}.")
    return count


def _check_names(categorical: object) -> list[str]:
    names = check_items(categorical, "read_table(categorical=...)", "['zip code']")
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise FieldTypeError(f"categorical has the names of columns; got {quote_typed(wrong)}.")
    return [name.strip() for name in names]


def _from_object(data: Any) -> Table:
    if isinstance(data, Table):
        return data
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return from_frame(data)
    if isinstance(data, np.ndarray):
        return from_array(data)
    if isinstance(data, Mapping):
        return from_columns(data)
    if isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
        return from_rows(data)
    if isinstance(data, Sequence) and all(isinstance(row, Sequence) for row in data):
        return from_array(_to_rectangle(data))
    raise FieldTypeError(
        "a table is the path of a CSV or Parquet file, a pandas data frame, a NumPy array of shape (rows, columns), a list of dicts, "
        f"or a dict of columns; got {quote_typed(data)}."
    )


def _to_rectangle(rows: Sequence[Sequence[Any]]) -> Any:
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise FieldValueError(f"the rows of a table have equal lengths; got lengths {sorted(widths)[:5]}.")
    found = np.empty((len(rows), widths.pop()), object)
    for place, row in enumerate(rows):
        found[place] = row
    return found
