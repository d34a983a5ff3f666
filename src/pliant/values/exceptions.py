"""Exceptions of users' code: which types end only one trial, and an exception as a line of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .errors import FieldTypeError, quote

LENGTH = 500  # of an exception on one line, at most
Types = tuple[type[Exception], ...]


def check_exceptions(given: Any, owner: str) -> Types:
    """Returns types of exceptions as a tuple; one type may be given without one.

    >>> check_exceptions(ValueError, "catch"), check_exceptions([KeyError, OSError], "catch")
    ((<class 'ValueError'>,), (<class 'KeyError'>, <class 'OSError'>))

    Raises:
      FieldTypeError: one is not a subclass of ``Exception``, such as ``KeyboardInterrupt``.
    """
    is_many = isinstance(given, Iterable) and not isinstance(given, (str, bytes, type))
    found = tuple(given) if is_many else (given,)
    for one in found:
        if isinstance(one, type) and issubclass(one, Exception):
            continue
        where = f"{owner} takes types of exceptions, such as ValueError or (ValueError, OSError); got {quote(one)}"
        if isinstance(one, type) and issubclass(one, BaseException):
            raise FieldTypeError(
                f"{where}, which ends the whole program. Leave it out; for all errors, write Exception."
            )
        if isinstance(one, BaseException):
            raise FieldTypeError(f"{where}, an object. Write its type: {type(one).__name__}.")
        raise FieldTypeError(f"{where} of type {type(one).__name__}.")
    return found


@contextmanager
def catching(types: Types, end: Callable[[Exception], bool]) -> Iterator[None]:
    """Passes exceptions of these types to ``end``, which returns whether they are dealt with; others propagate."""
    try:
        yield
    except types as error:
        if not end(error):
            raise


def describe(error: BaseException) -> str:
    """Returns an exception on one line, limited.

    >>> describe(ValueError("no such layer"))
    'ValueError: no such layer'
    """
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - of a user's class
        text = ""
    return one_line(f"{type(error).__qualname__}: {text}" if text else type(error).__qualname__)


def one_line(text: str) -> str:
    """Returns text on one line, limited to 500 characters."""
    line = " ".join(text.split())
    return line if len(line) <= LENGTH else line[: LENGTH - 3] + "..."
