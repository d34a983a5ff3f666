"""Deletes a study with all the files that belong to it; nothing that is no study, or is in use."""

from __future__ import annotations

from pathlib import Path

from pliant.study import Study
from pliant.study.lock import WriterLock
from pliant.values.errors import StudyError

_BESIDE = ("-wal", "-shm", "-journal")  # the file of the lock stays, as others may be about to take it


def remove_study(path: Path) -> None:
    """Deletes the study at ``path``; does nothing when there is no file.

    Raises:
      StudyError: the file is no study, or another process writes it.
    """
    if not path.exists():
        return
    Study.open(path).close()
    lock = WriterLock(path)
    if not lock.acquire():
        raise StudyError(f"the study {str(path)!r} is being written by another process; end that one first.")
    try:
        for file in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
            file.unlink(missing_ok=True)
    finally:
        lock.release()
