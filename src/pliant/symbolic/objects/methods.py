"""``Symbolic``: the public methods of nodes; each one calls the free function of its name.

A user's class may use any of these names for its own fields and methods: Pliant calls the free functions, and
``pg.rebind(x, …)``, ``pg.clone(x)``, ``pg.query(x, …)`` always work.
"""

from __future__ import annotations

from typing import Any

from pliant.values.path import Path

from ..edit import clone, rebind
from ..json import documents
from ..json.pickling import reduce_node
from ..read import query
from ..read.text import format_value, one_line
from ..tree import node
from ..tree.node import Node
from ..tree.realize import hole_paths, missing_paths


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

    def __copy__(self) -> Any:
        return clone.shallow_copy(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return clone.deep_copy(self, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return reduce_node(self, protocol)

    def __repr__(self) -> str:
        return one_line(self)

    def __str__(self) -> str:
        return format_value(self)
