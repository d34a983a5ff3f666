"""``Mark``: how many steps a study in SQLite has had, in a small file beside it (``<path>-mark``).

A study that has fewer steps than its mark lost its log, or was replaced by an earlier copy; opening it is refused.  The
mark is written after each commit, and read before the study, so that it is never ahead without a loss.  It is
synchronized when the log is merged into the file, and when the study is closed: after a power failure it may be some steps
behind, which refuses nothing.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, final

from pliant.values.errors import LoadError, StudyError
from pliant.values.files import write_atomically
from pliant.values.lines import read_json

from .files import beside, find_mode, follow
from .rows import to_command

SIZE = 200  # bytes; always the same, so that writing needs no space on the disk
RESTORE = "remove this file and those of its name that end in '-wal', '-shm' and '-mark', and {}"
TRIES = 5  # of a reader, as another process may be writing the mark


class Count(NamedTuple):
    """What a mark counts."""

    study: str  # when the study was created, as a mark may be left of another one
    steps: int  # proposals, reports, results, and other changes
    trials: int


@final
class Mark:
    """The mark of a study that is open for writing.

    Args:
      path: the study, for messages.
      file: its real path.
      count: what the study has now.

    Raises:
      StudyError: the mark cannot be written.
    """

    def __init__(self, path: Path, file: Path, count: Count) -> None:
        mark = beside(file, "-mark")
        try:
            found = None
            with suppress(StudyError):  # it is damaged, and was left of a study that was deleted
                found = read_mark(path, file)
            if found is None or found.study != count.study:
                write_atomically(mark, _to_bytes(count), mode=find_mode(file))
                follow(mark, file)
            self._handle = os.open(mark, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError as error:
            raise StudyError(f"{str(mark)!r} cannot be written: {error.strerror}.") from error
        self.write(count)

    def write(self, count: Count) -> None:
        """Writes what the study has after a commit; where that fails, the mark stays behind."""
        with suppress(OSError):
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, _to_bytes(count))

    def synchronize(self) -> None:
        """Waits until what was written is on the disk; where that fails, the mark may stay behind."""
        with suppress(OSError):
            os.fsync(self._handle)

    def close(self) -> None:
        """Synchronizes and closes the file."""
        self.synchronize()
        os.close(self._handle)


def read_mark(path: Path, file: Path) -> Count | None:
    """Returns the mark of a study; None without one.

    Raises:
      StudyError: it cannot be read, or is damaged.
    """
    mark = beside(file, "-mark")
    for left in reversed(range(TRIES)):
        try:
            text = mark.read_bytes()
            data = read_json(text)
            count = Count(data["study"], data["steps"], data["trials"])
            if text == _to_bytes(count):
                return count
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StudyError(
                f"{str(mark)!r} cannot be read: {error.strerror}. Check its permissions."
            ) from error
        except (ValueError, LoadError, KeyError, TypeError):
            pass
        time.sleep(0.01 if left else 0)
    raise StudyError(
        f"{str(mark)!r} is damaged, so that it is unknown whether {str(path)!r} is whole. {_say_remedies(path)}"
    )


def check_mark(path: Path, mark: Count | None, has: Count) -> None:
    """Checks that a study is not behind its mark, which was read before.

    Raises:
      StudyError: it is.
    """
    if mark is None or mark.study != has.study or mark.steps <= has.steps:
        return
    raise StudyError(
        f"{str(path)!r} lost its last {mark.steps - has.steps} steps (proposals, reports, results): it has {has.trials} trials, and had "
        f"{mark.trials}. Its '-wal' file was removed or damaged, or an earlier copy replaced it. {_say_remedies(path)}"
    )


def explain_emptied(path: Path, mark: Count) -> StudyError:
    """Returns the error for an empty file that has a mark."""
    return StudyError(
        f"{str(path)!r} is empty, and its '-mark' file says that it was a study with {mark.trials} trials. To restore a backup, "
        f"{RESTORE.format('copy the backup here')}. To begin again, remove the two files."
    )


def _say_remedies(path: Path) -> str:
    return (
        f"If the '-wal' file is elsewhere, put it back. To restore a backup, {RESTORE.format('copy it here')}. To go on with what is left: "
        f"{to_command('check', path, '--accept')}."
    )


def _to_bytes(count: Count) -> bytes:
    text = f'{{"study": {json.dumps(count.study)}, "steps": {count.steps}, "trials": {count.trials}'
    digest = blake2b(text.encode(), digest_size=8).hexdigest()
    return f'{text}, "digest": "{digest}"}}'.ljust(SIZE - 1).encode() + b"\n"
