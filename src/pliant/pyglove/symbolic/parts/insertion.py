"""``Insertion``: a new item of a list for ``rebind``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass
class Insertion:
    """A new item for ``rebind``, which is inserted before the item at its index.

    Args:
      value: the item.

    >>> from pliant.pyglove.symbolic.list import List
    >>> List([1, 2]).rebind({1: Insertion(5)})
    [1, 5, 2]
    """

    value: Any
    is_insertion: ClassVar[bool] = True


def mark_as_insertion(value: Any) -> Insertion:
    """Returns a value as an ``Insertion``."""
    return Insertion(value=value)
