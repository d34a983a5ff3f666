"""``Encoder``: turns the rows of any table with the columns of the training table into what a network reads.

Frozen data: ``fit_encoder`` chooses it from the training rows only, ``encode`` applies it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    MissingFieldError,
    listing,
    quote,
    quote_typed,
    suggest,
)

from .columns import Column, encode_column, fit_column
from .encoded import Encoded
from .scaling import SCALINGS, Scaling
from .table import Table


@final
@dataclass(frozen=True, slots=True)
class Encoder:
    """How a table is encoded.

    Attributes:
      columns: of the training table, in order; those that are dropped included.
    """

    columns: tuple[Column, ...]

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that the network reads."""
        return tuple([column for column in self.columns if column.kind != "dropped"])

    @property
    def numbers(self) -> int:
        """How many numbers a row becomes."""
        return sum(column.width for column in self.used)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of codes of each categorical column."""
        return tuple([len(one.values) + 1 for one in self.used if one.kind == "category"])


def fit_encoder(table: Table, *, scaling: Scaling = "robust") -> Encoder:
    """Returns the encoder for a table of training rows, the target left out.

    >>> from .reading.read import read_table
    >>> table = read_table([{"age": 31, "city": "Oslo"}, {"age": None, "city": "Rome"}, {"age": 40, "city": "Oslo"}])
    >>> encode(fit_encoder(table), table).categories.ravel().tolist()
    [1, 2, 1]

    Args:
      table: the training rows.
      scaling: of numbers: ``robust``, ``standard`` or ``quantile``.

    Raises:
      FieldTypeError: ``table`` is not a ``Table``.
      FieldValueError: the scaling is unknown, or no column can be used.
    """
    _check_table(table, "fit_encoder")
    if scaling not in SCALINGS:
        raise FieldValueError(
            f"scaling is one of {listing(SCALINGS)}; got {quote(scaling)}{suggest(scaling, SCALINGS) or '.'}"
        )
    columns = [
        fit_column(name, raw, is_category=name in table.categorical, scaling=scaling)
        for name, raw in table.columns.items()
    ]
    encoder = Encoder(tuple(columns))
    if not encoder.used:
        reasons = "; ".join(f"{quote(one.name)}: {one.why}" for one in columns[:5]) or "the table has none"
        raise FieldValueError(
            f"no column is left to learn from, without the target. {reasons}. "
            "Add a column whose values differ, or name a column of texts in `categorical`."
        )
    return encoder


def encode(encoder: Encoder, table: Table) -> Encoded:
    """Returns rows as a network reads them; other columns of the table are ignored.

    Raises:
      FieldTypeError: an argument is of another type.
      MissingFieldError: the table lacks a column that the encoder uses.
    """
    if not isinstance(encoder, Encoder):
        raise FieldTypeError(f"encode takes what fit_encoder(table) returns; got {quote_typed(encoder)}.")
    _check_table(table, "encode")
    missing = [one.name for one in encoder.used if one.name not in table.columns]
    if missing:
        near = suggest(missing[0], [name for name in table.names if name not in missing])
        raise MissingFieldError(
            f"the table lacks {'the column' if len(missing) == 1 else 'columns'} {listing(missing)} of the training table{near or '.'} "
            f"It has {listing(table.names, limit=20)}. Add it; where no value is known, leave its cells empty."
        )
    numbers = [np.zeros((table.rows, 0), np.float32)]
    codes = [np.zeros((table.rows, 0), np.int64)]
    for column in encoder.used:
        found = encode_column(column, table.columns[column.name])
        if column.kind == "category":
            codes.append(found[:, None])
        else:
            numbers.append(found)
    return Encoded(np.concatenate(numbers, 1), np.concatenate(codes, 1), encoder.cardinalities)


def _check_table(table: object, where: str) -> None:
    if not isinstance(table, Table):
        raise FieldTypeError(
            f"{where} takes a Table; got {quote_typed(table)}. Make one with pliant.tabular.read_table(data)."
        )
