"""``Symbolic``: the public methods of nodes; each one calls the free function of its name.

A user's class may use any of these names for its own fields and methods: Pliant calls the free functions, and
``pg.rebind(x, …)``, ``pg.clone(x)``, ``pg.query(x, …)`` always work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from pliant.values.errors import PathError, listing, quote, suggest
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path
from pliant.values.text import to_html

from ..edit import clone, rebind
from ..edit.commit import commit_one
from ..json import documents
from ..read import query
from ..read.text import format_value, one_line
from ..tree import node
from ..tree.node import Node
from ..tree.realize import hole_paths, missing_paths


@final
class Arguments(Mapping[Any, Any]):
    """The arguments of a symbolic object, or the items of a container, by key or as attributes; assignments change the object.

    >>> from pliant.symbolic.objects.symbolize import symbolize
    >>> class Block:
    ...     def __init__(self, filters, kernel=3): ...
    >>> arguments = symbolize(Block)(8).sym_init_args
    >>> arguments.filters, dict(arguments)
    (8, {'filters': 8, 'kernel': 3})
    """

    __slots__ = ("_node",)
    _node: Any

    def __init__(self, node: object) -> None:
        object.__setattr__(self, "_node", node)

    def __getitem__(self, key: Any) -> Any:
        value = self._node._sym_child(key)
        if value is MISSING_VALUE:
            raise PathError(self._missing_text(key))
        return value

    def __getattr__(self, name: str) -> Any:
        value = MISSING_VALUE if name.startswith("__") else self._node._sym_child(name)
        if value is MISSING_VALUE:
            raise AttributeError(self._missing_text(name))
        return value

    def __setitem__(self, key: Any, value: object) -> None:
        commit_one(self._node, key, value)

    def __setattr__(self, name: str, value: object) -> None:
        commit_one(self._node, name, value)

    def __iter__(self) -> Iterator[Any]:
        return (k for k, v in zip(self._node._sym_keys(), self._node._sym_values()) if v is not MISSING_VALUE)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def _missing_text(self, name: object) -> str:
        cls = type(self._node)
        return f"{cls.__name__} has no value for {quote(name)}{suggest(name, self) or '.'} It has: {listing(self)}."


class Symbolic(Node):
    """The public methods of symbolic objects, dicts and lists."""

    __slots__ = ()
    _sym_listens = False
    _sym_stateful = False

    clone = clone.clone
    query = query.query
    rebind = rebind.rebind
    save = documents.save
    to_json = documents.to_json
    to_json_str = documents.to_json_str

    def seal(self, sealed: bool = True) -> Any:
        """Makes this tree read-only (or writable again) and returns it."""
        object.__setattr__(self, "_sym_sealed", sealed)
        object.__setattr__(self, "_sym_mark", True)
        return self

    @property
    def is_sealed(self) -> bool:
        """Whether this node or one of its ancestors is sealed."""
        return any(at._sym_sealed for at in (self, *node.ancestors(self)))

    @property
    def is_partial(self) -> bool:
        """Whether a field at or below this node has no value."""
        return bool(missing_paths(self))

    @property
    def is_deterministic(self) -> bool:
        """Whether this is a program, not a search space: no hole is at or below this node."""
        return not hole_paths(self)

    @property
    def sym_parent(self) -> Any:
        """The node that holds this one, or None."""
        return self._sym_parent

    @property
    def sym_path(self) -> Path:
        """The path from the root of the tree to this node."""
        return node.path(self)

    @property
    def sym_root(self) -> Any:
        """The root of the tree of this node."""
        return node.root(self)

    @property
    def sym_init_args(self) -> Arguments:
        """The arguments of this object (of a Dict or List: its items) by key, as a live view of its nodes."""
        return Arguments(self)

    def __copy__(self) -> Any:
        return clone.shallow_copy(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return clone.deep_copy(self, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        from ..json.pickling import reduce_node  # few programs pickle

        return reduce_node(self, protocol)

    def __repr__(self) -> str:
        return one_line(self)

    def _repr_html_(self) -> str | None:
        return to_html(self)

    def _sym_quote(self, limit: int) -> str:
        return one_line(self, max_length=limit) if type(self).__repr__ is Symbolic.__repr__ else repr(self)

    def __str__(self) -> str:
        return format_value(self)
