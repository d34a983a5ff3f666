"""``symbolize``: makes a class or function symbolic."""

from __future__ import annotations

import inspect
from typing import Any

from pliant.values.errors import quote

from .class_wrapper import ClassWrapper, wrap
from .dict import Dict
from .functor import functor_class
from .list import List
from .object import Object


def symbolize(*args: Any, **kwargs: Any) -> Any:
    """Makes a class or function symbolic; also as a decorator, with or without arguments.

    Args:
      *args: the class or function, and the specs of its arguments.
      **kwargs: as for ``wrap`` or ``functor_class``.

    Raises:
      TypeError, ValueError: it cannot be symbolized.

    >>> @symbolize
    ... def add(x, y):
    ...     return x + y
    >>> add(1, 2)()
    3
    """
    first = args[0] if args else None
    if not args or isinstance(first, (list, dict)) or first is None:
        return lambda cls_or_fn: _symbolize(cls_or_fn, args, kwargs)
    return _symbolize(first, args[1:], kwargs)


def _symbolize(cls_or_fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    for plain, symbolic in ((dict, Dict), (list, List)):
        if cls_or_fn is plain:
            if args or kwargs:
                raise ValueError(
                    f"Constraints are not supported in symbolic {plain.__name__}. Give them to the field that holds it."
                )
            return symbolic
    if len(args) > 1:
        raise ValueError(
            f"Only `constraint` is supported as positional arguments. Encountered: {quote(args)}. Give the others by name."
        )
    if inspect.isclass(cls_or_fn):
        if issubclass(cls_or_fn, (ClassWrapper, Dict, List)):
            return cls_or_fn
        if issubclass(cls_or_fn, Object):
            raise ValueError(
                f"Cannot symbolize {quote(cls_or_fn)}: {cls_or_fn.__name__} is already a dataclass-like symbolic class derived "
                "from `pg.Object`. Declare its fields with `@pg.members`."
            )
        return wrap(cls_or_fn, *args, **kwargs)
    if inspect.isfunction(cls_or_fn):
        return functor_class(cls_or_fn, *args, add_to_registry=True, **kwargs)
    raise TypeError(f"{quote(cls_or_fn)} cannot be symbolized. Give a class or a function.")
