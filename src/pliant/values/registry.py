"""The names under which types may appear in stored text.  Loading looks names up here, nowhere else.

A name that is not registered is never imported: stored text decides nothing about what runs.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from .errors import LoadError, UnregisteredTypeError, listing, suggest

_types: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def type_name(cls: Any) -> str:
    """Returns the name under which a class or function is stored: its module and qualified name."""
    return f"{cls.__module__}.{cls.__qualname__}"


def register(cls: Any, name: str | None = None) -> Any:
    """Allows ``cls`` (a class or function) to be named in stored text; returns it, so it decorates.

    The last one registered under a name wins, as when a notebook cell is run again.
    """
    _types[name or type_name(cls)] = cls
    return cls


def is_taken(name: str) -> bool:
    """Returns whether a class or function is registered as ``name``."""
    return name in _types


def find_type(name: Any, *, allow: Iterable[Any] = ()) -> Any:
    """Returns the class or function registered as ``name``, or found among ``allow``.

    Raises:
      LoadError: ``name`` is no text.
      UnregisteredTypeError: nothing of that name is registered or allowed.
    """
    if not isinstance(name, str):
        raise LoadError(f"a '_type' is the name of a type, such as 'my_module.Conv'; got {name!r}.")
    for candidate in allow:
        if type_name(candidate) == name:
            return candidate
    found = _types.get(name)
    if found is not None:
        return found
    raise UnregisteredTypeError(
        f"the type {name!r} is not registered, and nothing is imported because stored text asks for it"
        f"{suggest(name, _types) or '.'} Import the module that declares it first, "
        f"or pass `allow=[TheClass]`. Registered: {listing(sorted(_types), 6)}."
    )
