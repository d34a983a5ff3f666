"""``detour``: makes objects of other classes, or calls functions, where a program makes objects of a class."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_mappings: Final[ContextVar[Mapping[type, Any]]] = ContextVar("detours", default=types.MappingProxyType({}))
_direct: Final[ContextVar[type | None]] = ContextVar("the class that is made without a detour", default=None)


@contextmanager
def detour(mappings: Sequence[tuple[type[Any], Any]]) -> Iterator[Mapping[type, Any]]:
    """Redirects the creation of objects in a ``with`` block, in the current thread or task.

    Args:
      mappings: pairs of a class, and a class or function that takes its place.  A function gets the class and the
        arguments.  Within another ``detour``, the outer one is applied to the classes that take a place.

    Yields:
      All pairs that apply in the block.

    Raises:
      TypeError: a source is not a class, or a destination is neither a class nor a function.

    >>> class A: ...
    >>> class B: ...
    >>> with detour([(A, B)]):
    ...     type(A()).__name__
    'B'
    """
    outer = _mappings.get()
    inner: dict[type, Any] = {}
    for source, destination in mappings:
        if not isinstance(source, type):
            raise TypeError(f"Detour source {source!r} is not a class.")
        if not isinstance(destination, (type, types.FunctionType, types.MethodType)):
            raise TypeError(f"Detour destination {destination!r} is not a class or a function.")
        inner[source] = outer.get(destination, destination) if isinstance(destination, type) else destination
    merged = types.MappingProxyType({**inner, **outer})
    for source in inner:
        _watch(source)
    token = _mappings.set(merged)
    try:
        yield merged
    finally:
        _mappings.reset(token)


def current_mappings() -> Mapping[type, Any]:
    """Returns the pairs of class and destination that apply now."""
    return _mappings.get()


def undetoured_new(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Returns a new object of a class itself, also within a ``detour``.

    Args:
      cls: the class.
      *args: its positional arguments.
      **kwargs: its other arguments.
    """
    token = _direct.set(cls)
    try:
        plain = cls.__new__ is object.__new__
        made = object.__new__(cls) if plain else cls.__new__(cls, *args, **kwargs)
    finally:
        _direct.reset(token)
    if isinstance(made, cls):
        made.__init__(*args, **kwargs)
    return made


def _watch(cls: Any) -> None:
    """Lets a class look for a detour when an object is made."""
    if getattr(cls.__dict__.get("__new__"), "__func__", None) in _watchers:
        return
    own = cls.__dict__.get("__new__")

    def __new__(made_cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807  # the name in tracebacks
        if _direct.get() is made_cls:
            token = _direct.set(None)
            try:
                return _make(cls, own, made_cls, args, kwargs)
            finally:
                _direct.reset(token)
        destination = _mappings.get().get(made_cls)
        if destination is None:
            return _make(cls, own, made_cls, args, kwargs)
        if isinstance(destination, type):
            return undetoured_new(destination, *args, **kwargs)
        return destination(made_cls, *args, **kwargs)

    _watchers.add(__new__)
    cls.__new__ = staticmethod(__new__)


_watchers: Final[set[Any]] = set()


def _make(cls: Any, own: Any, made_cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Returns a new object as the class made it before it was watched."""
    if own is not None:
        return own.__func__(made_cls, *args, **kwargs)
    following = super(cls, made_cls).__new__
    if following is object.__new__ and made_cls.__init__ is not object.__init__:
        return following(made_cls)
    return following(made_cls, *args, **kwargs)
