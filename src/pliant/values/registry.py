"""Registry of the type names in stored data.

Loading finds types only here and never imports a name, so that stored data cannot decide which code runs.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from enum import Enum
from types import FunctionType
from typing import Any, TypeVar

from .errors import LoadError, UnregisteredTypeError, listing, suggest

T = TypeVar("T", bound=type | Callable[..., Any])
_types: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def type_name(cls: type | Callable[..., Any]) -> str:
    """Returns the stored name of a class or function: its module and qualified name."""
    return f"{cls.__module__}.{cls.__qualname__}"


def register(cls: T, name: str | None = None) -> T:
    """Registers a class or function under a name for stored data; returns it, so that it works as a decorator.

    The last one registered under a name is used, for example after a notebook cell is run again.
    """
    _types[name or type_name(cls)] = cls
    return cls


def register_type(value: Any) -> None:
    """Registers a class or function, or the class of an enum member, dataclass or named tuple, if its name is free."""
    is_record = (
        isinstance(value, Enum)
        or hasattr(type(value), "__dataclass_fields__")
        or hasattr(type(value), "_fields")
    )
    found = value if isinstance(value, (type, FunctionType)) else type(value) if is_record else None
    if (
        found is not None
        and found.__module__ != "builtins"
        and "<lambda>" not in type_name(found)
        and not is_taken(type_name(found))
    ):
        register(found)


def is_taken(name: str) -> bool:
    """Returns whether a class or function is registered as ``name``."""
    return name in _types


def find_type(name: object, *, allow: Iterable[Any] = ()) -> Any:
    """Returns the class or function registered as ``name``, or found among ``allow``.

    Raises:
      LoadError: ``name`` is not text.
      UnregisteredTypeError: the name is neither registered nor allowed.
    """
    if not isinstance(name, str):
        raise LoadError(f"'_type' must be the name of a type, such as 'my_module.Conv'; got {name!r}.")
    for candidate in allow:
        if type_name(candidate) == name:
            return candidate
    found = _types.get(name)
    if found is not None:
        return found
    raise UnregisteredTypeError(
        f"the type {name!r} is not registered, and stored data never causes an import"
        f"{suggest(name, _types) or '.'} Import the module that declares it first, "
        f"or pass `allow=[TheClass]`. Registered: {listing(sorted(_types), 6)}."
    )
