"""``Node``: what genotypes and DNA have of a symbolic object's interface.  They are small classes of their own, whose parts are fixed.

PyGlove's symbolic objects can be changed in place at any path.  A search compares, counts and copies genotypes far more often than
programs change them, so these are plain data with the ``sym_*`` names that programs read.
"""

from __future__ import annotations

import copy
import json
from typing import Any, ClassVar, Self

from ...values.json_conversion import JSONConvertible, to_json
from ...values.value_location import KeyPath


class Node(JSONConvertible):
    """Base class of genotypes and DNA: named parts, a parent, copies, symbolic comparison and JSON.

    A subclass lists its parts, which are the arguments of its constructor, in ``PARTS``; ``JSON_TYPE`` is its name in JSON.
    """

    PARTS: ClassVar[tuple[str, ...]] = ()
    JSON_TYPE: ClassVar[str] = ""
    _parent: Node | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.JSON_TYPE:
            JSONConvertible.register(cls.JSON_TYPE, cls, override_existing=True)

    @property
    def sym_parent(self) -> Node | None:
        """The node that this one is part of; None for a root."""
        return self._parent

    @property
    def sym_root(self) -> Node:
        """The root of the tree of this node."""
        node = self
        while node._parent is not None:
            node = node._parent
        return node

    @property
    def sym_path(self) -> KeyPath:
        """The path of the node from its root, such as ``elements[0].candidates[1]``."""
        keys: list[Any] = []
        node = self
        while (above := node._parent) is not None:
            keys = [*above._key_of(node), *keys]
            node = above
        return KeyPath(keys)

    @property
    def sym_init_args(self) -> dict[str, Any]:
        """The parts by name."""
        return {name: getattr(self, name) for name in self.PARTS}

    def sym_keys(self) -> list[str]:
        """Returns the names of the parts."""
        return list(self.PARTS)

    def sym_getattr(self, key: str, default: Any = None) -> Any:
        """Returns a part by its name, or the default."""
        return getattr(self, key) if key in self.PARTS else default

    def sym_hasattr(self, key: str) -> bool:
        """Returns whether there is a part of this name."""
        return key in self.PARTS

    def sym_eq(self, other: Any) -> bool:
        """Returns whether the other node is of the same class and has equal parts."""
        return self is other or (
            type(self) is type(other)
            and all(_equal(getattr(self, name), getattr(other, name)) for name in self.PARTS)
        )

    def sym_ne(self, other: Any) -> bool:
        """Returns whether the other node differs."""
        return not self.sym_eq(other)

    def sym_hash(self) -> int:
        """Returns a hash that is equal for symbolically equal nodes."""
        return hash((type(self).__name__, *(_hash(getattr(self, name)) for name in self.PARTS)))

    def clone(self, deep: bool = False, memo: Any = None, override: dict[str, Any] | None = None) -> Self:
        """Returns a copy that has no parent.

        Args:
          deep: copy what the parts refer to also.
          memo: what has been copied already, as in ``copy.deepcopy``.
          override: other values of some parts, by name.
        """
        override = override or {}
        parts = {
            name: override[name] if name in override else _copy(getattr(self, name), deep, memo)
            for name in self.PARTS
        }
        return type(self)(**parts)

    def sym_clone(self, deep: bool = False, memo: Any = None, override: dict[str, Any] | None = None) -> Self:
        """Returns ``clone(deep, memo, override)``."""
        return self.clone(deep, memo, override)

    def sym_jsonify(self, **kwargs: Any) -> Any:
        """Returns JSON data from which ``from_json`` restores an equal node."""
        return {
            "_type": self.JSON_TYPE,
            **{name: _to_json(getattr(self, name), kwargs) for name in self.PARTS},
        }

    def to_json(self, **kwargs: Any) -> Any:
        """Returns ``sym_jsonify(**kwargs)``."""
        return self.sym_jsonify(**kwargs)

    def to_json_str(self, json_indent: int | None = None, **kwargs: Any) -> str:
        """Returns ``to_json(**kwargs)`` as text; ``json_indent`` spaces per level, or one line for None."""
        return json.dumps(self.to_json(**kwargs), indent=json_indent)

    def _key_of(self, child: Node) -> list[Any]:
        """Returns the keys from this node to one of its parts."""
        for name in self.PARTS:
            value = getattr(self, name)
            if value is child:
                return [name]
            if isinstance(value, list):
                for index, item in enumerate(value):
                    if item is child:
                        return [name, index]
        return []

    def _adopt(self, child: Any) -> Any:
        """Returns a part as one of this node: itself if it has no parent yet, else a copy."""
        if child._parent is not None:
            child = child.clone()
        child._parent = self
        return child

    def __copy__(self) -> Self:
        return self.clone()

    def __deepcopy__(self, memo: Any) -> Self:
        return self.clone(True, memo)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, Node):
        return left.sym_eq(right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def _hash(value: Any) -> int:
    if isinstance(value, Node):
        return value.sym_hash()
    if isinstance(value, (list, tuple)):
        return hash(tuple(map(_hash, value)))
    if isinstance(value, dict):
        return hash(frozenset((key, _hash(item)) for key, item in value.items()))
    return hash(value) if value.__hash__ is not None else 0


def _copy(value: Any, deep: bool, memo: Any) -> Any:
    if isinstance(value, Node):
        return value.clone(deep, memo)
    if isinstance(value, list):
        return [_copy(item, deep, memo) for item in value]
    return copy.deepcopy(value, memo) if deep else value


def _to_json(value: Any, options: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_to_json(item, options) for item in value]
    return value.path if isinstance(value, KeyPath) else to_json(value, **options)
