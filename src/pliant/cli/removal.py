"""Deletes studies with all their files, also those that trials saved beside them; refuses files that are not studies, and studies in use."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from pliant.study import Study
from pliant.study.artifacts.place import ENDING
from pliant.study.store.files import beside, find_real
from pliant.study.store.location import Location, Server
from pliant.study.store.lock import WriterLock
from pliant.study.store.opening import is_free
from pliant.values.errors import StudyError

_BESIDE = (
    "-wal",
    "-shm",
    "-mark",
    "-journal",
)  # the lock file stays, as another process may be about to lock it


def remove_studies(*places: Location) -> None:
    """Deletes studies, of files all or none; ignores places without one; raises StudyError for other files and studies in use."""
    for place in places:
        if isinstance(place, Server) and not is_free(place):
            from pliant.study.store.postgres import remove_study  # brings psycopg

            remove_study(place)
    studies = [place for place in places if isinstance(place, Path) and place.exists()]
    for path in studies:
        Study.open(path).close()
    with ExitStack() as held:
        for path in studies:
            lock = WriterLock(path)
            if not lock.acquire():
                raise StudyError(
                    f"the study {str(path)!r} is being written by another process; end that process first."
                )
            held.callback(lock.release)
        for path in studies:
            real = find_real(path)
            shutil.rmtree(beside(real, ENDING), ignore_errors=True)  # the files that its trials saved
            for file in (*(beside(real, end) for end in _BESIDE), real, path):
                file.unlink(missing_ok=True)
