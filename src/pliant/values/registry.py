"""Registry of the type names in stored data.

Loading finds types only here and never imports a name, so that stored data cannot decide which code runs.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from types import FunctionType
from typing import Any, TypeVar

from .errors import FieldTypeError, LoadError, UnregisteredTypeError, listing, quote, quote_typed, suggest

T = TypeVar("T", bound=type | Callable[..., Any])
_types: dict[str, tuple[weakref.ref[Any], ...]] = {}  # by name, the last one at the end


def type_name(cls: type | Callable[..., Any]) -> str:
    """Returns the stored name of a class or function: its module and qualified name."""
    return f"{cls.__module__}.{cls.__qualname__}"


def register(cls: T, name: str | None = None) -> T:
    """Registers a class or function under a name for stored data; returns it, so that it works as a decorator.

    The last one registered under a name that still exists is used, for example after a notebook cell is run again.
    """
    if not hasattr(cls, "__qualname__"):
        raise FieldTypeError(f"register takes a class or a function; got {quote_typed(cls)}.")
    name = name or type_name(cls)
    others = [ref for ref in _types.get(name, ()) if ref() is not cls]
    _types[name] = (*others, weakref.ref(cls, partial(_drop, name)))
    return cls


def _drop(name: str, dead: weakref.ref[Any]) -> None:
    _types[name] = tuple([ref for ref in _types.get(name, ()) if ref is not dead])
    if not _types[name]:
        del _types[name]


def registered(name: str) -> Any:
    """Returns what is registered under a name, or None."""
    return next((found for ref in reversed(_types.get(name, ())) if (found := ref()) is not None), None)


def register_type(value: Any, *, replaces: bool = False) -> None:
    """Registers a class or function, or the class of an enum member, dataclass or named tuple, if its name is free.

    If it ``replaces``, also in place of an earlier version of itself, from a notebook cell that is run again.
    """
    is_record = (
        isinstance(value, Enum)
        or hasattr(type(value), "__dataclass_fields__")
        or hasattr(type(value), "_fields")
    )
    found: Any = value if isinstance(value, (type, FunctionType)) else type(value) if is_record else None
    if found is None or found.__module__ == "builtins" or "<lambda>" in type_name(found):
        return
    known = registered(type_name(found))
    is_older = type(known) is type(found) and not (isinstance(found, type) and issubclass(known, found))
    if known is None or (replaces and is_older):
        register(found)


def find_type(name: object, *, allow: Iterable[Any] = ()) -> Any:
    """Returns the class or function registered as ``name``, or found among ``allow``.

    Raises:
      LoadError: ``name`` is not text.
      UnregisteredTypeError: the name is neither registered nor allowed.
    """
    if not isinstance(name, str):
        raise LoadError(
            f"'_type' must be the name of a type, such as 'my_module.Conv'; got {quote(name, 200)}."
        )
    for candidate in allow:
        if type_name(candidate) == name:
            return candidate
    found = registered(name)
    if found is not None:
        return found
    raise UnregisteredTypeError(
        f"the type {quote(name, 200)} is not registered, and stored data never causes an import"
        f"{suggest(name, _types) or '.'} Import the module that declares it first, which is enough for a symbolic class, "
        f"and pass any other class or function: `allow=[{name.rpartition('.')[2]:.80}]`. Registered: {listing(sorted(_types), 6)}.",
        type_name=name,
    )
