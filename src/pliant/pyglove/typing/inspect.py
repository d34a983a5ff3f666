"""Questions about classes and generic types: ``is_subclass``, ``is_instance``, ``get_type_args``, ``callable_eq``."""

from __future__ import annotations

import builtins
import inspect
import sys
import types
import typing
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, quote


def is_instance(value: Any, target: Any) -> bool:
    """Returns whether a value is of a type; type arguments count, and ``Any`` accepts all.

    >>> import typing
    >>> is_instance(1, typing.Any), is_instance("a", (int, float))
    (True, False)
    """
    return is_subclass(type(value), target)


def is_subclass(src: Any, target: Any) -> bool:
    """Returns whether a class or generic type is a subclass of another, or of one of several.

    Type arguments count.  Whether a class fits a protocol is not checked: classes of users do, built-in ones do not.
    """
    if isinstance(target, tuple):
        return any(is_subclass(src, t) for t in target)
    if target is Any or src is target:
        return True
    if src is Any:
        return False
    source, wanted = typing.get_origin(src) or src, typing.get_origin(target) or target
    if not isinstance(source, type) or not isinstance(wanted, type):
        return False
    if is_protocol(wanted):
        return wanted in source.__mro__ or (
            source.__module__ != builtins.__name__ and source is not types.FunctionType
        )
    if not issubclass(source, wanted):
        return False
    wanted_args = get_type_args(target)
    if not wanted_args:
        return True
    args = get_type_args(src, wanted)
    return len(args) == len(wanted_args) and all(
        is_subclass(a, w) for a, w in zip(args, wanted_args, strict=True)
    )


def is_protocol(maybe_protocol: Any) -> bool:
    """Returns whether a class is a protocol of its own (not ``typing.Protocol``, nor a class that implements one)."""
    if maybe_protocol is typing.Protocol or not isinstance(maybe_protocol, type):
        return False
    return bool(getattr(maybe_protocol, "_is_protocol", False))


def is_generic(maybe_generic: Any) -> bool:
    """Returns whether something is a generic type with type arguments."""
    return typing.get_origin(maybe_generic) is not None


def has_generic_bases(maybe_generic: Any) -> bool:
    """Returns whether a class has generic types among its bases."""
    return bool(getattr(maybe_generic, "__orig_bases__", None))


def get_type(maybe_type: Any) -> type[Any]:
    """Returns the class of a class or generic type.

    >>> get_type(list[int])
    <class 'list'>

    Raises:
      FieldTypeError: it is neither.
    """
    origin = typing.get_origin(maybe_type) or maybe_type
    if not isinstance(origin, type):
        raise FieldTypeError(f"{quote(maybe_type)} is not a type.")
    return origin


def get_type_args(maybe_generic: Any, base: type[Any] | None = None) -> tuple[Any, ...]:
    """Returns the type arguments of a generic type, or those that a class gives to one of its bases.

    >>> class Floats(list[float]): pass
    >>> get_type_args(list[int]), get_type_args(Floats, list)
    ((<class 'int'>,), (<class 'float'>,))

    Args:
      maybe_generic: the class or generic type.
      base: the base.
    """
    origin = typing.get_origin(maybe_generic)
    if base is None or (origin is not None and origin is base):
        return () if origin is None else typing.get_args(maybe_generic)
    cls = origin or maybe_generic
    if not isinstance(cls, type) or not issubclass(cls, base):
        return ()
    for generic in getattr(cls, "__orig_bases__", ()):
        if typing.get_origin(generic) is base:
            return typing.get_args(generic)
    for parent in cls.__bases__:
        if parent is not base and issubclass(parent, base):
            return get_type_args(parent, base)
    return ()


def get_outer_class(cls: type[Any], base_cls: Any = None, immediate: bool = False) -> type[Any] | None:
    """Returns the class that a class is defined in, None for a class of a module.

    Args:
      cls: the class.
      base_cls: look for a subclass of this class (or these).
      immediate: only consider the class directly around it.

    Raises:
      FieldValueError: a class that is defined in a function.
    """
    names = cls.__qualname__.split(".")[:-1]
    if "<locals>" in names:
        raise FieldValueError(
            f"Cannot find the outer class of a locally defined class: {quote(cls)}. Define it in a module."
        )
    node: Any = sys.modules.get(cls.__module__)
    outer: list[Any] = []
    for name in names:
        node = getattr(node, name, None)
        if not isinstance(node, type):
            return None
        outer.append(node)
    for candidate in reversed(outer):
        if base_cls is None or issubclass(candidate, base_cls):
            return typing.cast("type[Any]", candidate)
        if immediate:
            return None
    return None


def callable_eq(x: Any, y: Any) -> bool:
    """Returns whether two functions are the same or have the same code, or two methods the same code and object.

    >>> callable_eq(lambda x: x, lambda y: y), callable_eq(len, print)
    (True, False)
    """
    if x is y:
        return True
    if inspect.ismethod(x) and inspect.ismethod(y):
        return x.__self__ is y.__self__ and callable_eq(x.__func__, y.__func__)
    if inspect.isfunction(x) and inspect.isfunction(y):
        a, b = x.__code__, y.__code__
        return a.co_code == b.co_code and a.co_consts == b.co_consts and a.co_names == b.co_names
    return bool(x == y) if x is not None and y is not None else False
