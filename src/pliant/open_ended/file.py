"""Record files of open-ended evolution: one JSON line per trial, so that a killed search can be resumed.

The first line identifies the search.  A line that a crash cut off is dropped, and its trial is proposed again.  Programs
are not stored: they are rebuilt from the records.
"""

from __future__ import annotations

import json
import os
import pathlib
import weakref
from collections.abc import Iterator
from typing import Any, final

from pliant.values.errors import LoadError, PliantError, check_file, quote
from pliant.values.files import check_links
from pliant.values.lines import read_json

from .record import Record

_FORMAT = "pliant evolve 1"


class RecordError(PliantError, RuntimeError):
    """A record file cannot be opened, or belongs to another search."""


@final
class RecordFile:
    """A file of records, open for writing by one process at a time.

    ``search`` identifies the search, as JSON data; it equals that of an existing file.

    Raises:
      RecordError: the file cannot be opened, is being written by another process, or belongs to another search.
      LoadError: a line of it is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], search: dict[str, Any]) -> None:
        self.path = pathlib.Path(check_file(path, "evolve(record=...)"))
        try:
            check_links(self.path)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise RecordError(
                f"the record file {str(self.path)!r} cannot be opened: {error}. Make its folder, or give another path."
            ) from error
        self.close = weakref.finalize(self, os.close, self._handle)
        try:
            self._lock()
            text = self._read()
            lines = list(_split(text, self.path))
            if lines:
                _check_search(self.path, lines[0], search)
            else:
                self._write({"format": _FORMAT, **search})
        except BaseException:
            self.close()
            raise
        self.records = [_parse(line, self.path, number) for number, line in enumerate(lines[1:], 2)]

    def append(self, record: Record) -> None:
        """Writes a record to disk, with fsync."""
        self._write(record.to_json())

    def _write(self, data: dict[str, Any]) -> None:
        line = json.dumps(data, allow_nan=False).encode() + b"\n"
        while line:
            line = line[os.write(self._handle, line) :]
        os.fsync(self._handle)

    def _read(self) -> str:
        """Returns the complete lines, and truncates the file after them."""
        size = os.fstat(self._handle).st_size
        data = b""
        while len(data) < size:
            data += os.read(self._handle, size - len(data))
        whole = data.rfind(b"\n") + 1
        if data[:whole] or not data or data.startswith(b'{"format"'[: len(data)]):
            os.truncate(self._handle, whole)
            os.lseek(self._handle, whole, os.SEEK_SET)
        else:
            raise _not_ours(self.path, data.decode(errors="replace"))
        return data[:whole].decode(errors="replace")

    def _lock(self) -> None:
        """Locks the file for this process until it is closed or the process ends."""
        try:
            import fcntl  # not on Windows, where the file is not locked
        except ImportError:
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecordError(
                f"the record file {str(self.path)!r} is being written by another search. Wait for it, close it "
                "(`search.close()`), or give another path; to look at it meanwhile, use `read_records`."
            ) from error


def read_records(path: str | os.PathLike[str]) -> list[Record]:
    """Returns the records of a file, also while it is written.

    Raises:
      RecordError: the file is missing, or is not a record file.
      LoadError: a line of it is damaged.
    """
    place = pathlib.Path(check_file(path, "read_records"))
    try:
        data = place.read_bytes()
    except OSError as error:
        raise RecordError(f"the record file {str(place)!r} cannot be read: {error}.") from error
    lines = list(_split(data[: data.rfind(b"\n") + 1].decode(errors="replace"), place))
    return [_parse(line, place, number) for number, line in enumerate(lines[1:], 2)]


def _split(text: str, path: pathlib.Path) -> Iterator[str]:
    """Yields the lines, after a check of the first."""
    lines = text.split("\n")[:-1]
    if lines:
        _read_head(lines[0], path)
    yield from lines


def _read_head(line: str, path: pathlib.Path) -> dict[str, Any]:
    try:
        head = read_json(line)
        known = head["format"]
    except (ValueError, TypeError, KeyError):
        raise _not_ours(path, line) from None
    if known != _FORMAT or not isinstance(head, dict):
        raise _not_ours(path, line)
    return head


def _not_ours(path: pathlib.Path, line: str) -> RecordError:
    return RecordError(
        f"{str(path)!r} is not a record file of pg.evolve (it begins {line[:40]!r}); it was not changed. "
        "Give another path; a new file is created there."
    )


def _check_search(path: pathlib.Path, line: str, search: dict[str, Any]) -> None:
    """Checks that a file is of this search; names what differs."""
    head = _read_head(line, path)
    now = json.loads(json.dumps(search))
    differs = [name for name in now if head.get(name) != now[name]]
    if differs:
        shown = "; ".join(
            f"{name} was {quote(head.get(name), 200)}, now {quote(now[name], 200)}" for name in differs
        )
        raise RecordError(
            f"the record file {str(path)!r} belongs to another search: {shown}. "
            "Use the same arguments, or give the path of a new file."
        )


def _parse(line: str, path: pathlib.Path, number: int) -> Record:
    try:
        record = Record.from_json(read_json(line))
    except (ValueError, LoadError) as error:
        raise LoadError(
            f"line {number} of the record file {str(path)!r} is damaged: {error} "
            "Restore the file from a copy, or start a new search with another path."
        ) from error
    if record.id != number - 1:
        raise LoadError(
            f"line {number} of the record file {str(path)!r} is damaged: it has trial {record.id} instead of "
            f"{number - 1}. Lines are in the order of trials, without gaps. Restore the file from a copy."
        )
    return record
