"""Printable text: escapes control, direction and invisible characters in all output for people; CSV without formulas.

Terminals, logs and spreadsheets act on some characters.  Names, reasons and error texts come from others, so everything
that a person reads goes through ``to_printable`` or ``rows_to_csv``.  JSON needs neither: it escapes all but ASCII.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, TextIO
from unicodedata import normalize

# Printable for Python, and shown as nothing: joiners, fillers, variation selectors, the empty Braille pattern.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_NUMBER = re.compile(
    r"\s*[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf|nan)\s*", re.ASCII | re.IGNORECASE
)


def to_printable(text: object, *, keep: str = "") -> str:
    r"""Returns text on one line that every terminal shows as it is: escapes in place of characters that it would act on.

    Line breaks, tabs and other blanks become spaces, except those in ``keep``.

    >>> print(to_printable("a\x1b[31mb\nc\u202ed"), to_printable("a\nb", keep="\n"))
    a\x1b[31mb c\u202ed a
    b
    """
    whole = str(text)
    if whole.isprintable() and (whole.isascii() or not _INVISIBLE.search(whole)):
        return whole
    return "".join([c if c in keep else _to_visible(c) for c in whole])


def _to_visible(character: str) -> str:
    if character.isspace():
        return " "
    if character.isprintable() and not _INVISIBLE.match(character):
        return character
    return character.encode("unicode_escape").decode()


def shorten_lines(text: str, limit: int = 2000) -> str:
    """Returns text without the middle of longer lines: the fault at the start and the advice at the end stay.

    >>> shorten_lines("cannot read xxxxxxxxxx. Write y.", 20)
    'cannot read xxx ... (12 characters left out) ... te y.'
    """
    if len(text) <= limit:
        return text
    start, end = limit * 3 // 4, limit - limit * 3 // 4
    return "\n".join(
        f"{line[:start]} ... ({len(line) - limit} characters left out) ... {line[-end:]}"
        if len(line) > limit
        else line
        for line in text.split("\n")
    )


def write_line(stream: TextIO, text: str) -> None:
    """Writes text as one printable line; characters that the stream cannot encode are escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = to_printable(text).encode(encoding, "backslashreplace").decode(encoding)
    stream.write(f"{line}\n")
    stream.flush()


def to_cell(value: object) -> Any:
    """Returns the value of a CSV cell: numbers as they are, text printable, with an apostrophe before a formula.

    >>> to_cell("=1+1"), to_cell(" @x"), to_cell("-0.5"), to_cell(-0.5)
    ("'=1+1", "' @x", '-0.5', -0.5)
    """
    if not isinstance(value, str):
        return value
    if value.isascii() and value.isprintable() and value[:1].isalnum():
        return value  # most texts
    # A spreadsheet skips blanks, and reads full-width and small forms of these characters like the plain ones.
    first = normalize("NFKC", value.strip()[:1])
    is_formula = first in ("=", "+", "-", "\N{MINUS SIGN}", "@") or value.startswith(("\t", "\r", "\n"))
    text = to_printable(value.replace("\r\n", "\n"), keep="\n")
    return f"'{text}" if is_formula and not _NUMBER.fullmatch(value) else text


def rows_to_csv(names: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Returns a line of names and lines of cells as CSV; see ``to_cell``.

    >>> rows_to_csv(["x", "why"], [[-1, "+cmd\r\nb"]])
    'x,why\n-1,"\'+cmd\nb"\n'
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    for row in (names, *rows):
        writer.writerow(map(to_cell, row))
    return file.getvalue()


_html: list[
    str
] = []  # the module and the function that write values for notebooks, which stand above all classes


def set_html_writer(module: str, function: str) -> None:
    """Sets the function that ``to_html`` calls; it is imported when a notebook shows the first value."""
    _html[:] = [module, function]


def to_html(value: object) -> str | None:
    """Returns a value of ours as a notebook shows it; None, for its text form, where that is not possible."""
    return getattr(import_module(_html[0]), _html[1])(value) if _html else None
