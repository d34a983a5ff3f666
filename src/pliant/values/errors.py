"""Error classes: one root, ``PliantError``, and each also of the matching built-in type.

Messages are written where an error is raised.  ``suggest`` finds the nearest valid name for them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .text import shorten_lines, to_printable


class PliantError(Exception):
    """Base class of all errors that Pliant raises on purpose; their text is printable and short, whatever it quotes."""

    def __str__(self) -> str:  # KeyError would print the repr of its message
        return shorten_lines(to_printable(self.args[0], keep="\n")) if self.args else ""


class PathError(PliantError, KeyError):
    """A path that does not exist in a tree, or text that is not a path."""


class ItemError(PathError, IndexError):
    """An item of a list that does not exist."""


class FieldTypeError(PliantError, TypeError):
    """A value of a type that its field does not allow.

    Attributes:
      path: the ``Path`` of the value that a spec refused; None for other errors.
    """

    path: object = None


class FieldValueError(PliantError, ValueError):
    """A value of the right type that its field does not allow; ``path`` as in ``FieldTypeError``."""

    path: object = None


class UnknownFieldError(PliantError, TypeError, KeyError):
    """A field, key or argument that does not exist."""


class MissingFieldError(PliantError, TypeError):
    """A required field without a value."""


class IncompleteError(PliantError, TypeError):
    """A program that is used while fields are missing or holes are undecided.

    Attributes:
      holes: the paths of undecided holes.
    """

    def __init__(self, message: str = "", *, holes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.holes = tuple(holes)


class SchemaError(PliantError, TypeError):
    """A declaration of fields that contradicts itself or its base class."""


class SealedError(PliantError, RuntimeError):
    """A change to a sealed (read-only) tree."""


class CycleError(PliantError, ValueError):
    """A change that would make a node its own descendant."""


class LoadError(PliantError, ValueError):
    """Stored data that is damaged or of an unexpected form."""


class UnregisteredTypeError(LoadError, TypeError):
    """Stored data with a type that is neither registered nor allowed."""


class SpaceError(PliantError, ValueError):
    """An impossible search space: no candidates, more picks than candidates, ..."""


class ConditionalHoleError(SpaceError):
    """A hole repeats a hole of the same name that is active only for some decisions.

    Attributes:
      name: the name of both holes.
    """

    def __init__(self, message: str = "", *, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class DecisionError(PliantError, ValueError):
    """Decisions that do not belong to the space."""


class RewardError(PliantError, ValueError):
    """A reward, step or metric that is not a finite number, or a wrong number of rewards.

    Attributes:
      fault: the message without the advice at its end.
      takes_one: whether several rewards were given to an algorithm that takes one.
    """

    def __init__(self, fault: str, advice: str = "", *, takes_one: bool = False) -> None:
        super().__init__(f"{fault} {advice}".rstrip())
        self.fault = fault
        self.takes_one = takes_one


class FeedbackError(PliantError, RuntimeError):
    """Feedback that is missing, or given twice."""


class StaleError(FeedbackError):
    """A result of an outdated attempt: the trial was handed out again in the meantime.

    Attributes:
      trial_id: the id of the trial.
    """

    def __init__(self, message: str, trial_id: int) -> None:
        super().__init__(message)
        self.trial_id = trial_id


class SpaceChangedError(PliantError, ValueError):
    """A study that is opened with a space other than its own."""


class StudyError(PliantError, RuntimeError):
    """A study that cannot be opened, read or continued."""


class NoStudyError(StudyError):
    """No study exists at a place.

    Attributes:
      fault: the message without the advice at its end, which the command line replaces.
      is_free: whether a study can be created there; False where something else is there.
    """

    def __init__(self, fault: str, advice: str, *, is_free: bool) -> None:
        super().__init__(f"{fault} {advice}")
        self.fault, self.is_free = fault, is_free


class StudyInUseError(StudyError):
    """A study that another process, or this one, has open for writing.

    Attributes:
      fault: the message without the advice at its end, which the command line replaces.
      holder: that process as text; None if unknown.
    """

    def __init__(self, fault: str, advice: str, holder: str | None) -> None:
        super().__init__(f"{fault} {advice}")
        self.fault, self.holder = fault, holder


class StudyChangedError(StudyError):
    """A study that was opened with another algorithm or other settings than it was made with."""


class LaunchError(PliantError, RuntimeError):
    """A job that can never run with its launcher, or a launcher that cannot start."""


class EvaluationError(PliantError, RuntimeError):
    """All first trials failed, so that the evaluation has an error, not the programs."""


def suggest(name: object, names: Iterable[object]) -> str:
    """Returns ``"; did you mean 'x'?"`` for the nearest of ``names``, or an empty string.

    >>> suggest("filtres", ["filters", "kernel"])
    "; did you mean 'filters'?"
    >>> suggest("zzz", ["filters"])
    ''
    """
    near = difflib.get_close_matches(str(name), [str(n) for n in names], n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def listing(names: Iterable[object], limit: int = 12) -> str:
    """Returns names as a list in text, at most ``limit`` of them.

    >>> listing(["a", "b"]), listing([])
    ("'a', 'b'", 'none')
    """
    shown = [repr(str(n)) for n in names]
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return (", ".join(shown[:limit]) + more) or "none"
