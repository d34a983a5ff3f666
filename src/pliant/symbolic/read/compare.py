"""Equality, hash and order of symbolic trees, by type and values.

Two nodes are equal if their classes and their children are (paper, appendix A.1); a ``Dict`` equals a dict and a
``List`` a list with equal items.  ``hash_of`` agrees with ``equal``, also for dicts with another order of keys.  NaN
equals NaN, so that a program equals its copy and its stored form.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from types import BuiltinFunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from pliant.values.errors import quote

from ..tree.node import ATOMS, Node, children, is_dataclass

EQUAL, KIND, EXACT = range(3)
"""How well two values agree: they are equal; and of one kind of number or text; and of one type."""


def node_class(value: object) -> Any:
    """Returns the class of a value as the user declared it, not its twin or the class that it changed to."""
    cls: Any = type(value)
    return getattr(cls, "_sym_stands_for", None) or getattr(cls, "_sym_twin_of", cls)


def equal(x: object, y: object) -> bool:
    """Returns whether two values are symbolically equal.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> equal(Dict(a=[1, 2]), {"a": [1, 2]}), equal(Dict(a=1), Dict(a=2))
    (True, False)
    """
    if x is y:
        return True
    cx = x.__class__
    if cx in ATOMS:
        return bool(x == y or (x != x and y != y)) if y.__class__ in ATOMS else False
    if cx is y.__class__:
        compare = getattr(cx, "_sym_equal", None)
        if compare is not None:
            return compare(x, y)  # type: ignore[no-any-return]  # generated, returns a bool
    if isinstance(x, dict):
        return isinstance(y, dict) and _equal_dicts(x, y)
    if isinstance(x, list):
        return isinstance(y, list) and _equal_items(x, y)
    if isinstance(x, tuple):
        return isinstance(y, tuple) and _equal_items(x, y)
    if isinstance(x, Node):
        return (
            isinstance(y, Node)
            and node_class(x) is node_class(y)
            and _equal_keys(x, y)
            and _equal_items(x._sym_values(), y._sym_values())
        )
    return _equal_leaves(x, y)


def _equal_keys(x: Any, y: Any) -> bool:
    a, b = x._sym_keys(), y._sym_keys()
    return a is b or tuple(a) == tuple(b)


def _equal_items(x: Any, y: Any) -> bool:
    if len(x) != len(y):
        return False
    last = compare = None
    for a, b in zip(x, y):
        if a is b:
            continue
        cls = a.__class__
        if cls is not last:  # neighbours are mostly of one class
            last, compare = cls, None if cls in ATOMS else getattr(cls, "_sym_equal", None) or equal
        if compare is None:
            if b.__class__ not in ATOMS or (a != b and (a == a or b == b)):
                return False
        elif not (compare(a, b) if b.__class__ is cls else equal(a, b)):
            return False
    return True


def _equal_dicts(x: Any, y: Any) -> bool:
    if len(x) != len(y):
        return False
    for key, a in dict.items(x):
        if key not in y:
            return False
        b = dict.__getitem__(y, key)
        if a is not b and not equal(a, b):
            return False
    return True


def _equal_leaves(x: Any, y: Any) -> bool:
    """Compares leaves with their own ``==``; arrays are equal if all their items are."""
    if is_dataclass(x):
        return type(x) is type(y) and all(
            equal(getattr(x, name), getattr(y, name)) for name in type(x).__dataclass_fields__
        )
    try:
        same = x == y
        if isinstance(same, bool):
            if isinstance(x, partial) and type(x) is type(y) and not same:
                return all(equal(getattr(x, name), getattr(y, name)) for name in ("func", "args", "keywords"))
            return same or (_has_open_state(x) and type(x) is type(y) and equal(vars(x), vars(y)))
        if getattr(x, "shape", None) != getattr(y, "shape", None):
            return False
        return bool(same.all() if hasattr(same, "all") else same)
    except (TypeError, ValueError, RuntimeError):
        return False  # values that cannot be compared, or contain themselves, are not equal


def kind_of(value: Any) -> Any:
    """Returns ``bool``, ``int``, ``float``, ``complex``, ``str`` or ``bytes`` for such values, also those of NumPy; else the type.

    >>> kind_of(True), kind_of(3), kind_of([])
    (<class 'bool'>, <class 'int'>, <class 'list'>)
    """
    cls = type(value)
    if cls.__module__ == "numpy" and getattr(value, "shape", None) == ():
        return {"b": bool, "i": int, "u": int, "f": float, "c": complex, "U": str, "S": bytes}.get(
            getattr(value.dtype, "kind", ""), cls
        )
    if issubclass(cls, Enum):
        return cls
    return next((kind for kind in (bool, int, float, complex, str, bytes) if issubclass(cls, kind)), cls)


def agree(x: object, y: object, level: int) -> bool:
    """Returns whether two values are equal and, from ``KIND``, also of one kind or type at each leaf.

    >>> agree([1], [1.0], EQUAL), agree([1], [1.0], KIND), agree(1, True, EQUAL), agree(0.0, -0.0, EXACT)
    (True, False, False, False)
    """
    if x is y or (level == EQUAL and equal(x, y)):
        return (kind_of(x) is bool) is (kind_of(y) is bool)
    ours, theirs = children(x), children(y)
    if ours is None or theirs is None:
        if level != EXACT:
            a, b = kind_of(x), kind_of(y)
            x, y = _as_python(x), _as_python(y)
            return (a is b if level == KIND else (a is bool) is (b is bool)) and (equal(x, y) or equal(y, x))
        if not equal(x, y):
            return False
        same = type(x) is type(y) and getattr(x, "dtype", None) == getattr(y, "dtype", None)
        return same and _exact_text(x) == _exact_text(y)
    if _plain_class(x) is not _plain_class(y) or len(ours) != len(theirs):
        return False
    other = dict(theirs)
    return all(key in other and agree(value, other[key], level) for key, value in ours)


def _as_python(value: Any) -> Any:
    """Returns a NumPy number or text as that of Python; other values unchanged."""
    return (
        value.item() if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () else value
    )


def _plain_class(value: object) -> Any:
    """Returns the class of a value; for symbolic and plain lists and dicts that of the plain ones."""
    cls = node_class(value)
    return (
        next((kind for kind in (list, dict) if issubclass(cls, kind)), cls) if issubclass(cls, Node) else cls
    )


def _exact_text(value: object) -> Any:
    """Returns text that differs for equal values of one type, such as 0.0 and -0.0, {1} and {1.0}; None for other values."""
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    is_scalar = type(value).__module__ in ("builtins", "decimal", "datetime", "numpy") and not getattr(
        value, "shape", ()
    )
    return repr(value) if is_scalar and not isinstance(value, (int, str, bytes)) else None


def is_made_in_c(cls: type) -> bool:
    """Returns whether a class is written in C, and so may keep content outside of the attributes of its objects.

    Such a class has a ``__new__`` of its own.  The flag of heap types says less: from Python 3.12 on, most of them have it.
    """
    own = vars(cls).get("__new__")
    return isinstance(own, BuiltinFunctionType) and own.__self__ is cls


def _has_open_state(value: object) -> bool:
    """Returns whether an object without ``==`` of its own keeps all state in its attributes, so that they are compared."""
    cls: Any = type(value)
    if cls.__eq__ is not object.__eq__ or not hasattr(value, "__dict__"):
        return False
    bases = cls.__mro__[:-1]  # without object
    return not any(map(is_made_in_c, bases)) and not any(
        isinstance(one, (MemberDescriptorType, GetSetDescriptorType))
        and name not in ("__dict__", "__weakref__")
        for base in bases
        for name, one in vars(base).items()
    )


def hash_of(value: Any) -> int:
    """Returns a hash that agrees with ``equal``, in time proportional to the tree.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> hash_of(Dict(a=1, b=2)) == hash_of(Dict(b=2, a=1))
    True
    """
    cls: Any = value.__class__
    if cls in ATOMS:
        return hash(value) if value == value else hash(float)
    compute = getattr(cls, "_sym_hash", None)
    if compute is not None:
        return compute(value)  # type: ignore[no-any-return]  # generated, returns an int
    if isinstance(value, dict):
        return hash(("dict", frozenset((k, hash_of(v)) for k, v in dict.items(value))))
    if isinstance(value, list):
        return hash(("list", *_hash_items(value)))
    if isinstance(value, tuple):
        return hash(("tuple", *_hash_items(value)))
    if isinstance(value, Node):
        return hash((node_class(value), *map(hash_of, value._sym_values())))
    if is_dataclass(value):
        return hash((type(value), *(hash_of(getattr(value, n)) for n in type(value).__dataclass_fields__)))
    if hasattr(value, "shape"):
        return hash(tuple(value.shape))  # equal arrays have equal shapes, even of different classes
    cls = type(value)
    if cls.__hash__ is object.__hash__:
        return hash(type(value).__name__)  # it may be compared by its attributes
    try:
        return hash(value)
    except TypeError:
        return hash(type(value).__name__)


_HASHED = ATOMS - {float, complex}
"""Classes whose values ``hash`` hashes as ``hash_of`` does: none of them is unequal to itself."""


def _hash_items(items: Any) -> list[int]:
    """Returns the hash of each item of a list or tuple."""
    hashes = []
    last = compute = None
    for value in items:
        cls = value.__class__
        if cls is not last:  # neighbours are mostly of one class
            last, compute = cls, hash if cls in _HASHED else getattr(cls, "_sym_hash", None) or hash_of
        hashes.append(compute(value))  # type: ignore[misc]  # set with the first class
    return hashes


def less(x: object, y: object) -> bool:
    """Returns whether ``x`` comes before ``y``: by kind, class name, then children in order.

    A total order on trees of ordinary values: None, booleans and numbers, text, tuples, lists, dicts, nodes.
    """
    return bool(_rank(x) < _rank(y))


def _rank(value: object) -> Any:
    """Returns a key whose order is the order of trees."""
    if value is None:
        return (0,)
    if isinstance(value, (bool, int, float)):
        return (1, value)
    if isinstance(value, str):
        return (2, value)
    if isinstance(value, tuple):
        return (3, [_rank(v) for v in value])
    if isinstance(value, list):
        return (4, [_rank(v) for v in value])
    if isinstance(value, dict):
        return (5, sorted(((str(k), _rank(v)) for k, v in dict.items(value)), key=lambda kv: kv[0]))
    if isinstance(value, Node):
        return (6, node_class(value).__qualname__, [_rank(v) for v in value._sym_values()])
    try:
        return (7, type(value).__qualname__, repr(value))
    except Exception:  # noqa: BLE001 - of the value's own method
        return (7, type(value).__qualname__, quote(value))
