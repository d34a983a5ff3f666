"""Records in a file: one line of JSON for each, so that a search that was killed goes on where it was.

The first line says which search it is.  A line that was cut short by a crash is dropped; its trial is
proposed again.  Programs are not in the file: they follow from the records.
"""

from __future__ import annotations

import json
import os
import pathlib
import weakref
from collections.abc import Iterator
from typing import Any, final

from pliant.values.errors import LoadError, PliantError

from .record import Record

_FORMAT = "pliant evolve 1"


class RecordError(PliantError, RuntimeError):
    """A file of records that cannot be opened, or belongs to another search."""


@final
class RecordFile:
    """A file of records, open for writing by one process at a time.

    Args:
      path: of the file; made where there is none.
      search: what says which search it is, as JSON data; the same when the file was made.

    Raises:
      RecordError: the file cannot be opened, is being written by another process, or is of another search.
      LoadError: a line of it is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], search: dict[str, Any]) -> None:
        self.path = pathlib.Path(path)
        try:
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
        """Writes a record; it is on the disk when this returns."""
        self._write(record.to_json())

    def _write(self, data: dict[str, Any]) -> None:
        line = json.dumps(data, allow_nan=False).encode() + b"\n"
        while line:
            line = line[os.write(self._handle, line) :]
        os.fsync(self._handle)

    def _read(self) -> str:
        """Returns the whole lines, and cuts off what a crash left of another."""
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
        """Keeps other processes out until the file is closed; the system lets go of it when this one dies."""
        try:
            import fcntl  # not on Windows, where nothing keeps two processes apart
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
    """Returns the records in a file, while it is written or after.

    Raises:
      RecordError: there is no such file, or it is none of records.
      LoadError: a line of it is damaged.
    """
    place = pathlib.Path(path)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise RecordError(f"the record file {str(place)!r} cannot be read: {error}.") from error
    lines = list(_split(data[: data.rfind(b"\n") + 1].decode(errors="replace"), place))
    return [_parse(line, place, number) for number, line in enumerate(lines[1:], 2)]


def _split(text: str, path: pathlib.Path) -> Iterator[str]:
    """Yields the lines, after a look at the first."""
    lines = text.split("\n")[:-1]
    if lines:
        _read_head(lines[0], path)
    yield from lines


def _read_head(line: str, path: pathlib.Path) -> dict[str, Any]:
    try:
        head = json.loads(line)
        known = head["format"]
    except (ValueError, TypeError, KeyError):
        raise _not_ours(path, line) from None
    if known != _FORMAT or not isinstance(head, dict):
        raise _not_ours(path, line)
    return head


def _not_ours(path: pathlib.Path, line: str) -> RecordError:
    return RecordError(
        f"{str(path)!r} is no record file of pg.evolve (it begins {line[:40]!r}), and is left as it is. "
        "Give the path of another file; a new one is made."
    )


def _check_search(path: pathlib.Path, line: str, search: dict[str, Any]) -> None:
    """Checks that a file is of this search; names what differs."""
    head = _read_head(line, path)
    now = json.loads(json.dumps(search))
    differs = [name for name in now if head.get(name) != now[name]]
    if differs:
        shown = "; ".join(f"{name} was {head.get(name)!r:.80}, now {now[name]!r:.80}" for name in differs)
        raise RecordError(
            f"the record file {str(path)!r} is of another search: {shown}. "
            "Go on with the same arguments, or give the path of a new file."
        )


def _parse(line: str, path: pathlib.Path, number: int) -> Record:
    try:
        record = Record.from_json(json.loads(line))
    except (ValueError, LoadError) as error:
        raise LoadError(
            f"line {number} of the record file {str(path)!r} is damaged: {error} "
            "Take back the file from a copy, or start anew at another path."
        ) from error
    if record.id != number - 1:
        raise LoadError(
            f"line {number} of the record file {str(path)!r} is damaged: it is of individual {record.id}, "
            f"not {number - 1}. Lines are written in order; none may be missing."
        )
    return record
