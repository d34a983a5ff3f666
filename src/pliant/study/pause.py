"""``pause_search`` and ``resume_search``: whether a study hands out trials, in every process that searches it; kept in the study.

``limit`` changes after how many trials a search ends.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import final

from pliant.values.errors import StudyError
from pliant.values.text import write_line

from .store.record import Record
from .store.rows import to_command
from .trials.trial import now
from .view import View


def pause_search(study: View) -> None:
    """Pauses the search of a study, from any process: no trial is handed out until ``resume_search``.

    Running trials are finished.  The processes that search wait, with their workers, and so does a search that is started
    again meanwhile: a pause is kept in the study.  The proposals are those of a search without a pause.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> from pliant.study import Study
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", flatten([integer("x", 0, 9)]), Random(), trials=20) as study:
    ...         with Study.open(f"{folder}/a.db") as other:  # in any process
    ...             pause_search(other)
    ...             print(study.ask(), study.waits)
    ...             resume_search(other)
    ...         study.ask().id
    None True
    1

    Args:
      study: open for reading or for writing.

    Raises:
      StudyError: its search is complete or paused; or the study cannot be written.
    """

    def work(record: Record) -> None:
        progress = record.progress()
        if progress.is_over and not record.running():
            raise StudyError(
                f"the study {study.name!r} is complete: nothing is left to pause. limit_trials(study, count) gives it more trials."
            )
        if progress.paused is not None:
            raise StudyError(f"the study {study.name!r} is paused already, since {progress.paused}.")
        record.change_settings(paused=now())
        record.add_note(None, "the search was paused")

    study._store.beside(work)


def resume_search(study: View) -> None:
    """Ends the pause of a study: the processes that search it go on, within a second.

    Args:
      study: open for reading or for writing.

    Raises:
      StudyError: it is not paused; or it cannot be written.
    """

    def work(record: Record) -> None:
        if record.progress().paused is None:
            raise StudyError(
                f"the study {study.name!r} is not paused. To continue its search in this process, run the program that made it, or "
                f"{to_command('resume', study.path, 'FILE')}."
            )
        record.change_settings(paused=None)
        record.add_note(None, "the search was resumed")

    study._store.beside(work)


@final
class PauseNotice:
    """Says on standard error, once for each pause, that a search waits for its end.

    Args:
      study: which is searched.
    """

    def __init__(self, study: View) -> None:
        self._study = study
        self._said: str | None = None

    def look(self) -> None:
        """Says so if the search is paused, and this was not said."""
        info = self._study.info()
        if info.paused is not None and info.paused != self._said:
            since = info.paused[:19].replace("T", " ")
            resume = to_command("resume", info.path)
            with suppress(OSError, ValueError, AttributeError):  # closed, or none, without a console
                write_line(sys.stderr, f"search: paused since {since} (UTC); to go on, run {resume}")
        self._said = info.paused
