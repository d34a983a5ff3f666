"""The JSON form of trees, shared by ``writer`` and ``reader``.

An object is ``{"_type": "module.Class", field: value, ...}``, a tuple ``["__tuple__", ...]``.  Other values that
JSON lacks are objects with one of these types:

=================================  =======================================================
``float`` ``int`` ``complex``      nan and the infinities; very long integers (hexadecimal)
``bytes`` ``set`` ``date`` ...     other leaves; see ``leaves``
``type`` ``function`` ``enum``     a class, function or enum member, by name
``list`` ``dict`` ``object``       values that look like another form, or have keys other than text
=================================  =======================================================
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, final

from pliant.values.path import ROOT, Path, at_path

SYMBOLIZERS: list[Callable[[Any], Any]] = []
"""``symbolize``, which makes a user's class symbolic; registered by ``objects.symbolize``."""

TUPLE = "__tuple__"
AS_IS = frozenset({str, bool, NoneType})
"""The classes whose values JSON represents directly."""


@final
class Fault(Exception):
    """An error being propagated, with the keys of its path, the last one first."""

    def __init__(self, error: Exception, key: str | int) -> None:
        super().__init__(error)
        self.error = error
        self.steps = [key]


def at_key(error: Exception, key: str | int) -> Fault:
    """Returns a fault with the next outer key added."""
    if isinstance(error, Fault):
        error.steps.append(key)
        return error
    return Fault(error, key)


def locate(error: Exception) -> tuple[Exception, str]:
    """Returns an error and its path as text for a message."""
    if isinstance(error, Fault):
        return error.error, at_path(Path(reversed(error.steps)))
    return error, at_path(ROOT)


def origin(cls: Any) -> Any:
    """Returns the class or function that a symbolic class was made from, or None."""
    own = getattr(cls, "__dict__", {})
    return own.get("_sym_origin") or getattr(own.get("_sym_function"), "__func__", None)
