"""``Column``: what a column of a table holds and how it becomes numbers or codes; chosen from the training rows.

Frozen data: ``fit_column`` makes it, ``encode_column`` applies it to any rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from .parsing import Style, find_style, is_day_first, parse_date, parse_number, parse_truth
from .scaling import Scale, Scaling, fit_scale, scale
from .table import is_missing, to_texts

ColumnKind = Literal["number", "boolean", "date", "category", "dropped"]
SHARE = 0.9  # of a column's texts that have to be numbers or dates
MAX_CATEGORIES = 255  # of a column, without the code 0
_FEW = 20  # distinct values: categories are all kept, and texts are not taken for identifiers
_ID_NAMES = ("id", "index", "key", "uuid", "guid", "row", "rownum", "row_id")
_DAY = 86400.0


@final
@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds, and how it is encoded.

    Attributes:
      name: of the column.
      kind: ``number``, ``boolean``, ``date``, ``category`` or ``dropped``.
      why: why it is dropped, or what else was decided about it; may be empty.
      style: how its numbers are written as text.
      day_first: whether the day comes first in its dates.
      has_time: whether its dates have a time.
      has_missing: whether training rows lack a value, so that a number of its own says where one is missing.
      scales: of its numbers, one for each.
      values: its categories; the code of a category is its place, from 1.
    """

    name: str
    kind: ColumnKind
    why: str = ""
    style: Style = "point"
    day_first: bool = False
    has_time: bool = False
    has_missing: bool = False
    scales: tuple[Scale, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return len(self.scales) + (self.has_missing and bool(self.scales))


def fit_column(
    name: str, raw: NDArray[Any], *, is_category: bool = False, scaling: Scaling = "robust"
) -> Column:
    """Returns what a column holds, from its training rows.

    Args:
      name: of the column.
      raw: as in ``Table``.
      is_category: whether its values are categories, even where they look like numbers.
      scaling: of numbers.
    """
    missing = is_missing(raw)
    if missing.all():
        return Column(name, "dropped", "it has no values")
    if is_category:
        return _fit_category(name, to_texts(raw), missing, is_named=True)
    column = Column(name, "number") if raw.dtype != object else _read_texts(name, raw)
    if raw.dtype.kind == "M":
        column = Column(name, "date", has_time=bool((raw[~missing].astype(np.int64) % 86400 != 0).any()))
    if column.kind == "category":
        return _fit_category(name, raw, missing)
    numbers = read_numbers(column, raw)
    gaps = np.isnan(numbers)
    if _is_constant(numbers[~gaps]) and not gaps.any():
        return Column(name, "dropped", "all rows have the same value")
    if _is_row_id(name, numbers):
        return Column(name, "dropped", "its name and its values say that it numbers the rows")
    return _with_scales(column, numbers, gaps, scaling)


def _with_scales(column: Column, numbers: NDArray[Any], gaps: NDArray[Any], scaling: Scaling) -> Column:
    parts = _split_dates(numbers, has_time=column.has_time) if column.kind == "date" else numbers[:, None]
    kinds = [scaling] + ["plain"] * (parts.shape[1] - 1)
    if column.kind == "boolean":
        kinds = ["standard"]
    scales = tuple([fit_scale(parts[~gaps, i], kind) for i, kind in enumerate(kinds)])
    return Column(
        column.name,
        column.kind,
        column.why,
        style=column.style,
        day_first=column.day_first,
        has_time=column.has_time,
        has_missing=bool(gaps.any()),
        scales=scales,
    )


def read_numbers(column: Column, raw: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the numbers of a column of the kind ``number``, ``boolean`` or ``date``; NaN where a row has none."""
    if raw.dtype.kind == "M":
        days = raw.astype("datetime64[s]").astype(np.int64) / _DAY
        return np.where(np.isnat(raw), np.nan, days)
    if raw.dtype != object:
        return raw.astype(np.float64)
    read: dict[str, Callable[[str], float | None]] = {
        "boolean": _read_truth,
        "date": lambda text: parse_date(text, day_first=column.day_first),
        "number": lambda text: parse_number(text, column.style),
    }
    return _map(raw, read[column.kind])


def _read_truth(text: str) -> float | None:
    found = parse_truth(text)
    return {"0": 0.0, "1": 1.0}.get(text) if found is None else found


def _map(raw: NDArray[Any], read: Callable[[str], float | None]) -> NDArray[np.float64]:
    known: dict[str | None, float] = {None: np.nan}
    for text in raw:
        if text not in known:
            found = read(text)
            known[text] = np.nan if found is None else found
    return np.array([known[text] for text in raw], np.float64)


def _read_texts(name: str, raw: NDArray[Any]) -> Column:
    """Returns what a column of texts holds: the first of these that almost all of its texts are."""
    texts = dict.fromkeys(text for text in raw if text is not None)
    total = len(texts)
    if total <= 2 and all(parse_truth(text) is not None for text in texts):
        return Column(name, "boolean")
    style = find_style(texts)
    count = sum(parse_number(text, style) is not None for text in texts)
    if count >= SHARE * total:
        return Column(name, "number", _say_others(texts, count, "a number"), style=style)
    day_first = is_day_first(texts)
    days = [parse_date(text, day_first=day_first) for text in texts]
    count = sum(day is not None for day in days)
    if count >= SHARE * total:
        has_time = any(day is not None and day % 1 for day in days)
        return Column(
            name, "date", _say_others(texts, count, "a date"), day_first=day_first, has_time=has_time
        )
    return Column(name, "category")


def _say_others(texts: dict[str, None], count: int, kind: str) -> str:
    others = len(texts) - count
    return f"{others} other text{'s' * (others > 1)} in it, counted as missing" if others else ""


def _fit_category(name: str, texts: NDArray[Any], missing: NDArray[Any], *, is_named: bool = False) -> Column:
    values, counts = np.unique(texts[~missing].astype(str), return_counts=True)
    if len(values) == 1 and not missing.any():
        return Column(name, "dropped", "all rows have the same value")
    if not is_named and len(values) > _FEW and len(values) > SHARE * counts.sum():
        return Column(name, "dropped", "almost every row has a text of its own")
    why = ""
    if len(values) > _FEW:
        kept = np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]
        kept = np.sort(kept[counts[kept] > 1])
        if len(kept) < len(values):
            why = f"{len(values) - len(kept)} rare categories count as one"
        values = values[kept]
    return Column(name, "category", why, values=tuple(values.tolist()))


def _is_constant(values: NDArray[Any]) -> bool:
    return bool((values == values[0]).all()) if len(values) else True


def _is_row_id(name: str, numbers: NDArray[Any]) -> bool:
    """Returns whether a column has the name of an identifier, and a whole number of its own for each row."""
    plain = name.lower().replace(" ", "_")
    is_named = plain in _ID_NAMES or plain.endswith("_id") or plain.startswith(("unnamed:", "column_1"))
    if not is_named or np.isnan(numbers).any() or np.isinf(numbers).any():
        return False
    return bool((numbers % 1 == 0).all() and len(np.unique(numbers)) == len(numbers) > 1)


def _split_dates(days: NDArray[Any], *, has_time: bool) -> NDArray[Any]:
    """Returns dates as numbers: the day, and its place in the year and the week (and the time of the day) on a circle."""
    periods = [365.2425, 7.0, *([1.0] if has_time else [])]
    angles = [2 * np.pi * days / period for period in periods]
    return np.stack([days, *(wave(angle) for angle in angles for wave in (np.sin, np.cos))], 1)


def encode_column(column: Column, raw: NDArray[Any]) -> NDArray[Any]:
    """Returns a column's rows: float32 of shape (rows, width), or int64 codes of shape (rows,) of a category.

    A category that training did not have gets the code 0; an infinite number becomes the largest or smallest that training had.
    """
    if column.kind == "category":
        codes: dict[str | None, int] = {value: code for code, value in enumerate(column.values, 1)}
        return np.array([codes.get(text, 0) for text in to_texts(raw)], np.int64)
    if column.kind == "boolean" and raw.dtype != object:
        raw = to_texts(raw)
    if column.kind == "date" and raw.dtype.kind == "f":
        raw = to_texts(raw)
    numbers = read_numbers(column, raw)
    gaps = np.isnan(numbers)
    parts = _split_dates(numbers, has_time=column.has_time) if column.kind == "date" else numbers[:, None]
    found = np.stack([scale(one, parts[:, i]) for i, one in enumerate(column.scales)], 1)
    found[gaps] = 0.0
    return (np.concatenate([found, gaps[:, None]], 1) if column.has_missing else found).astype(np.float32)
