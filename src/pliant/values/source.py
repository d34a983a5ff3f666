"""Generated code: the one place in Pliant where text becomes a function.

Why there is any: constructing, copying and sampling run for every node of every candidate of a search,
and straight-line code runs four to ten times as fast as a loop over a table of fields.  Three modules
write such text (``symbolic.objects.compile``, ``space.sample``, ``hyper.compile``).  What they write consists of
names of their own choosing and of checked identifiers; every value of a user's (a spec, a default, a
candidate) is passed in ``scope``, never as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any


def define_function(name: str, lines: Iterable[str], scope: Mapping[str, Any], *, title: str) -> Any:
    """Returns the function ``name`` that the lines of source define.

    Args:
      name: what the source calls it.
      lines: the source.
      scope: the globals that it sees.
      title: what tracebacks show in the place of a file.

    >>> double = define_function("double", ["def double(x):", "    return x * two"], {"two": 2}, title="example")
    >>> double(4)
    8
    """
    namespace = dict(scope)
    text = "\n".join(lines)
    code = _compile(text, title) if len(text) < _SHORT else compile(text, f"<pliant: {title}>", "exec")
    exec(code, namespace)  # noqa: S102  # source of our own; see the module's docstring
    return namespace[name]


_SHORT = 1000  # characters


@lru_cache(maxsize=1024)  # a big space has thousands of candidates, and most of their functions read alike
def _compile(text: str, title: str) -> Any:
    return compile(text, f"<pliant: {title}>", "exec")
