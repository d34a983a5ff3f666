"""Iterates over and maps the leaves of nested tuples, lists and mappings: inputs and outputs of modules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def find_leaves(value: object) -> Iterator[Any]:
    """Yields the leaves of nested tuples, lists and mappings, in order; other objects are leaves.

    >>> list(find_leaves((1, {"a": [2, 3]})))
    [1, 2, 3]
    """
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from find_leaves(one)
    else:
        yield value


def change_leaves(value: object, change: Callable[[Any], Any]) -> Any:
    """Returns a nested value with a function applied to each leaf, in order.

    >>> change_leaves((1, {"a": [2, 3]}), lambda leaf: -leaf)
    (-1, {'a': [-2, -3]})
    """
    if isinstance(value, Mapping):
        found: Any = copy.copy(value)
        for name, one in value.items():
            found[name] = change_leaves(one, change)
        return found
    if isinstance(value, (list, tuple)):
        items = [change_leaves(one, change) for one in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return change(value)
