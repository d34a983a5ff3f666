"""``Backend``: the interface of what keeps the trials of searches; their names; and ``poll_result``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .protocols import Feedback, Result


class Backend(ABC):
    """Base class of what keeps the trials of a search, and shares them among workers."""

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Backend:
        """Returns the back-end of one worker of one search; by default ``cls(*args, **kwargs)``."""
        return cls(*args, **kwargs)

    @classmethod
    @abstractmethod
    def poll_result(cls, name: str, **kwargs: Any) -> Result:
        """Returns the result of a search by its name."""

    @abstractmethod
    def next(self) -> Feedback:
        """Returns what the next trial reports to, or raises StopIteration at the end."""


_backends: dict[str, type[Backend]] = {}
_default: list[str] = ["in-memory"]


def add_backend(backend_name: str) -> Callable[[type[Any]], type[Any]]:
    """Names a class of back-ends, as a decorator.

    Raises:
      FieldTypeError: the class is not a ``Backend``.
    """

    def decorate(cls: type[Any]) -> type[Any]:
        given: Any = cls
        if not (isinstance(given, type) and issubclass(given, Backend)):
            raise FieldTypeError(
                f"{quote(cls)} is not a `pg.tuning.Backend` subclass. Derive it from that class."
            )
        _backends[backend_name] = cls
        return cls

    return decorate


def available_backends() -> list[str]:
    """Returns the names of the back-ends.

    >>> "in-memory" in available_backends()
    True
    """
    return list(_backends)


def default_backend() -> str:
    """Returns the name of the back-end that ``pg.sample`` uses where none is given.

    >>> default_backend()
    'in-memory'
    """
    return _default[0]


def set_default_backend(backend_name: str) -> None:
    """Sets the back-end that ``pg.sample`` uses where none is given.

    Raises:
      FieldValueError: no back-end has this name.
    """
    find_backend(backend_name)
    _default[0] = backend_name


def find_backend(backend_name: str | None) -> type[Backend]:
    """Returns a class of back-ends by its name; None for the default one.

    Raises:
      FieldValueError: no back-end has this name.
    """
    name = _default[0] if backend_name is None else backend_name
    if name not in _backends:
        raise FieldValueError(
            f"Backend {quote(name)} does not exist. There are {', '.join(map(repr, _backends))}; add one with pg.tuning.add_backend."
        )
    return _backends[name]


def poll_result(name: str, backend: str | None = None, **kwargs: Any) -> Result:
    """Returns the result of a search by its name.

    Args:
      name: the name that was given to ``pg.sample``.
      backend: the name of its back-end.
      **kwargs: passed on to the back-end.

    Raises:
      FieldValueError: no search has this name.
    """
    return find_backend(backend).poll_result(name, **kwargs)
