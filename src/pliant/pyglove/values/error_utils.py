"""``catch_errors``: catches errors by class and message."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pliant.values.errors import FieldTypeError, quote


@dataclasses.dataclass
class CatchErrorsContext:
    """What ``catch_errors`` caught.

    Attributes:
      error: the error; None if there was none.
    """

    error: BaseException | None = None


@contextmanager
def catch_errors(
    errors: Any, error_handler: Callable[[BaseException], None] | None = None
) -> Iterator[CatchErrorsContext]:
    """Catches errors in a ``with`` block.

    >>> with catch_errors((ValueError, "invalid literal")) as caught:
    ...     int("x")
    >>> type(caught.error).__name__
    'ValueError'

    Args:
      errors: an error class, a pair of it and a regular expression that its class name and message contain, or several of them.
      error_handler: called with the error that was caught.

    Raises:
      FieldTypeError: ``errors`` is something else.
    """
    kinds = _read(errors)
    context = CatchErrorsContext()
    try:
        yield context
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
        if not any(isinstance(error, cls) and _matches(pattern, text, str(error)) for cls, pattern in kinds):
            raise
        context.error = error
        if error_handler is not None:
            error_handler(error)


def _matches(pattern: str | None, text: str, message: str) -> bool:
    if pattern is None:
        return True
    return re.search(pattern, text if not pattern.startswith("^") else message) is not None


def _read(errors: Any) -> list[tuple[type[BaseException], str | None]]:
    if isinstance(errors, type) or (
        isinstance(errors, tuple) and len(errors) == 2 and isinstance(errors[1], str)
    ):
        errors = [errors]
    found: list[tuple[type[BaseException], str | None]] = []
    for item in errors:
        cls, pattern = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
        if not isinstance(cls, type) or not isinstance(pattern, str | None):
            raise FieldTypeError(
                "Each error specification should be either an exception type or a tuple of it and a regular expression. "
                f"Encountered {quote(item)}."
            )
        if not issubclass(cls, BaseException):
            raise FieldTypeError(
                f"Exception contains non-except types: {quote(cls)}. Give subclasses of BaseException."
            )
        found.append((cls, pattern))
    return found
