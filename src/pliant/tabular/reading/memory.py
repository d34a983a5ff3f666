"""Tables from objects in memory: pandas data frames, NumPy arrays, dicts of columns, and lists of dicts."""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed

from ..table import EXACT, MISSING, Table, clean_names, number_text, to_objects

_LARGEST = 10**309  # of whole numbers: larger ones are infinite as floating-point numbers


def from_frame(frame: Any) -> Table:
    """Returns the table of a pandas data frame; columns of the type ``category`` stay categories.

    Raises:
      FieldValueError: two columns have one name.
      FieldTypeError: a value is not a number, a text or a date.
    """
    names = clean_names(frame.columns, "the data frame")
    columns, categorical = {}, set()
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        if str(column.dtype) == "category":
            categorical.add(name)
        if str(column.dtype).startswith("datetime64[") and getattr(column.dt, "tz", None) is not None:
            column = column.dt.tz_convert(None)
        columns[name] = from_values(np.asarray(column), name)
    return Table(columns, frozenset(categorical))


def from_array(array: NDArray[Any], names: Sequence[str] | None = None) -> Table:
    """Returns the table of an array of shape (rows, columns), or of a structured array of shape (rows,).

    >>> from_array(np.zeros((3, 2))).names
    ('x0', 'x1')

    Args:
      array: numbers, texts or objects.
      names: of the columns; ``x0``, ``x1``, ... when None.

    Raises:
      FieldValueError: it has another shape.
      FieldTypeError: a value is not a number, a text or a date.
    """
    if array.dtype.names is not None and array.ndim == 1:
        return Table({name: from_values(array[name], name) for name in array.dtype.names})
    if array.ndim != 2:
        raise FieldValueError(
            f"an array with a table has the shape (rows, columns); got {array.shape}. For one column, write array.reshape(-1, 1)."
        )
    names = [f"x{i}" for i in range(array.shape[1])] if names is None else list(names)
    if len(names) != array.shape[1]:
        raise FieldValueError(f"the array has {array.shape[1]} columns; got {len(names)} names.")
    names = clean_names(names, "the array")
    return Table({name: from_values(array[:, i], name) for i, name in enumerate(names)})


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns the table of a list of dicts; a key that a row lacks is a missing value.

    >>> from_rows([{"a": 1, "b": "x"}, {"a": 2}]).columns["b"].tolist()
    ['x', None]

    Raises:
      FieldTypeError: a value is not a number, a text or a date.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return from_columns({name: [row.get(name) for row in rows] for name in names})


def from_columns(columns: Mapping[str, Any]) -> Table:
    """Returns the table of a dict of columns.

    Raises:
      FieldTypeError: a value is not a number, a text or a date.
      FieldValueError: columns have different lengths.
    """
    names = clean_names(columns, "the table")
    found = {name: from_values(to_array(one), name) for name, one in zip(names, columns.values())}
    lengths = {name: len(column) for name, column in found.items()}
    if len(set(lengths.values())) > 1:
        raise FieldValueError(f"the columns of a table have equal lengths; got {lengths!s:.200}.")
    return Table(found)


def to_array(values: Any) -> NDArray[Any]:
    """Returns a column as an array: its own type where it is one, else objects."""
    return values if isinstance(values, np.ndarray) else to_objects(list(values))


def from_values(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Returns a column as ``Table`` keeps it: numbers, texts with None, or dates.

    >>> from_values(np.array([1, None, 2.5], object), "a").tolist()
    [1.0, nan, 2.5]

    Raises:
      FieldTypeError: a value is not a number, a text or a date.
    """
    if values.dtype.kind in "iu" and len(values) and max(int(values.max()), -int(values.min())) >= EXACT:
        return to_objects([str(value) for value in values.tolist()])
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    if values.dtype.kind == "M":
        return values.astype("datetime64[s]")
    if values.dtype.kind in "cmV":
        raise FieldTypeError(
            f"the column {quote(name)} has values of type {values.dtype}; a table has numbers, texts and dates. Convert it."
        )
    found = [_to_plain(value, name) for value in values.tolist()]
    kinds = {type(value) for value in found if value is not None}
    if kinds <= {float}:
        return np.array([np.nan if value is None else value for value in found], np.float64)
    if kinds == {np.datetime64}:
        return np.array([np.datetime64("NaT") if one is None else one for one in found], "datetime64[s]")
    texts = [number_text(one) if isinstance(one, float) else one and str(one) for one in found]
    return to_objects(texts)


def _to_plain(value: Any, name: str) -> float | str | np.datetime64 | None:
    """Returns a value as a number, a text or a date; None for a missing one."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        return None if text.lower() in MISSING else text
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Integral) and not -EXACT < (whole := int(value)) < EXACT:
        return str(whole) if abs(whole) < _LARGEST else "inf" if whole > 0 else "-inf"
    if isinstance(value, numbers.Real):
        number = float(value)
        return None if number != number else number
    if isinstance(value, dt.date):
        if value != value:  # a missing date of pandas
            return None
        plain = value
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            plain = value.astimezone(dt.UTC).replace(tzinfo=None)
        return np.datetime64(plain.isoformat(), "s")
    if isinstance(value, bytes):
        return _to_plain(value.decode("utf-8", "replace"), name)
    try:
        number = float(value)  # decimal.Decimal, and other packages' numbers
    except (TypeError, ValueError):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        if kind.endswith((".NAType", ".NaTType")):
            return None
        raise FieldTypeError(
            f"a table's values are numbers, texts and dates: the argument must be a string or a number. The column {quote(name)} has "
            f"{quote_typed(value)}. Convert it, or leave the column out."
        ) from None
    return None if number != number else number
