"""Leaves: values in a tree that are not symbolic.  Which of them candidates may share, and which are copied.

A search makes many programs of one space.  A leaf that can change (a layer that holds weights) must not
leak from one trial into the next; data and values that never change are shared.
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
    """A leaf that is shared by all copies of a program, whatever it is: a data set, a pool, pretrained weights.

    Attributes of objects, functor calls and the constructors of symbolized classes give the value itself.

    >>> rows = [1, 2, 3]
    >>> Ref(rows).value is rows, Ref(rows) == Ref(rows)
    (True, True)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def admit(self, spec: Any, path: Path) -> Any:
        """Checks the value that is shared; what can never be part of a tree (a number) is stored as it is."""
        value = spec.check(self.value, path)
        return self if spec.holds_nodes else value

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Ref) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __copy__(self) -> Ref:
        return self

    def __deepcopy__(self, memo: Any) -> Ref:
        return self

    def __repr__(self) -> str:
        text = repr(self.value)
        if "\n" in text:  # a network, an array: its pages would drown the program that shares it
            text = f"{type(self.value).__name__}(...)"
        return f"Ref({text})"


def bare(value: Any) -> Any:
    """Returns what a ``Ref`` holds; anything else as it is."""
    return value.value if value.__class__ is Ref else value


def is_shared(value: Any) -> bool:
    """Returns whether all candidates of a search may hold this very leaf.

    Shared are: values that never change, functions, classes and modules; objects that are compared by
    value and can be hashed (enum members, dates, paths); arrays and tensors, which are data; a ``Ref``.

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


def fresh(value: Any) -> Any:
    """Returns a leaf for a new candidate: the value itself when it may be shared, else a deep copy.

    What cannot be copied (a lock, an open file) is shared too.
    """
    if is_shared(value):
        return value
    try:
        return copy.deepcopy(value, {PROGRAM: True})
    except (TypeError, NotImplementedError):
        return value
