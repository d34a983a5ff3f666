"""A symbolic object's arguments as a mapping: ``x.sym_init_args``.

A view and no copy: it shows what the object holds now, and an assignment changes the object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from pliant.values.errors import PathError, listing, suggest
from pliant.values.missing import MISSING_VALUE

from ..edit.commit import commit_one


@final
class Arguments(Mapping[str, Any]):
    """The arguments of a symbolic object, by key or as attributes.

    >>> from pliant.symbolic.objects.symbolize import symbolize
    >>> class Block:
    ...     def __init__(self, filters, kernel=3): ...
    >>> arguments = symbolize(Block)(8).sym_init_args
    >>> arguments.filters, dict(arguments)
    (8, {'filters': 8, 'kernel': 3})
    """

    __slots__ = ("_node",)
    _node: Any

    def __init__(self, node: Any) -> None:
        object.__setattr__(self, "_node", node)

    def __getitem__(self, key: str) -> Any:
        value = self._node._sym_child(key)
        if value is MISSING_VALUE:
            raise PathError(self._lesson(key))
        return value

    def __getattr__(self, name: str) -> Any:
        value = MISSING_VALUE if name.startswith("__") else self._node._sym_child(name)
        if value is MISSING_VALUE:
            raise AttributeError(self._lesson(name))
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        commit_one(self._node, key, value)

    def __setattr__(self, name: str, value: Any) -> None:
        commit_one(self._node, name, value)

    def __iter__(self) -> Iterator[str]:
        return (k for k, v in zip(self._node._sym_keys(), self._node._sym_values()) if v is not MISSING_VALUE)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def _lesson(self, name: str) -> str:
        cls = type(self._node)
        return (
            f"{cls.__name__} has no value for {name!r}{suggest(name, self) or '.'} It has: {listing(self)}."
        )
