"""Traversal of values: ``traverse`` visits, ``query`` finds, ``get_rebind_dict`` collects changes by a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from pliant.values.errors import quote
from pliant.values.signature import read_signature

from ... import values as utils
from .updates import TraverseAction

Visitor = Callable[[Any, Any, Any], TraverseAction | None]


def sym_children(value: Any) -> Iterable[tuple[Any, Any]]:
    """Returns the children of a symbolic value, dict, list or tuple by key, without inferring values.

    >>> list(sym_children([5, 6]))
    [(0, 5), (1, 6)]
    """
    if hasattr(value, "sym_items") and not isinstance(value, type):
        return list(value.sym_items())
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, (list, tuple)):
        return list(enumerate(value))
    return ()


def traverse(
    x: Any,
    preorder_visitor_fn: Visitor | None = None,
    postorder_visitor_fn: Visitor | None = None,
    root_path: Any = None,
    parent: Any = None,
) -> bool:
    """Visits a value and all values in it.

    Args:
      x: the value.
      preorder_visitor_fn: called with path, value and parent before the values inside.
      postorder_visitor_fn: called with the same after them.
      root_path: the path of the value.
      parent: the value that contains it.

    Returns:
      Whether no visitor stopped.
    """
    path = utils.KeyPath() if root_path is None else root_path
    action = None if preorder_visitor_fn is None else preorder_visitor_fn(path, x, parent)
    goes_on = action is not TraverseAction.STOP
    if action in (None, TraverseAction.ENTER) and not isinstance(x, tuple):
        goes_on = all(
            traverse(child, preorder_visitor_fn, postorder_visitor_fn, utils.KeyPath(key, path), parent=x)
            for key, child in sym_children(x)
        )
    if postorder_visitor_fn is not None and postorder_visitor_fn(path, x, parent) is TraverseAction.STOP:
        return False
    return goes_on


def count_arguments(function: Callable[..., Any]) -> int:
    """Returns the number of positional arguments that a function takes.

    >>> count_arguments(lambda k, v: v)
    2
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds for p in read_signature(function).parameters.values())


def _selector(function: Callable[..., Any], label: str, at_least: int) -> Callable[[Any, Any, Any], bool]:
    """Returns a function of path, value and parent for one that takes some of them."""
    count = count_arguments(function)
    if count not in (at_least, at_least + 1):
        raise TypeError(
            f"{label} function {quote(function)} should accept {at_least} or {at_least + 1} arguments. "
            f"Encountered: {count}."
        )
    if at_least == 1:
        return (lambda k, v, p: function(v)) if count == 1 else (lambda k, v, p: function(v, p))
    return (lambda k, v, p: function(k, v)) if count == 2 else function


def query(
    x: Any,
    path_regex: str | None = None,
    where: Callable[..., bool] | None = None,
    enter_selected: bool = False,
    custom_selector: Callable[..., bool] | None = None,
) -> dict[str, Any]:
    """Finds values in a value.

    Args:
      x: the value.
      path_regex: a regular expression that matches the start of their paths.
      where: a predicate of the value, or of the value and its parent.
      enter_selected: whether values inside of a found value are searched as well.
      custom_selector: a predicate of path and value, or of path, value and parent; in place of the other two.

    Returns:
      The values by path.

    Raises:
      TypeError: a predicate takes another number of arguments.
      ValueError: ``custom_selector`` is combined with the others.
    """
    if custom_selector is not None:
        if path_regex is not None or where is not None:
            raise ValueError("'path_regex' and 'where' must be None when 'custom_selector' is provided.")
        select = _custom(custom_selector)
    else:
        pattern = None if path_regex is None else re.compile(path_regex)
        chosen = None if where is None else _selector(where, "Where", 1)

        def select(k: Any, v: Any, p: Any) -> bool:
            return (pattern is None or pattern.match(str(k)) is not None) and (
                chosen is None or chosen(k, v, p)
            )

    found: dict[str, Any] = {}

    def visit(k: Any, v: Any, p: Any) -> TraverseAction:
        if select(k, v, p):
            found[str(k)] = v
            return TraverseAction.ENTER if enter_selected else TraverseAction.CONTINUE
        return TraverseAction.ENTER

    traverse(x, visit)
    return found


def _custom(custom_selector: Callable[..., bool]) -> Callable[[Any, Any, Any], bool]:
    count = count_arguments(custom_selector)
    if count not in (2, 3):
        raise TypeError(
            f"Custom selector {quote(custom_selector)} should accept 2 or 3 arguments. Encountered: {count}."
        )
    return (lambda k, v, p: custom_selector(k, v)) if count == 2 else custom_selector


def get_rebind_dict(rebinder: Callable[..., Any], target: Any) -> dict[str, Any]:
    """Returns the new values by path that a function gives for the values of a tree.

    Args:
      rebinder: called with path and value, or path, value and parent; returns the value itself for no change.
      target: the tree.

    Raises:
      TypeError: it takes another number of arguments.
    """
    count = count_arguments(rebinder)
    if count not in (2, 3):
        raise TypeError(
            f"Rebinder function {quote(rebinder)} should accept 2 or 3 arguments. Encountered: {count}."
        )
    changes: dict[str, Any] = {}

    def visit(k: Any, v: Any, p: Any) -> TraverseAction:
        new_value = rebinder(k, v) if count == 2 else rebinder(k, v, p)
        if new_value is v or (new_value.__class__ is v.__class__ and _is_same(new_value, v)):
            return TraverseAction.ENTER
        changes[str(k)] = new_value
        return TraverseAction.CONTINUE

    traverse(target, visit)
    return changes


def _is_same(a: Any, b: Any) -> bool:
    return a.__class__ in (int, float, str, bool, bytes) and bool(a == b)
