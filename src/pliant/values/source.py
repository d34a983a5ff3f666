"""Generated code: the only place in Pliant where text becomes a function.

Constructing, copying and sampling run for every node of every candidate of a search, and straight-line code is four to ten
times as fast as a loop over a table of fields.  Three modules generate text (``symbolic.objects.compile``, ``space.sample``,
``hyper.compile``), from fixed names and checked identifiers only; values of a user (specs, defaults, candidates) are passed
in ``scope``, never as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any


def define_function(name: str, lines: Iterable[str], scope: Mapping[str, Any], *, title: str) -> Any:
    """Returns the function ``name`` that the lines of source define.

    Args:
      name: the function's name in the source.
      lines: the source.
      scope: its globals.
      title: shown in tracebacks as the file.

    >>> double = define_function("double", ["def double(x):", "    return x * two"], {"two": 2}, title="example")
    >>> double(4)
    8
    """
    namespace = dict(scope)
    text = "\n".join(lines)
    code = _compile(text, title) if len(text) < _SHORT else compile(text, f"<pliant: {title}>", "exec")
    exec(code, namespace)  # noqa: S102  # generated source; see the module's docstring
    return namespace[name]


_SHORT = 1000  # characters


@lru_cache(maxsize=1024)  # most functions of a big space's candidates have the same source
def _compile(text: str, title: str) -> Any:
    return compile(text, f"<pliant: {title}>", "exec")
