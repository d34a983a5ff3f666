"""``Table``: named columns of numbers, texts and dates as they were read, before anything is encoded (NumPy)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.values.errors import FieldValueError, UnknownFieldError, listing, quote, suggest

MISSING = frozenset(
    "|na|n/a|#n/a|#na|<na>|nan|-nan|null|none|nil|missing|?|-|--|.|#value!|#div/0!|#ref!|nat".split("|")
)
"""The texts that are a missing value, in lower case, without spaces around them."""

EXACT = 1 << 53
"""From here on, floating-point numbers do not distinguish neighbouring whole numbers."""


@final
@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Named columns of equal length.

    >>> table = Table({"age": np.array([31.0, np.nan]), "city": np.array(["Oslo", None], object)})
    >>> table.rows, table.names
    (2, ('age', 'city'))

    Attributes:
      columns: by name: an array of float64 (NaN is missing), of objects (text, or None for missing), or of datetime64 (NaT is
        missing); each of shape (rows,).
      categorical: the names of columns whose values are categories, even where they look like numbers.
      notes: what a reader should know about how it was read, as sentences.
    """

    columns: Mapping[str, NDArray[Any]]
    categorical: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.columns)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str) -> NDArray[Any]:
        """Returns a column.

        Raises:
          UnknownFieldError: the table has no such column; the message has the nearest name.
        """
        if name not in self.columns:
            raise UnknownFieldError(
                f"the table has no column {quote(name)}{suggest(name, self.columns) or '.'} "
                f"Columns: {listing(self.columns, limit=20)}."
            )
        return self.columns[name]

    def without(self, names: Sequence[str]) -> Table:
        """Returns the table without some columns."""
        kept = {name: column for name, column in self.columns.items() if name not in names}
        return Table(kept, self.categorical, self.notes)

    def take(self, rows: NDArray[Any]) -> Table:
        """Returns some of the rows, by number or by a mask."""
        kept = {name: column[rows] for name, column in self.columns.items()}
        return Table(kept, self.categorical, self.notes)


def is_missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Returns where a column has no value."""
    if column.dtype == object:
        return np.array([one is None for one in column], bool)
    found: NDArray[np.bool_] = np.isnat(column) if column.dtype.kind == "M" else np.isnan(column)
    return found


def to_texts(column: NDArray[Any]) -> NDArray[Any]:
    """Returns a column as texts, None where a value is missing; a whole number has no decimal point: 7.0 is ``7``.

    >>> to_texts(np.array([7.0, 0.5, np.nan])).tolist()
    ['7', '0.5', None]
    """
    if column.dtype == object:
        return column
    if column.dtype.kind == "M":
        texts = [None if text == "NaT" else text for text in np.datetime_as_string(column).tolist()]
    else:
        texts = [None if value != value else number_text(value) for value in column.tolist()]
    return to_objects(texts)


def number_text(value: float) -> str:
    """Returns a number as text, so that equal numbers have equal texts.

    >>> number_text(7.0), number_text(1e300), number_text(0.5)
    ('7', '1e+300', '0.5')
    """
    return str(int(value)) if value == value // 1 and abs(value) < EXACT else repr(value)


def to_objects(values: Sequence[Any]) -> NDArray[Any]:
    """Returns an array of one axis whose items are the values, whatever they are."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def clean_names(given: Iterable[object], where: str) -> list[str]:
    """Returns names of columns as texts without spaces around them, ``column 3`` for an empty one.

    >>> clean_names(["age ", ""], "the table")
    ['age', 'column 2']

    Raises:
      FieldValueError: two columns have one name.
    """
    names = [str(name).strip() or f"column {place}" for place, name in enumerate(given, 1)]
    for place, name in enumerate(names):
        first = names.index(name)
        if first != place:
            raise FieldValueError(
                f"{where} has two columns named {quote(name)}, number {first + 1} and number {place + 1}. Rename one of them."
            )
    return names
