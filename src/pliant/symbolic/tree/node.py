"""The node protocol: children, parents and paths of a symbolic tree.

A *node* is an ``Object``, an instance of a symbolized class, a functor, a ``Dict`` or a ``List``; it stores its parent
and its key.  Plain dicts, lists, tuples and dataclasses have children, but store no parent.  All other values are
leaves.

Private members of a node (``_sym_…`` and ``_v_…``; the rest of its namespace belongs to the user):

``_sym_parent``, ``_sym_key``   the node that holds it, and its key there (a tuple of keys if it is inside a
                                tuple of its parent; see ``place`` for keys that are tuples)
``_sym_keys()``, ``_sym_values()``   its children, in order, as two parallel sequences
``_sym_child(key)``             one child, or MISSING_VALUE
``_sym_copy(parent, key, memo)``  a copy of its tree with this parent and key: nodes are copied; leaves are
                                shared, or deep-copied if there is a memo
``_sym_reset()``               deletes what was computed from its values
``_sym_assign(key, atom)``     sets a field directly if that is safe; returns whether it did
``_sym_heavy``                 whether its class has a change hook, or code that may store computed values
``_sym_mark``                  whether this node is sealed, or stores a template
``_sym_hears_parent``          whether ``_sym_moved(old, new)`` is called when its parent changes
``_sym_refs``                  the ``Ref`` of each shared item of a ``List`` or ``Dict``; see ``leaf``
``_sym_slots``                 the attributes in which its fields are stored, by name
``_sym_equal``, ``_sym_hash``, ``_sym_copies``  generated functions that compare, hash and copy objects of this
                               very class, or None
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterator, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any, ClassVar

from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Key, Path

ATOMS: frozenset[type] = frozenset(
    {int, float, str, bool, type(None), bytes, complex, type, FunctionType, BuiltinFunctionType}
    | {type(MISSING_VALUE), Path, range, type(...)}
)
"""Classes of immutable leaves, which copies share."""


class Node:
    """Base class of all nodes, with the defaults of their private members."""

    __slots__ = ()
    _sym_parent: Any = None
    _sym_key: Any = None
    _sym_sealed: bool = False
    _sym_template: Any = None
    _sym_mark: bool = False
    _sym_heavy: bool = False
    _sym_hears_parent: ClassVar[bool] = False
    _sym_refs: Any = None
    _sym_slots: ClassVar[dict[str, str]] = {}
    _sym_equal: ClassVar[Any] = None
    _sym_hash: ClassVar[Any] = None
    _sym_copies: ClassVar[Any] = None

    def _sym_keys(self) -> Sequence[Key]:
        raise NotImplementedError

    def _sym_assign(self, key: Key, value: object) -> bool:
        return False

    def _sym_values(self) -> Sequence[Any]:
        raise NotImplementedError

    def _sym_child(self, key: object) -> Any:
        raise NotImplementedError

    def _sym_put(self, key: object, value: object) -> None:
        raise NotImplementedError

    def _sym_copy(self, parent: object = None, key: object = None, memo: dict[int, Any] | None = None) -> Any:
        raise NotImplementedError

    def _sym_reset(self) -> None:
        raise NotImplementedError

    def _sym_moved(self, old_parent: object, new_parent: object) -> None:
        raise NotImplementedError


def is_dataclass(value: object) -> bool:
    """Returns whether ``value`` is an instance of a plain dataclass, whose fields are its children."""
    return hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type)


def children(value: Any) -> list[tuple[Key, Any]] | None:
    """Returns the children of a value as ``(key, child)`` pairs, or None for a leaf.

    Fields of partial objects that have no value are left out.

    >>> children({"a": 1, "b": (2, 3)})
    [('a', 1), ('b', (2, 3))]
    >>> children((2, 3)), children(2)
    ([(0, 2), (1, 3)], None)
    """
    cls = value.__class__
    if cls in ATOMS:
        return None
    if isinstance(value, Node):
        return [(k, v) for k, v in zip(value._sym_keys(), value._sym_values()) if v is not MISSING_VALUE]
    if isinstance(value, (list, tuple)):
        return list(enumerate(value))
    if isinstance(value, dict):
        return list(value.items())
    if is_dataclass(value):
        return [(name, getattr(value, name)) for name in type(value).__dataclass_fields__]
    return None


def rebuild(value: object, new_children: Sequence[Any]) -> Any:
    """Returns a plain container like ``value`` that holds ``new_children`` in the order of ``children``.

    >>> rebuild({"a": 1, "b": 2}, [3, 4])
    {'a': 3, 'b': 4}
    """
    if isinstance(value, Node):
        raise TypeError(f"a {type(value).__name__} is edited with rebind, not rebuilt.")
    if isinstance(value, tuple):
        # A named tuple takes its values one by one, a tuple takes one iterable.
        return type(value)(*new_children) if hasattr(value, "_fields") else tuple(new_children)
    if isinstance(value, dict):
        made = {} if type(value) is dict else copy.copy(value)  # keeps the state of a subclass
        made.update(zip(value.keys(), new_children))
        return made
    if isinstance(value, list):
        if type(value) is list:
            return list(new_children)
        items = copy.copy(value)
        items[:] = new_children
        return items
    return rebuild_dataclass(value, new_children)


def rebuild_dataclass(value: Any, new_children: Sequence[Any]) -> Any:
    """Returns a copy of a dataclass instance with new field values; runs no ``__init__``."""
    made = object.__new__(type(value))
    for name in getattr(value, "__dict__", {}):
        object.__setattr__(made, name, value.__dict__[name])
    for name, child in zip(type(value).__dataclass_fields__, new_children):
        object.__setattr__(made, name, child)
    return made


PROGRAM: Any = "pliant: a copy of the program"
"""A key in the memo of a deep copy: copy only the program, and realize nothing for it."""


UNSET: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""By ``id``, the default values that functions compare by identity (``x is UNSET``); so are plain ``object()``."""


def is_unset(value: object) -> bool:
    """Returns whether a value stands for an argument that was not passed; copies share it."""
    return value.__class__ is object or UNSET.get(id(value)) is value


def copy_plain(value: object, memo: dict[int, Any] | None = None) -> Any:
    """Returns a copy of a plain container and its nodes; leaves are shared, or deep-copied if there is a memo."""
    if value.__class__ in ATOMS:
        return value
    if isinstance(value, Node):
        return value._sym_copy(None, None, memo)
    items = children(value)
    if items is None:
        return value if memo is None or is_unset(value) else copy.deepcopy(value, memo)
    return rebuild(value, [copy_plain(v, memo) for _, v in items])


def place(key: Any) -> Any:
    """Returns the key of an item as nodes store it: a tuple there has the keys of a place inside a tuple."""
    return (key,) if key.__class__ is tuple else key


def own(value: object, holder: object, key: object) -> None:
    """Sets parent and key of a node, or of the nodes inside a tuple."""
    if isinstance(value, Node):
        value._sym_parent = holder
        value._sym_key = key
    elif isinstance(value, tuple):
        steps = key if key.__class__ is tuple else (key,)
        for i, item in enumerate(value):
            own(item, holder, (*steps, i))


def parent(node: object) -> Any:
    """Returns the node that holds ``node``, or None for the root of a tree and for values that are not nodes."""
    return node._sym_parent if isinstance(node, Node) else None


def root(node: object) -> Any:
    """Returns the root of the tree of ``node``."""
    while isinstance(node, Node) and node._sym_parent is not None:
        node = node._sym_parent
    return node


def ancestors(node: Any) -> Iterator[Any]:
    """Yields the parent of ``node``, its parent, and so on up to the root."""
    node = parent(node)
    while node is not None:
        yield node
        node = node._sym_parent


def path(node: object) -> Path:
    """Returns the path from the root of its tree to ``node``; computed at each call.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> str(path(Dict(a=[Dict()]).a[0]))
    'a[0]'
    """
    keys: list[Key] = []
    while isinstance(node, Node) and node._sym_parent is not None:
        key = node._sym_key
        if key.__class__ is tuple:
            keys.extend(reversed(key))
        else:
            keys.append(key)
        node = node._sym_parent
    keys.reverse()
    return Path(keys)
