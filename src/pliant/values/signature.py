"""Signatures and annotations of users' functions and classes; an annotation may name what is not defined yet.

Python 3.14 evaluates annotations when they are read. A name that only type checkers import is then a
``ForwardRef``, and not a NameError as from ``inspect.signature``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 14):
    from annotationlib import Format


def read_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Returns the signature of a function or class, whatever its annotations name.

    Raises:
      TypeError, ValueError: it has none.

    >>> str(read_signature(lambda x, y=1: x))
    '(x, y=1)'
    """
    if sys.version_info >= (3, 14):
        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def read_annotations(cls: type) -> dict[str, Any]:
    """Returns the annotations of a class body in order, without those of its bases.

    >>> class Layer:
    ...     size: int
    >>> list(read_annotations(Layer))
    ['size']
    """
    if sys.version_info >= (3, 14):
        return inspect.get_annotations(cls, format=Format.FORWARDREF)
    return inspect.get_annotations(cls)


def positional_names(fn: Callable[..., Any], most: int) -> list[str]:
    """Returns the names of the positional parameters of ``fn``, ``most`` at most.

    Parameters with defaults are left out, unless all have defaults.

    >>> positional_names(lambda k, v: v, 3)
    ['k', 'v']
    """
    code = getattr(fn, "__code__", None)
    if code is not None and not hasattr(fn, "__wrapped__"):
        names = list(code.co_varnames[: code.co_argcount])
        if hasattr(fn, "__self__") and fn.__self__ is not None:
            names = names[1:]
        if not code.co_flags & 0x04:  # no *args: exactly these
            required = len(names) - len(getattr(fn, "__defaults__", None) or ())
            return names[: required or most]
        return names + ["*"] * (most - len(names))
    try:
        parameters = read_signature(fn).parameters.values()
    except (TypeError, ValueError):
        return ["*"]
    given = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in given if p.default is p.empty] or [p.name for p in given]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        names += ["*"] * (most - len(names))
    return names[:most] if len(names) > most else names


def positional_arity(fn: Callable[..., Any], *, most: int) -> int:
    """Returns the number of positional arguments to pass to ``fn``, ``most`` at most.

    >>> positional_arity(lambda k, v, p: v, most=3), positional_arity(isinstance, most=3)
    (3, 2)
    """
    return len(positional_names(fn, most))
