"""Output of a job in bounded memory and disk: its beginning, its end, and how much was left out."""

from __future__ import annotations

import time
from io import FileIO
from pathlib import Path
from typing import final

LOG_BYTES = 1 << 20
"""Default size of a log file."""
TAIL_BYTES, TAIL_LINES = 4096, 40
_REFRESH_SECONDS = 1.0


@final
class Output:
    r"""Output of one job, and its log file.

    The first half of the file is the beginning of the output; the second half is the latest output, updated about once
    a second and at the end.

    >>> output = Output(limit=20)
    >>> output.feed(b"begin " + b"x" * 1000 + b" end\n")
    >>> output.tail()
    'xxxxx end\n'

    Args:
      log: the file, which is overwritten; None for no file.
      limit: number of bytes to keep.
    """

    def __init__(self, log: Path | None = None, limit: int = LOG_BYTES) -> None:
        self.size = 0
        """Number of bytes printed."""
        self._head_room = limit // 2
        self._end_room = limit - limit // 2
        self._end = bytearray()  # latest output
        self._head = 0
        self._written = 0.0
        self._stale = False
        self._fault = ""
        self._file: FileIO | None = None
        try:
            self._file = FileIO(str(log), "w") if log is not None else None
        except OSError as error:
            self._fault = f"[the log {str(log)!r} cannot be opened: {error.strerror}]"

    def feed(self, data: bytes) -> None:
        """Adds output."""
        self.size += len(data)
        room = self._head_room - self._head
        if room > 0:
            self._head += len(data[:room])
            self._write(data[:room])
        self._end += data
        if len(self._end) > 2 * self._end_room:
            del self._end[: -self._end_room]
        self._stale = self._stale or len(data) > room

    def refresh(self) -> None:
        """Writes the latest output to the file, at most about once a second."""
        if self._stale and time.monotonic() - self._written > _REFRESH_SECONDS:
            self._finish_file()

    def close(self) -> None:
        """Completes the file."""
        if self._stale:
            self._finish_file()
        if self._file is not None:
            self._file.close()
            self._file = None

    def tail(self) -> str:
        """Returns the last lines, at most 40 of them and 4 KiB."""
        data = bytes(self._end[-min(TAIL_BYTES, self._end_room) :])
        lines = data.decode("utf-8", "replace").splitlines(keepends=True)[-TAIL_LINES:]
        return "".join(lines) + self._fault

    def _finish_file(self) -> None:
        self._stale, self._written = False, time.monotonic()
        after = self.size - self._head
        end = bytes(self._end[-min(self._end_room, after) :])
        skipped = after - len(end)
        note = f"\n[... {skipped} bytes left out ...]\n".encode() if skipped else b""
        self._write(note + end, end_at=self._head)

    def _write(self, data: bytes, end_at: int | None = None) -> None:
        """Adds to the file, or replaces its end; stops logging on an error such as a full disk: the job continues."""
        if (file := self._file) is None:
            return
        try:
            if end_at is not None:
                file.seek(end_at)
            while data:
                data = data[file.write(data) :]
            if end_at is not None:
                file.truncate()
        except OSError as error:
            self._fault, self._file = f"\n[the log {file.name!r} cannot be written: {error.strerror}]", None
            file.close()
