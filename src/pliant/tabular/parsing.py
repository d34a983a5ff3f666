"""Reads numbers, truth values and dates that are written as text.

Numbers may have a currency sign before or after them, a percent sign after them, and thousands separators: ``$1,234.50``,
``12 %``, ``1.234,5 €``.  A column writes all of its numbers in one style.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

Style = Literal["point", "comma"]
"""How numbers are written: ``1,234.5`` or ``1.234,5``."""

_SIGN, _UNIT = r"([+-]?)", "[$€£¥]"
_POINT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d*)(\.\d*)?([eE][+-]?\d+)?")
_COMMA = re.compile(r"(\d{1,3}(?:[. ]\d{3})+|\d*)(,\d*)?([eE][+-]?\d+)?")
_DRESS = re.compile(rf"\s*{_SIGN}\s*{_UNIT}?\s*{_SIGN}(.*?)\s*(?:{_UNIT}|%)?\s*")
_DATE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)
TRUE, FALSE = frozenset({"true", "t", "yes", "y"}), frozenset({"false", "f", "no", "n"})
_EPOCH = date(1970, 1, 1)


def parse_number(text: str, style: Style = "point") -> float | None:
    """Returns a number that is written as text; None for other text.

    >>> parse_number("$1,234.50"), parse_number("-12 %"), parse_number("1.234,5 €", "comma"), parse_number("12 apples")
    (1234.5, -12.0, 1234.5, None)
    """
    dressed = _DRESS.fullmatch(text)
    if dressed is None:
        return None
    signs = dressed[1] + dressed[2]
    plain = (_POINT if style == "point" else _COMMA).fullmatch(dressed[3])
    if (
        len(signs) > 1
        or plain is None
        or not any(letter.isdecimal() for letter in (plain[1] + (plain[2] or "")))
    ):
        return _parse_infinity(text)
    whole = re.sub(r"[., ]", "", plain[1])
    return float(f"{signs}{whole}{(plain[2] or '').replace(',', '.')}{plain[3] or ''}")


def _parse_infinity(text: str) -> float | None:
    name = text.strip().lower().lstrip("+-")
    if name not in ("inf", "infinity"):
        return None
    return float("-inf") if text.strip().startswith("-") else float("inf")


def find_style(texts: Iterable[str]) -> Style:
    """Returns the style of most of a column's numbers; the point style where both read as many.

    >>> find_style(["1,234", "5"]), find_style(["1,5", "12,25", "3"]), find_style(["0,125"])
    ('point', 'comma', 'comma')
    """
    points = commas = 0
    for text in texts:
        points += parse_number(text, "point") is not None and not re.fullmatch(r"\D*0,\d{3}\D*", text)
        commas += parse_number(text, "comma") is not None
    return "point" if points >= commas else "comma"


def parse_truth(text: str) -> float | None:
    """Returns 1 for true or yes, 0 for false or no, in any case; None for other text.

    >>> parse_truth("Yes"), parse_truth("f"), parse_truth("maybe")
    (1.0, 0.0, None)
    """
    word = text.strip().lower()
    return 1.0 if word in TRUE else 0.0 if word in FALSE else None


def parse_date(text: str, *, day_first: bool = False) -> float | None:
    """Returns a date, perhaps with a time, as days since 1970-01-01 (UTC, where it has an offset); None for other text.

    >>> parse_date("1970-01-02"), parse_date("1/2/1970"), parse_date("1/2/1970", day_first=True), parse_date("1970-01-01T06:00Z")
    (1.0, 1.0, 31.0, 0.25)
    """
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    first, second, third = int(found[1]), int(found[3]), int(found[4])
    if len(found[1]) == 4:
        year, month, day = first, second, third
    elif len(found[4]) == 4:
        year, month, day = third, *((second, first) if day_first or found[2] == "." else (first, second))
    else:
        return None
    hour, minute, second = (int(found[group] or 0) for group in (5, 6, 7))
    try:
        days = (date(year, month, day) - _EPOCH).days
        seconds = (datetime(2000, 1, 1, hour, minute, second) - datetime(2000, 1, 1)).total_seconds()  # noqa: DTZ001
    except ValueError:
        return None
    return days + (seconds - _read_offset(found[8])) / 86400


def _read_offset(text: str | None) -> int:
    """Returns an offset such as ``+02:00`` in seconds."""
    if text is None or text == "Z":
        return 0
    digits = text[1:].replace(":", "")
    size = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -size if text[0] == "-" else size


def is_day_first(texts: Iterable[str]) -> bool:
    """Returns whether dates such as 13/01/2024 are in a column, in which the day comes before the month.

    >>> is_day_first(["01/02/2024", "13/01/2024"]), is_day_first(["01/02/2024"])
    (True, False)
    """
    month_first = day_first = 0
    for text in texts:
        month_first += parse_date(text) is not None
        day_first += parse_date(text, day_first=True) is not None
    return day_first > month_first
