"""Checks of arguments that are lists, functions or paths, with messages that name the argument."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .errors import FieldTypeError, FieldValueError, quote, quote_typed


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
