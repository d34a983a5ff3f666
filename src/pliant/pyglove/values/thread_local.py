"""Values of the current thread, by key; PyGlove's ``thread_local_*`` functions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pliant.values.errors import FieldTypeError, FieldValueError, quote

_values: Final = threading.local()
_NOT_GIVEN: Final[Any] = object()


def _missing(key: str, what: str = "Key") -> FieldValueError:
    return FieldValueError(
        f"{what} {quote(key)} does not exist in thread-local storage. Set it first in this thread."
    )


def thread_local_has(key: str) -> bool:
    """Returns whether the current thread has a value for a key.

    >>> thread_local_has("no such key")
    False
    """
    return key in _values.__dict__


def thread_local_set(key: str, value: Any) -> None:
    """Sets the value of a key in the current thread."""
    _values.__dict__[key] = value


def thread_local_get(key: str, default_value: Any = _NOT_GIVEN) -> Any:
    """Returns the value of a key in the current thread.

    Raises:
      FieldValueError: there is none, and no default was given.
    """
    value = _values.__dict__.get(key, default_value)
    if value is _NOT_GIVEN:
        raise _missing(key)
    return value


def thread_local_del(key: str) -> None:
    """Removes the value of a key from the current thread.

    Raises:
      AttributeError: there is none.
    """
    delattr(_values, key)


def thread_local_map(
    key: str, value_fn: Callable[[Any], Any], default_initial_value: Any = _NOT_GIVEN
) -> Any:
    """Replaces a value by a function of it, and returns the new value."""
    value = value_fn(thread_local_get(key, default_initial_value))
    thread_local_set(key, value)
    return value


def thread_local_increment(key: str, default_initial_value: int = 0) -> int:
    """Adds one to a counter of the current thread, and returns the new count.

    >>> thread_local_increment("doc"), thread_local_increment("doc"), thread_local_decrement("doc")
    (1, 2, 1)
    >>> thread_local_del("doc")
    """
    return int(thread_local_map(key, lambda x: x + 1, default_initial_value))


def thread_local_decrement(key: str, default_initial_value: Any = _NOT_GIVEN) -> int:
    """Takes one from a counter of the current thread, and returns the new count."""
    return int(thread_local_map(key, lambda x: x - 1, default_initial_value))


def thread_local_push(key: str, value: Any) -> None:
    """Puts a value on top of a stack of the current thread."""
    if not thread_local_has(key):
        thread_local_set(key, [])
    thread_local_get(key).append(value)


def thread_local_peek(key: str, default_value: Any = _NOT_GIVEN) -> Any:
    """Returns the top of a stack of the current thread.

    Raises:
      FieldValueError: the stack is empty or absent, and no default was given.
    """
    stack = thread_local_get(key, None)
    if stack:
        return stack[-1]
    if default_value is _NOT_GIVEN:
        raise _missing(key, "Stack associated with key")
    return default_value


def thread_local_pop(key: str, default_value: Any = _NOT_GIVEN) -> Any:
    """Removes the top of a stack of the current thread, and returns it.

    Raises:
      FieldValueError: the stack is absent, and no default was given.
      IndexError: the stack is empty, and no default was given.
      FieldTypeError: the value of the key is not a stack.
    """
    if default_value is not _NOT_GIVEN and not thread_local_get(key, None):
        return default_value
    stack = thread_local_get(key)
    if not isinstance(stack, list):
        raise FieldTypeError(
            f"Key {quote(key)} from thread-local storage is not a list; thread_local_push makes one."
        )
    return stack.pop()


@contextmanager
def thread_local_value_scope(key: str, value_in_scope: Any, initial_value: Any) -> Iterator[None]:
    """Gives a key a value inside a ``with`` block of the current thread.

    Args:
      key: the key.
      value_in_scope: its value inside.
      initial_value: what it had before, as the program sees it, where it has no value; the key is removed afterwards.
    """
    had, before = thread_local_has(key), thread_local_get(key, initial_value)
    thread_local_set(key, value_in_scope)
    try:
        yield
    finally:
        if had:
            thread_local_set(key, before)
        else:
            _values.__dict__.pop(key, None)


@contextmanager
def thread_local_arg_scope(key: str, **kwargs: Any) -> Iterator[dict[str, Any]]:
    """Gives keyword arguments to what runs inside a ``with`` block; inner blocks add to and replace the outer ones'."""
    merged = {**thread_local_kwargs(key), **kwargs}
    with thread_local_value_scope(key, merged, {}):
        yield merged


def thread_local_kwargs(key: str) -> dict[str, Any]:
    """Returns the keyword arguments of the innermost ``thread_local_arg_scope``.

    >>> with thread_local_arg_scope("doc", x=1), thread_local_arg_scope("doc", y=2):
    ...     thread_local_kwargs("doc")
    {'x': 1, 'y': 2}
    """
    found: dict[str, Any] = thread_local_get(key, {})
    return found
