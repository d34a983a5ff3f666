"""Values for names inside a ``with`` block, which contextual attributes of symbolic objects read."""

from __future__ import annotations

import contextvars
import dataclasses
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pliant.values.errors import PathError

from .missing import MISSING_VALUE

_overrides: Final[contextvars.ContextVar[dict[str, ContextualOverride]]] = contextvars.ContextVar(
    "pyglove_contextual"
)


@dataclasses.dataclass(frozen=True)
class ContextualOverride:
    """The value of a name inside a ``contextual_override`` block.

    Attributes:
      value: the value.
      cascade: whether it also replaces the values of blocks inside.
      override_attrs: whether it replaces attributes that have values of their own.
    """

    value: Any
    cascade: bool = False
    override_attrs: bool = False


@contextmanager
def contextual_override(
    *, cascade: bool = False, override_attrs: bool = False, **variables: Any
) -> Iterator[dict[str, ContextualOverride]]:
    """Gives names values inside a ``with`` block.

    >>> with contextual_override(x=1):
    ...     contextual_value("x")
    1

    Args:
      cascade: replace also the values that blocks inside give.
      override_attrs: replace also attributes that have values of their own.
      **variables: name to value.
    """
    outer = _overrides.get({})
    current = dict(outer)
    for name, value in variables.items():
        if not (name in outer and outer[name].cascade):
            current[name] = ContextualOverride(value, cascade, override_attrs)
    token = _overrides.set(current)
    try:
        yield current
    finally:
        _overrides.reset(token)


def with_contextual_override(func: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that has the current overrides also where another thread calls it."""
    current = _overrides.get({})

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        token = _overrides.set(current)
        try:
            return func(*args, **kwargs)
        finally:
            _overrides.reset(token)

    return call


def get_contextual_override(var_name: str) -> ContextualOverride | None:
    """Returns the override of a name, None outside of blocks."""
    return _overrides.get({}).get(var_name)


def contextual_value(var_name: str, default: Any = MISSING_VALUE) -> Any:
    """Returns the value of a name.

    Raises:
      PathError: it has none here, and no default was given.
    """
    found = get_contextual_override(var_name)
    if found is not None:
        return found.value
    if default is MISSING_VALUE:
        raise PathError(
            f"{var_name!r} does not exist in the current context. Use it inside pg.contextual_override({var_name}=...)."
        )
    return default


def all_contextual_values() -> dict[str, Any]:
    """Returns all names that have values here, with their values."""
    return {name: override.value for name, override in _overrides.get({}).items()}
