"""``catch``: an exception in the loop of a study ends only its trial."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pliant.values.errors import FeedbackError, RewardError
from pliant.values.exceptions import catching, check_exceptions, describe
from pliant.values.text import to_printable

from .study import Study
from .trials.trial import Trial

if TYPE_CHECKING:
    from .client import Client


def catch(study: Study | Client, trial: Trial, *exceptions: type[Exception]) -> AbstractContextManager[None]:
    """Returns a context in which an exception of these types ends only a trial, which fails, and the loop goes on.

    The reason of the trial is the type and the text of the exception.  Others propagate, and so does one after the trial has
    ended.

    >>> import tempfile
    >>> from pliant.algorithms import Sweep
    >>> from pliant.space import flatten, integer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", flatten([integer("x", 0, 2)]), Sweep()) as study:
    ...         while trial := study.ask():
    ...             with catch(study, trial, ZeroDivisionError):
    ...                 _ = study.tell(trial.id, 1 / trial.decisions["x"])
    ...         [(trial.status, trial.reason) for trial in study.trials()]
    [('failed', 'ZeroDivisionError: division by zero'), ('completed', None), ('completed', None)]

    Args:
      study: an open study, or a connection to one.
      trial: as ``ask`` returned it.
      exceptions: their types.

    Raises:
      FieldTypeError: one is not a type of exceptions, or one that ends the program, such as ``KeyboardInterrupt``.
    """

    def end(error: Exception) -> bool:
        try:
            study.fail(
                trial.id,
                to_printable(describe(error)),
                cause="reward" if isinstance(error, RewardError) else "error",
                token=trial.token,
            )
        except FeedbackError:  # it has ended, or another worker has it
            return False
        return True

    return catching(check_exceptions(exceptions, "catch"), end)
