"""Leaves: values in a tree that are not symbolic; which of them candidates share, and which are copied.

A search builds many programs from one space.  A mutable leaf (a layer with weights) must not be shared between
trials; data and immutable values are shared.
"""

from __future__ import annotations

import copy
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any, final

from pliant.values.path import Path
from pliant.values.placeholder import Placeholder

from .node import ATOMS, PROGRAM

_SHARED = (type, FunctionType, BuiltinFunctionType, BuiltinMethodType, MethodType, ModuleType)


@final
class Ref(Placeholder):
    """A leaf that all copies of a program share: a data set, a pool, pretrained weights.

    Attributes of objects, functor calls and the constructors of symbolized classes get the value itself.

    >>> rows = [1, 2, 3]
    >>> Ref(rows).value is rows, Ref(rows) == Ref(rows)
    (True, True)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def admit(self, spec: Any, path: Path) -> Any:
        """Checks the shared value; a value in a field that cannot hold nodes (a number) is stored without ``Ref``."""
        value = spec.check(self.value, path)
        return self if spec.holds_nodes else value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __copy__(self) -> Ref:
        return self

    def __deepcopy__(self, memo: object) -> Ref:
        return self

    def __repr__(self) -> str:
        text = repr(self.value)
        if "\n" in text:  # a network, an array: its repr is too long
            text = f"{type(self.value).__name__}(...)"
        return f"Ref({text})"


def bare(value: object) -> Any:
    """Returns the value of a ``Ref``; other values unchanged."""
    return value.value if value.__class__ is Ref else value


def is_shared(value: object) -> bool:
    """Returns whether all candidates of a search share a leaf.

    Shared are: immutable values, functions, classes and modules; objects that are compared by value and can be hashed
    (enum members, dates, paths); arrays and tensors, which are data; a ``Ref``.

    >>> is_shared(3), is_shared(len), is_shared({1, 2})
    (True, True, False)
    """
    cls: Any = type(value)
    if cls in ATOMS or isinstance(value, _SHARED) or cls is Ref:
        return True
    if cls.__name__ == "Lambda" and cls.__module__.startswith("keras."):
        return True  # no weights; and Keras copies layers through a file, where a lambda loses its globals
    if hasattr(cls, "__array__") or hasattr(cls, "__dlpack__"):
        return True
    return cls.__eq__ is not object.__eq__ and cls.__hash__ not in (None, object.__hash__)


def fresh(value: object) -> Any:
    """Returns a leaf for a new candidate: the value itself if it is shared, else a deep copy.

    A value that cannot be copied (a lock, an open file) is shared.
    """
    if is_shared(value):
        return value
    try:
        return copy.deepcopy(value, {PROGRAM: True})
    except (TypeError, NotImplementedError):
        return value
