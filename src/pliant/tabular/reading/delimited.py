"""Reads tables from text with delimiters (CSV): encoding, delimiter and header are detected, memory is bounded.

A column whose values are all numbers or missing becomes an array of numbers as it is read; other columns stay text.
"""

from __future__ import annotations

import codecs
import csv
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.values.errors import FieldValueError, LoadError, quote

from ..table import EXACT, MISSING, Table, clean_names, to_objects, to_texts

DELIMITERS = ",;\t|"
MAX_BYTES = 1 << 29  # of a file that is read whole
MAX_CELLS = 50_000_000  # of a table in memory
_BLOCK_ROWS = 20_000
_SAMPLE_LINES = 50  # from which the delimiter is detected
_MAX_LINE = 1 << 22  # letters of a record
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_ADVICE = {
    b"PAR1": "Rename it to end in .parquet.",
    b"\x1f\x8b": "Decompress it first, as `gunzip` does.",
}
_FOREIGN = {
    b"PK\x03\x04": "an Excel workbook or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed by gzip",
    b"%PDF": "a PDF",
    **dict.fromkeys((b"[{", b'{"'), "JSON"),
    **dict.fromkeys((b"<!DOCTYPE", b"<!doctype", b"<html", b"<?xml"), "a page in HTML or XML"),
}


def read_delimited(
    file: Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool = True,
    sample_rows: int | None = None,
    seed: int = 0,
) -> Table:
    """Returns the table of a CSV file.

    Args:
      file: its path.
      delimiter: one letter; None to detect it among comma, semicolon, tab and vertical bar.
      encoding: of the text; None to detect a byte-order mark, else UTF-8, else Windows-1252.
      header: whether the first line has the names of the columns.
      sample_rows: how many rows to keep, drawn at random in one pass over the file; None for all of them.
      seed: of the draw.

    Raises:
      OSError: the file cannot be read.
      LoadError: it is not such a table, or it is too large to be read whole.
      FieldValueError: two columns have one name, or the first line has numbers instead of names.
    """
    size = file.stat().st_size
    if sample_rows is None and size > MAX_BYTES:
        raise LoadError(
            f"{file.name!r} has {size / 2**30:.1f} GiB, and a file above {MAX_BYTES / 2**30:.1f} GiB is not read whole. "
            "Read a random sample of its rows: sample_rows=100000, or `--sample-rows 100000` on the command line."
        )
    _check_kind(file)
    encoding = encoding or _find_encoding(file)
    try:
        stream = file.open(encoding=encoding, newline="")
    except (LookupError, ValueError, TypeError) as error:  # unknown; a NUL in it; no text
        raise _not_text(file, encoding, error) from error
    try:
        with stream:
            return _read(stream, file.name, delimiter, header=header, sample_rows=sample_rows, seed=seed)
    except (UnicodeError, LookupError) as error:
        raise _not_text(file, encoding, error) from error
    except csv.Error as error:
        raise LoadError(
            f"{file.name!r} is not a table with delimiters: {error}. A quotation mark may be missing at the end of a field."
        ) from error


def _not_text(file: Path, encoding: object, error: Exception) -> LoadError:
    return LoadError(
        f"{file.name!r} is not text in the encoding {quote(encoding)}: {error}. Give its encoding, such as encoding='latin-1'."
    )


def _check_kind(file: Path) -> None:
    with file.open("rb") as stream:
        start = stream.read(1 << 16)
    for magic, kind in _FOREIGN.items():
        if start.startswith(magic):
            more = _ADVICE.get(magic, "Save it as CSV first.")
            raise LoadError(f"{file.name!r} is {kind}, not text with delimiters. {more}")
    if b"\0" in start and not start.startswith(tuple(_BOMS)):
        raise LoadError(f"{file.name!r} has zero bytes, so it is not text. Save the table as CSV first.")


def _find_encoding(file: Path) -> str:
    """Returns the encoding of the byte-order mark; else UTF-8 where the whole file is, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open("rb") as stream:
        start = stream.read(4)
        for mark, name in _BOMS.items():
            if start.startswith(mark):
                return name
        stream.seek(0)
        try:
            while block := stream.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def find_delimiter(lines: list[str]) -> str:
    """Returns the delimiter that gives most lines the same number of fields, above one; a comma where none does.

    >>> find_delimiter(["a;b", "1,5;2", "3,0;4"]), find_delimiter(["name", "1,2"])
    (';', ',')
    """

    def rate(letter: str) -> tuple[float, int]:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=letter) if row]
        except csv.Error:
            return 0.0, 0
        if not counts or counts[0] < 2:
            return 0.0, 0
        return counts.count(counts[0]) / len(counts), counts[0]

    return max(DELIMITERS, key=rate)


def _bounded_lines(stream: IO[str], name: str) -> Iterator[str]:
    while line := stream.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise LoadError(f"{name!r} has a line of more than {_MAX_LINE} letters, so it is not a table.")
        yield line


def _read(
    stream: IO[str], name: str, delimiter: str | None, *, header: bool, sample_rows: int | None, seed: int
) -> Table:
    lines = _bounded_lines(stream, name)
    first = list(islice(lines, _SAMPLE_LINES))
    letter: Any = delimiter or find_delimiter(first)
    if not isinstance(letter, str) or len(letter) != 1 or letter in '"\r\n\0':
        raise FieldValueError(f"a delimiter is one letter, such as ';'; got {quote(delimiter, 20)}.")
    records = csv.reader(_chain(first, lines), delimiter=letter, skipinitialspace=True, strict=True)
    start = next((row for row in records if row), None)
    if start is None:
        raise LoadError(
            f"{name!r} is empty. A table has a line with the names of its columns, then its rows."
        )
    names = start
    if not header:
        names = [f"column {i}" for i in range(1, len(start) + 1)]
    elif len(names) > 1 and all(_is_number(one) for one in start):
        raise FieldValueError(
            f"the first line of {name!r} has numbers, {', '.join(start[:3])}, ..., and not the names of the columns. Add a line with "
            "the names; or pass header=False, `--no-header` on the command line, to name them 'column 1', 'column 2', ..."
        )
    names = clean_names(names, name)
    rows = _check_rows(records, len(names), name)
    if not header:
        rows = _chain([start], rows)
    notes: tuple[str, ...] = ()
    if sample_rows is not None:
        kept, total = _sample(rows, sample_rows, seed)
        rows = iter(kept)
        if total > len(kept):
            notes = (f"{len(kept)} of {total} rows were drawn at random.",)
    return Table(dict(zip(names, _to_columns(rows, len(names), name))), notes=notes)


def _chain(first: list[Any], rest: Iterator[Any]) -> Iterator[Any]:
    yield from first
    yield from rest


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_rows(records: Any, count: int, name: str) -> Iterator[list[str]]:
    """Yields the rows; raises at one with another number of fields than the header."""
    for row in records:
        if len(row) == count:
            yield row
        elif row:
            raise LoadError(
                f"line {records.line_num} of {name!r} has {len(row)} fields, and the header has {count}. "
                "Put a field that contains the delimiter in quotation marks, give the delimiter, or remove lines above the header."
            )
        elif count == 1:  # an empty line of a table of one column is a missing value
            yield [""]


def _sample(rows: Iterator[list[str]], count: int, seed: int) -> tuple[list[list[str]], int]:
    """Returns a random sample in the order of the file, and how many rows there are (Vitter, Algorithm R, TOMS 1985)."""
    draw, kept, total = random.Random(seed), [], 0
    for total, row in enumerate(rows, 1):
        if total <= count:
            kept.append((total, row))
        elif (place := draw.randrange(total)) < count:
            kept[place] = total, row
    return [row for _, row in sorted(kept, key=lambda pair: pair[0])], total


def _to_columns(rows: Iterator[list[str]], count: int, name: str) -> list[NDArray[Any]]:
    columns, cells = [_Column() for _ in range(count)], 0
    while block := list(islice(rows, _BLOCK_ROWS)):
        cells += count * len(block)
        if cells > MAX_CELLS:
            raise LoadError(
                f"{name!r} has more than {MAX_CELLS} cells, which would take too much memory. Read a random sample of its rows: "
                "sample_rows=100000, or `--sample-rows 100000` on the command line."
            )
        for column, texts in zip(columns, zip(*block)):
            column.add(texts)
    return [column.join() for column in columns]


@final
class _Column:
    """Collects a column in blocks; equal texts are kept once."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[Any]] = []
        self._known: dict[str, str | None] = {}

    def add(self, texts: tuple[str, ...]) -> None:
        numbers = to_numbers(texts)
        if numbers is not None:
            self._blocks.append(numbers)
            return
        known = self._known
        found = []
        for text in texts:
            if text not in known:
                plain = text.strip()
                known[text] = None if plain.lower() in MISSING else plain
            found.append(known[text])
        self._blocks.append(to_objects(found))

    def join(self) -> NDArray[Any]:
        blocks = self._blocks
        if any(block.dtype == object for block in blocks):
            blocks = [to_texts(block) for block in blocks]
        return np.concatenate(blocks) if blocks else np.empty(0)


def to_numbers(texts: tuple[str, ...]) -> NDArray[Any] | None:
    """Returns texts as numbers, NaN where one is missing; None where a text is neither.

    Whole numbers that floating-point numbers do not distinguish are texts, as they are identifiers.

    >>> to_numbers(("1", "NA", " 2.5")).tolist(), to_numbers(("1", "x")), to_numbers(("9007199254740993",))
    ([1.0, nan, 2.5], None, None)
    """
    if any("_" in text for text in texts):  # which Python reads as a number
        return None
    try:
        found = np.array(list(map(float, texts)))
    except ValueError:
        try:
            found = np.array([np.nan if text.strip().lower() in MISSING else float(text) for text in texts])
        except ValueError:
            return None
    large = np.flatnonzero(np.abs(found) >= EXACT)
    return None if any(texts[place].strip().lstrip("+-").isdecimal() for place in large) else found
