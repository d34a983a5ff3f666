"""Leaves: values in a tree that are not symbolic; which of them candidates share, and which are copied.

A ``List`` or ``Dict`` stores the value of a ``Ref`` itself, so that its readers (also those written in C) get it, and
keeps the ``Ref`` in ``_sym_refs``: ``keep`` stores, and ``kept`` is the inverse.

A search builds many programs from one space.  A mutable leaf (a layer with weights) must not be shared between
trials; data and immutable values are shared.
"""

from __future__ import annotations

import copy
import operator
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any, final

from pliant.values.path import Path
from pliant.values.placeholder import Placeholder

from .node import ATOMS, PROGRAM, Node, is_dataclass, is_unset, rebuild

_SHARED = (type, FunctionType, BuiltinFunctionType, BuiltinMethodType, MethodType, ModuleType)


@final
class Ref(Placeholder):
    """A leaf that all copies of a program share: a data set, a pool, pretrained weights.

    Attributes of objects, items of lists, dicts and tuples, functor calls and the constructors of symbolized classes get
    the value itself; ``sym_init_args`` and ``pg.get`` get the ``Ref``.  An object that a list or dict holds by a ``Ref``
    is shared at all its places there.

    >>> rows = [1, 2, 3]
    >>> Ref(rows).value is rows, Ref(rows) == Ref(rows)
    (True, True)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = bare(value)

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
    """Returns the value of a ``Ref``, and a tuple with the values of those in it; other values unchanged."""
    if value.__class__ is Ref:
        return value.value
    if isinstance(value, tuple):
        items = [bare(v) for v in value]
        return value if all(map(operator.is_, items, value)) else rebuild(value, items)
    return value


def keep(holder: Any, value: object) -> Any:
    """Returns what a ``List`` or ``Dict`` stores for a value, and records the value if a ``Ref`` is in it."""
    found = bare(value)
    if found is not value and found.__class__ not in ATOMS:
        if holder._sym_refs is None:
            holder._sym_refs = {}
        holder._sym_refs[id(found)] = found, value
    return found


def kept(holder: Any, found: object) -> Any:
    """Returns the value for which ``keep`` returned ``found``."""
    refs = holder._sym_refs
    return found if refs is None else refs.get(id(found), (found, found))[1]


def forget_refs(holder: Any, found: object) -> None:
    """Deletes the record of ``keep`` for an item that was removed, unless the holder has it at another place."""
    refs = holder._sym_refs
    if refs is not None and not any(
        v is found for v in (holder.values() if isinstance(holder, dict) else holder)
    ):
        refs.pop(id(found), None)


def is_shared(value: object) -> bool:
    """Returns whether all candidates of a search share a leaf.

    Shared are: immutable values, functions, classes and modules; objects that are compared by value and can be hashed
    (enum members, dates, paths); arrays and tensors, which are data; a ``Ref``.

    >>> is_shared(3), is_shared(len), is_shared({1, 2})
    (True, True, False)
    """
    cls: Any = type(value)
    if cls in ATOMS or isinstance(value, _SHARED) or cls is Ref or is_unset(value):
        return True
    if cls.__name__ == "Lambda" and cls.__module__.startswith("keras."):
        return True  # no weights; and Keras copies layers through a file, where a lambda loses its globals
    if hasattr(cls, "__array__") or hasattr(cls, "__dlpack__"):
        return True
    return cls.__eq__ is not object.__eq__ and cls.__hash__ not in (None, object.__hash__)


def is_sentinel(value: object) -> bool:
    """Returns whether a default without state is compared by identity, as ``x is UNSET`` does; it is never copied.

    >>> is_sentinel(object()), is_sentinel([])
    (True, False)
    """
    cls = type(value)
    if cls.__eq__ is not object.__eq__ or is_dataclass(value) or isinstance(value, Node):
        return False
    return not getattr(value, "__dict__", None) and not any(
        base.__dict__.get("__slots__") for base in cls.__mro__
    )


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
