"""Reads tables from Parquet files (pyarrow): the size is checked before the rows are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pliant.values.errors import LoadError
from pliant.values.packages import require

from ..table import Table, clean_names
from .delimited import MAX_CELLS
from .memory import from_values


def read_parquet(file: Path, *, sample_rows: int | None = None, seed: int = 0) -> Table:
    """Returns the table of a Parquet file.

    Args:
      file: its path.
      sample_rows: how many rows to keep, drawn at random; None for all of them.
      seed: of the draw.

    Raises:
      OSError: the file cannot be read.
      LoadError: it is not such a file, or it is too large to be read whole.
      FieldTypeError: a column has lists or other values that are not numbers, texts or dates.
      MissingLibraryError: pyarrow is not installed.
    """
    require("to read a Parquet file, Pliant", "pyarrow", instead="save the table as CSV")
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as source:
            rows, names = source.metadata.num_rows, clean_names(source.schema_arrow.names, file.name)
            count = rows if sample_rows is None else min(rows, sample_rows)
            if count * len(names) > MAX_CELLS:
                raise LoadError(
                    f"{file.name!r} has {rows} rows and {len(names)} columns; at most {MAX_CELLS} cells are read. Read a random "
                    f"sample of its rows: sample_rows={max(MAX_CELLS // len(names) // 10, 1)}, `--sample-rows` on the command line."
                )
            kept = None if count == rows else np.random.default_rng(seed).permutation(rows)[:count]
            columns, categorical = _read(source, names, kept)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise LoadError(f"{file.name!r} is not a Parquet file, or it is damaged: {error}") from error
    notes = () if kept is None else (f"{count} of {rows} rows were drawn at random.",)
    return Table(columns, categorical, notes)


def _read(source: Any, names: list[str], kept: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Returns the columns, and the names of those with categories; reads batch by batch, so that only kept rows take memory."""
    import pyarrow as pa

    mask = None
    if kept is not None:
        mask = np.zeros(source.metadata.num_rows, bool)
        mask[kept] = True
    batches, start = [], 0
    for batch in source.iter_batches():
        if mask is not None:
            rows = np.flatnonzero(mask[start : start + batch.num_rows])
            start += batch.num_rows
            batch = batch.take(pa.array(rows))
        batches.append(batch)
    table = pa.Table.from_batches(batches, source.schema_arrow)
    columns, categorical = {}, set()
    for place, name in enumerate(names):
        column = table.column(place)
        if pa.types.is_dictionary(column.type):
            categorical.add(name)
        columns[name] = from_values(column.to_numpy(), name)
    return columns, frozenset(categorical)
