"""Positional parameters of a user's function, so that functions of several forms are accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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
    import inspect  # slow to import, and rarely needed

    try:
        parameters = inspect.signature(fn).parameters.values()
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
