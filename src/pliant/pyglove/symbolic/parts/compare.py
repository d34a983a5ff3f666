"""Comparison of values by what they consist of: equality, order, hash; and which values stand for others."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from typing import Any

from pliant.values.errors import quote

from ... import typing as pg_typing
from ... import values as utils
from ..pure_symbolic import NonDeterministic, PureSymbolic
from .traversal import sym_children, traverse
from .updates import TraverseAction


def _has(value: Any, name: str) -> bool:
    return not isinstance(value, type) and hasattr(type(value), name)


def eq(left: Any, right: Any) -> bool:
    """Returns whether two values are equal: symbolic values by their fields, others by ``==``.

    >>> eq([1, {"a": 2}], [1, {"a": 2}]), eq([1], (1,))
    (True, False)
    """
    if left is right:
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        a, b = dict(sym_children(left)), dict(sym_children(right))
        return a.keys() == b.keys() and all(eq(v, b[k]) for k, v in a.items())
    for kind in (list, tuple):
        if isinstance(left, kind) and isinstance(right, kind):
            a_items, b_items = sym_children(left), sym_children(right)
            return len(left) == len(right) and all(eq(x, y) for (_, x), (_, y) in zip(a_items, b_items))
    if _has(left, "sym_eq"):
        return bool(left.sym_eq(right))
    if _has(right, "sym_eq"):
        return bool(right.sym_eq(left))
    if isinstance(left, (types.FunctionType, types.MethodType)):
        return bool(pg_typing.callable_eq(left, right))
    return bool(left == right)


def ne(left: Any, right: Any) -> bool:
    """Returns whether two values are not equal; see ``eq``."""
    return not eq(left, right)


def type_order(value: Any) -> str:
    """Returns text by which values of different types are ordered: missing, None, numbers, text, containers, others."""
    for order, kinds in _ORDER:
        if isinstance(value, kinds):
            return order
    return type(value).__name__


_ORDER: tuple[tuple[str, Any], ...] = (
    ("0", utils.MissingValue),
    ("1", type(None)),
    ("2", (bool, int, float)),
    ("3", str),
    ("4", list),
    ("5", tuple),
    ("6", set),
    ("7", dict),
)


def lt(left: Any, right: Any) -> bool:
    """Returns whether a value comes before another: by type, then symbolic values by their fields, others by ``<``."""
    if left is right:
        return False
    a, b = type_order(left), type_order(right)
    if a != b:
        return a < b
    if isinstance(left, (list, tuple)):
        return _sequence_lt(list(sym_children(left)), list(sym_children(right)))
    if isinstance(left, dict):
        return _dict_lt(dict(sym_children(left)), dict(sym_children(right)))
    if _has(left, "sym_lt"):
        return bool(left.sym_lt(right))
    return bool(left < right)


def _sequence_lt(left: list[tuple[Any, Any]], right: list[tuple[Any, Any]]) -> bool:
    for (_, x), (_, y) in zip(left, right):
        if lt(x, y):
            return True
        if lt(y, x):
            return False
    return len(left) < len(right)


def _dict_lt(left: dict[Any, Any], right: dict[Any, Any]) -> bool:
    for (k, x), (n, y) in zip(left.items(), right.items()):
        if k != n:
            return lt(k, n)
        if lt(x, y):
            return True
        if lt(y, x):
            return False
    return len(left) < len(right)


def gt(left: Any, right: Any) -> bool:
    """Returns whether a value comes after another; see ``lt``."""
    return lt(right, left)


def sym_hash(x: Any) -> int:
    """Returns a hash that is equal for equal values; see ``eq``.

    Raises:
      TypeError: a plain value in it cannot be hashed.
    """
    if _has(x, "sym_hash"):
        return int(x.sym_hash())
    if isinstance(x, types.FunctionType):
        return hash(x.__code__.co_code)
    if isinstance(x, types.MethodType):
        return hash((sym_hash(x.__self__), x.__code__.co_code))
    return hash(x)


def clone(x: Any, deep: bool = False, memo: Any = None, override: dict[str, Any] | None = None) -> Any:
    """Returns a copy of a value.

    Args:
      x: the value.
      deep: whether values that are not symbolic are copied as well.
      memo: as for ``copy.deepcopy``.
      override: new values by path; for symbolic values.

    Raises:
      TypeError: ``override`` is given for a value that is not symbolic.
    """
    if _has(x, "sym_clone"):
        return x.sym_clone(deep, memo, override)
    if isinstance(x, (list, tuple)) and type(x) in (list, tuple) and not override:
        return type(x)([clone(v, deep, memo) if _is_container(v) or deep else v for v in x])
    if type(x) is dict and not override:
        return {k: clone(v, deep, memo) if _is_container(v) or deep else v for k, v in x.items()}
    if override:
        raise TypeError(f"`override` needs a symbolic value. Encountered: {quote(x)}.")
    return copy.deepcopy(x, memo) if deep else copy.copy(x)


def _is_container(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict)) or _has(value, "sym_clone")


def is_deterministic(x: Any) -> bool:
    """Returns whether no value in ``x`` is decided later (``NonDeterministic``)."""
    return not contains(x, type=NonDeterministic)


def is_pure_symbolic(x: Any) -> bool:
    """Returns whether a value in ``x`` only represents other values (``PureSymbolic``)."""

    def visit(path: Any, value: Any, parent: Any) -> TraverseAction:
        if isinstance(value, PureSymbolic) or getattr(value, "sym_puresymbolic", False) is True:
            return TraverseAction.STOP
        if hasattr(type(value), "sym_puresymbolic"):
            return TraverseAction.CONTINUE
        return TraverseAction.ENTER

    return not traverse(x, visit)


def is_abstract(x: Any) -> bool:
    """Returns whether ``x`` lacks values or contains values that only represent others."""
    return bool(utils.is_partial(x)) or is_pure_symbolic(x)


def contains(
    x: Any,
    value: Any = None,
    type: type[Any] | tuple[type[Any], ...] | None = None,  # the interface
) -> bool:
    """Returns whether ``x`` is or contains a value, or a value of a type.

    >>> contains([1, {"a": 2}], 2), contains([1], type=str)
    (True, False)
    """
    is_match: Callable[[Any], bool]
    if type is not None:
        kinds = type
        is_match = lambda v: isinstance(v, kinds)  # noqa: E731  # one of two
    else:
        is_match = lambda v: bool(v == value)  # noqa: E731  # one of two

    def visit(path: Any, item: Any, parent: Any) -> TraverseAction:
        return TraverseAction.STOP if is_match(item) else TraverseAction.ENTER

    return not traverse(x, visit)
