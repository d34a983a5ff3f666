"""Traits that PyGlove's classes share: ``MaybePartial``, ``Functor``, methods that are overridden on purpose."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, TypeVar

from pliant.values.errors import FieldTypeError, quote

_F = TypeVar("_F", bound=Callable[..., Any])


class MaybePartial(abc.ABC):
    """Base class of objects whose fields may be missing."""

    @property
    def is_partial(self) -> bool:
        """Whether a field is missing."""
        return len(self.missing_values()) > 0

    @abc.abstractmethod
    def missing_values(self, flatten: bool = True) -> dict[str | int, Any]:
        """Returns the missing fields: path (or nested key) to the missing value."""


class Functor(abc.ABC):
    """Base class of functions that are objects."""

    @abc.abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function."""


def explicit_method_override(method: _F) -> _F:
    """Decorator: says that a method overrides one that PyGlove manages (such as ``__init__``) on purpose."""
    method.__explicit_override__ = True  # type: ignore[attr-defined]  # the mark that is read below
    return method


def ensure_explicit_method_override(method: Any, error_message: str | None = None) -> None:
    """Checks that a method is marked with ``explicit_method_override``.

    Raises:
      FieldTypeError: it is not.
    """
    if not getattr(method, "__explicit_override__", False):
        raise FieldTypeError(
            error_message
            or f"{quote(method)} is a PyGlove managed method. "
            "If you override it on purpose, decorate it with `@pg.explicit_method_override`."
        )
