"""``ClassTable``: values by class that are kept in the class itself, so that an entry goes when its class goes.

A ``WeakKeyDictionary`` does not do this: what is made from a class refers to the class, and so keeps its own entry.
"""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class _Notes(dict[Any, Any]):
    """What all tables hold for one class.  A copy of the class, and a pickle of it by value, starts without."""

    __slots__ = ("owner",)

    def __init__(self, owner: Any) -> None:
        self.owner = weakref.ref(owner)

    def __reduce__(self) -> Any:
        return dict, ()


_NAME = "_pliant_notes"
_fixed: dict[
    type, _Notes
] = {}  # of built-in classes, which take no attribute and live as long as the process


def _notes(cls: Any) -> Any:
    found = cls.__dict__.get(_NAME) or _fixed.get(cls)
    return found if isinstance(found, _Notes) and found.owner() is cls else {}


class ClassTable(Generic[Value]):
    """Values by class; each lives as long as its class.

    >>> class Base: ...
    >>> class Derived(Base): ...
    >>> table = ClassTable()
    >>> table.add(Base, "of the base")
    'of the base'
    >>> table.get(Derived), table.find(Derived), [cls.__name__ for cls in table.classes]
    (None, 'of the base', ['Base'])
    """

    def __init__(self) -> None:
        self.classes: weakref.WeakSet[type] = weakref.WeakSet()

    def add(self, cls: Any, value: Value) -> Value:
        """Sets and returns the value of a class."""
        notes = _notes(cls)
        if not notes:
            notes = _Notes(cls)
            try:
                type.__setattr__(cls, _NAME, notes)
            except TypeError:
                _fixed[cls] = notes
        notes[self] = value
        self.classes.add(cls)
        return value

    def get(self, cls: Any) -> Value | None:
        """Returns the value of exactly this class, or None."""
        return _notes(cls).get(self)  # type: ignore[no-any-return]  # what `add` stored

    def find(self, cls: type) -> Value | None:
        """Returns the value of a class or of its nearest base class, or None."""
        return next((notes[self] for notes in map(_notes, cls.__mro__) if self in notes), None)
