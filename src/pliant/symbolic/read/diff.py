"""Differences between two trees, as data and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path

from ..tree.node import Node, children, is_dataclass
from .compare import equal, node_class
from .text import one_line

_SHOWN = 60  # characters of each value that are printed


@final
class Diff(Mapping[str, tuple[Any, Any]]):
    """The differences between two trees: a mapping from paths to ``(left, right)``; falsy if there are none.

    A value that one of the trees lacks is ``MISSING_VALUE``.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> print(diff(Dict(a=1, b=[2]), Dict(a=3, b=[2, 4])))
    a: 1 -> 3
    b[1]: nothing -> 4
    """

    __slots__ = ("_found",)
    _found: dict[str, tuple[Any, Any]]

    def __init__(self, found: Mapping[str, tuple[Any, Any]]) -> None:
        object.__setattr__(self, "_found", dict(found))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Diff cannot be changed; make a new one with `pg.diff(x, y)`.")

    def __getitem__(self, path: str) -> tuple[Any, Any]:
        return self._found[str(path)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __str__(self) -> str:
        lines = [f"{path or '(root)'}: {_say(a)} -> {_say(b)}" for path, (a, b) in self._found.items()]
        return "\n".join(lines) or "no differences"

    def __repr__(self) -> str:
        return f"Diff({self._found!r})"


def _say(value: object) -> str:
    return "nothing" if value is MISSING_VALUE else one_line(value, max_length=_SHOWN)


def diff(x: object, y: object) -> Diff:
    """Returns the differences between two trees, at the deepest paths where both have the same kind of node.

    List items are compared by index.

    Args:
      x: the left value.
      y: the right value.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> diff(Dict(a=1, b=2), Dict(a=1, b="2"))
    Diff({'b': (2, '2')})
    >>> bool(diff(Dict(a=1), Dict(a=1)))
    False
    """
    found: dict[str, tuple[Any, Any]] = {}
    _compare(ROOT, x, y, found)
    return Diff(found)


def _compare(at: Path, x: object, y: object, found: dict[str, tuple[Any, Any]]) -> None:
    """Notes the differences between the values at a path."""
    if equal(x, y):
        return
    kind = _kind(x)
    if kind is None or kind is not _kind(y):
        found[str(at)] = (x, y)
        return
    left, right = dict(children(x) or ()), dict(children(y) or ())
    for key in {**left, **right}:
        _compare(at + key, left.get(key, MISSING_VALUE), right.get(key, MISSING_VALUE), found)


def _kind(value: object) -> Any:
    """Returns the kind that two values must share for their children to be compared; None for a leaf."""
    for container in (dict, list, tuple):
        if isinstance(value, container):
            return container
    if isinstance(value, Node) or is_dataclass(value):
        return node_class(value)
    return None
