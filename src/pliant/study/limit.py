"""``limit_trials``: changes the number of trials of a study while another process searches; so a search is stopped from outside."""

from __future__ import annotations

from pliant.algorithms.options import check_count
from pliant.values.errors import StudyError

from .store.record import Record
from .trials.check import MAX_TRIALS
from .view import View


def limit_trials(study: View, count: int | None) -> int:
    """Changes after how many trials a search ends; the process that searches reads it before each proposal.  Returns the number.

    Running trials are finished.  The search goes on where the number is raised and the program is run again, exactly as if it had
    not been stopped.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> from pliant.study import Study
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", flatten([integer("x", 0, 9)]), Random(), trials=20) as study:
    ...         trial = study.ask()
    ...         with Study.open(f"{folder}/a.db") as other:  # in any process
    ...             print(limit_trials(other, None))
    ...         print(study.ask(), study.tell(trial.id, 0.5).status)
    1
    None completed

    Args:
      study: open for reading or for writing.
      count: the number of trials in all; None for those that were proposed until now, which stops the search.

    Raises:
      FieldTypeError, FieldValueError: the number is not an integer from 1 to 2147483647.
      StudyError: more trials were proposed, or none yet; or the study cannot be written.
    """
    wanted = None if count is None else check_count(count, "count", "limit_trials", most=MAX_TRIALS)
    found = 0

    def work(record: Record) -> None:
        nonlocal found
        proposed = record.progress().proposed
        if not proposed and wanted is None:
            raise StudyError(
                f"the study {study.name!r} has no trial yet, so it cannot be stopped. Give a number, or end its process by Ctrl-C."
            )
        if wanted is not None and wanted < proposed:
            raise StudyError(
                f"the study {study.name!r} has {proposed} trials already, more than {wanted}. Give a larger number, or None to stop "
                "the search now."
            )
        found = proposed if wanted is None else wanted
        record.change_settings(budget=found)
        record.add_note(None, f"the number of trials was set to {found} by another process")

    study._store.beside(work)
    return found
