"""Patches by pattern: replace the values of a tree that match by key, path, value, type, or member of a class."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_Condition = Callable[[Any, Any, Any], bool]


def patch_on_key(
    src: Any,
    regex: str,
    value: Any = None,
    value_fn: Callable[[Any], Any] | None = None,
    skip_notification: bool | None = None,
) -> Any:
    """Replaces the values whose key matches, and returns the tree.

    Args:
      src: the tree.
      regex: a regular expression that matches the whole key.
      value: the new value; or:
      value_fn: a function from the old value to the new one.
      skip_notification: as for ``rebind``.

    Raises:
      ValueError: both ``value`` and ``value_fn`` are given.
    """
    pattern = re.compile(regex)
    return _replace(
        src,
        lambda k, v, p: bool(k) and pattern.match(str(k.key)) is not None,
        value,
        value_fn,
        skip_notification,
    )


def patch_on_path(
    src: Any,
    regex: str,
    value: Any = None,
    value_fn: Callable[[Any], Any] | None = None,
    skip_notification: bool | None = None,
) -> Any:
    """Replaces the values whose path matches, and returns the tree.

    Args:
      src: the tree.
      regex: a regular expression that matches the start of the path.
      value: the new value; or:
      value_fn: a function from the old value to the new one.
      skip_notification: as for ``rebind``.

    Raises:
      ValueError: both ``value`` and ``value_fn`` are given.
    """
    pattern = re.compile(regex)
    return _replace(
        src, lambda k, v, p: pattern.match(str(k)) is not None, value, value_fn, skip_notification
    )


def patch_on_value(
    src: Any,
    old_value: Any,
    value: Any = None,
    value_fn: Callable[[Any], Any] | None = None,
    skip_notification: bool | None = None,
) -> Any:
    """Replaces the values that equal one, and returns the tree.

    Args:
      src: the tree.
      old_value: the value that is replaced.
      value: the new value; or:
      value_fn: a function from the old value to the new one.
      skip_notification: as for ``rebind``.

    Raises:
      ValueError: both ``value`` and ``value_fn`` are given.
    """
    return _replace(src, lambda k, v, p: bool(v == old_value), value, value_fn, skip_notification)


def patch_on_type(
    src: Any,
    value_type: type[Any] | tuple[type[Any], ...],
    value: Any = None,
    value_fn: Callable[[Any], Any] | None = None,
    skip_notification: bool | None = None,
) -> Any:
    """Replaces the values of a type, and returns the tree.

    Args:
      src: the tree.
      value_type: a type, or several.
      value: the new value; or:
      value_fn: a function from the old value to the new one.
      skip_notification: as for ``rebind``.

    Raises:
      ValueError: both ``value`` and ``value_fn`` are given.
    """
    return _replace(src, lambda k, v, p: isinstance(v, value_type), value, value_fn, skip_notification)


def patch_on_member(
    src: Any,
    cls: type[Any] | tuple[type[Any], ...],
    name: str,
    value: Any = None,
    value_fn: Callable[[Any], Any] | None = None,
    skip_notification: bool | None = None,
) -> Any:
    """Replaces a field of all objects of a class, and returns the tree.

    Args:
      src: the tree.
      cls: the class, or several.
      name: the field.
      value: the new value; or:
      value_fn: a function from the old value to the new one.
      skip_notification: as for ``rebind``.

    Raises:
      ValueError: both ``value`` and ``value_fn`` are given.
    """
    return _replace(
        src,
        lambda k, v, p: isinstance(p, cls) and bool(k) and k.key == name,
        value,
        value_fn,
        skip_notification,
    )


def _replace(
    src: Any,
    condition: _Condition,
    value: Any,
    value_fn: Callable[[Any], Any] | None,
    skip_notification: bool | None,
) -> Any:
    """Replaces the values for which a condition is true."""
    if value is not None and value_fn is not None:
        raise ValueError("Either `value` or `value_fn` should be specified, not both.")

    def change(path: Any, old: Any, parent: Any) -> Any:
        if not path or not condition(path, old, parent):
            return old
        return value if value_fn is None else value_fn(old)

    return src.sym_rebind(change, raise_on_no_change=False, skip_notification=skip_notification)
