"""Error classes: one root, ``PliantError``, and each also of the matching built-in type.

Messages are written where an error is raised.  ``quote`` writes a given value for them, ``listing`` the allowed names, and
``suggest`` finds the nearest one.  ``check_items``, ``check_function`` and ``check_file`` refuse arguments of the wrong kind.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from .text import shorten_lines, to_printable

_LONG = 10**80
_BRACKETS = {list.__repr__: ("[", "]"), tuple.__repr__: ("(", ")"), dict.__repr__: ("{", "}")}


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
    """Stored data with a type that is neither registered nor allowed.

    Attributes:
      type_name: the name of the type, as it is stored.
    """

    def __init__(self, message: str = "", *, type_name: str = "") -> None:
        super().__init__(message)
        self.type_name = type_name


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


def quote(value: object, limit: int = 80) -> str:
    """Returns the repr of any value for a message: printable, on one line, of at most ``limit`` characters; never raises.

    What does not fit ends in ``...`` and is not formatted, so that large values take no time.  Long integers and large
    arrays are described, as is a value whose ``__repr__`` raises.

    >>> quote([1, "a"]), quote(10**5000), quote("x" * 10**6, limit=12)
    ("[1, 'a']", 'an int of 5,001 digits', "'xxxxxxxx...")
    """
    text = to_printable(_write(value, limit))
    return text if len(text) <= limit else text[: limit - 3] + "..."


def quote_typed(value: object, limit: int = 80) -> str:
    """Returns the repr of any value, as ``quote`` does, and its type.

    >>> quote_typed("3")
    "'3' of type str"
    """
    return f"{quote(value, limit)} of type {_type_name(value)}"


def _type_name(value: object) -> str:
    return str(type.__dict__["__name__"].__get__(type(value)))  # a metaclass can replace `__name__`


def _write(value: Any, room: int) -> str:
    """Returns the repr of a value, or a text longer than ``room`` that begins like it."""
    cls: Any = type(value)
    try:
        write = cls.__repr__
        if write is int.__repr__ and not -_LONG < value < _LONG:
            return f"an int of {_count_digits(abs(value)):,} digits"
        if write in (str.__repr__, bytes.__repr__):
            return str(write(value[: room + 1]))
        if write in _BRACKETS:
            return _write_items(value, write, room)
        if hasattr(cls, "_sym_quote"):  # a node of a program
            return str(cls._sym_quote(value, room))
        shape = getattr(value, "shape", ()) if hasattr(cls, "dtype") else ()
        if isinstance(shape, tuple) and math.prod(shape) > room:
            return f"{_type_name(value)} of shape {tuple(shape)} and dtype {value.dtype}"
        if issubclass(cls, (Mapping, Sequence, Set)) and cls is not range and len(value) > 1000:
            return f"{_type_name(value)} of {len(value):,} items"
        return re.sub(r"\s*\n\s*", " ", repr(value)[: 4 * room + 4])
    except Exception as error:  # noqa: BLE001 - of the value's own methods
        return f"<{_type_name(value)} whose repr raises {_type_name(error)}>"


def _write_items(value: Any, write: Any, room: int) -> str:
    """Returns the repr of a list, tuple, dict or set, without the items that do not fit."""
    opening, closing = _BRACKETS[write]
    is_dict = write is dict.__repr__
    texts: list[str] = []
    for item in dict.items(value) if is_dict else value:
        key = f"{_write(item[0], room)}: " if is_dict else ""
        texts.append(key + _write(item[1] if is_dict else item, max(0, room - len(key))))
        room -= len(texts[-1]) + 2
        if room < 0:
            return opening + ", ".join(texts) + ", ..."
    comma = "," if opening == "(" and len(texts) == 1 else ""
    return opening + ", ".join(texts) + comma + closing


def _count_digits(number: int) -> int:
    """Returns the number of decimal digits, without writing them."""
    power = math.log10(number)
    near = round(power)
    return near + (number >= 10**near) if abs(power - near) < 1e-6 else int(power) + 1


_NAME = 200  # characters of a name that are compared and shown


def suggest(name: object, names: Iterable[object]) -> str:
    """Returns ``"; did you mean 'x'?"`` for the nearest of ``names``, or an empty string.

    >>> suggest("filtres", ["filters", "kernel"])
    "; did you mean 'filters'?"
    >>> suggest("zzz", ["filters"])
    ''
    """
    near = difflib.get_close_matches(_name(name), [_name(n) for n in names], n=1, cutoff=0.5)
    return f"; did you mean {quote(near[0], limit=2 * _NAME)}?" if near else ""  # whole, to be copied


def listing(names: Iterable[object], limit: int = 12) -> str:
    """Returns names as a list in text, at most ``limit`` of them.

    >>> listing(["a", "b"]), listing([])
    ("'a', 'b'", 'none')
    """
    known = list(names)
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return (", ".join([quote(_name(n), _NAME) for n in known[:limit]]) + more) or "none"


def _name(value: object) -> str:
    """Returns a name as text, the start of a longer one; a search for near names takes quadratic time."""
    try:
        return str(value)[:_NAME]
    except Exception:  # noqa: BLE001 - of the value's own methods, or an integer of thousands of digits
        return quote(value)


def check_items(value: object, argument: str, example: str) -> tuple[Any, ...]:
    """Returns the items of a list, or of another iterable except text; ``argument`` and ``example`` are for the message.

    Raises:
      FieldTypeError: it is text, or has no items.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise FieldTypeError(f"{argument} takes a list, such as {example}; got {quote_typed(value)}.")
    return tuple(value)


def check_function(value: Any, argument: str, example: str) -> Any:
    """Returns a function; None stays None.

    Raises:
      FieldTypeError: it cannot be called.
    """
    if value is not None and not callable(value):
        raise FieldTypeError(f"{argument} takes a function, such as {example}; got {quote_typed(value)}.")
    return value


def check_file(value: object, argument: str) -> str:
    """Returns the path of a file or folder as text.

    Raises:
      FieldTypeError: it is not text or a path.
      FieldValueError: no file can have this name.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise FieldTypeError(f"{argument} takes the path of a file or folder; got {quote_typed(value)}.")
    text = os.fspath(value)
    if len(text) > 10_000:
        raise FieldValueError(
            f"{argument} takes the path of a file or folder; {quote(text)} is too long for one."
        )
    return text
