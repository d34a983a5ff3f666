"""Candidates as text: each by what differs between it and the other candidates of its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pliant.symbolic.read.compare import equal, node_class
from pliant.symbolic.read.text import one_line
from pliant.symbolic.tree.node import Node, children
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import step_text

from ..hole import Floatv, Hole, Intv, ManyOf, OneOf
from .facts import Candidate

Texts = tuple[tuple[str, str], ...]  # names and values

_WIDTH = 40  # characters of a value that are shown


def tell_apart(values: Sequence[Any], sizes: Sequence[int]) -> tuple[Candidate, ...]:
    """Returns candidates by what differs between them.

    >>> import pliant as pg
    >>> class Conv(pg.Object):
    ...     filters: int
    ...     kernel: int = 3
    >>> [c.text for c in tell_apart([Conv(8, 3), Conv(8, 5), None], (1, 1, 1))]
    ['Conv(kernel=3)', 'Conv(kernel=5)', 'None']
    >>> [c.text for c in tell_apart([pg.Dict(kind="a", n=1), pg.Dict(kind="b", n=1)], (1, 1))]
    ["kind='a'", "kind='b'"]

    Args:
      values: the candidates.
      sizes: the number of distinct decisions below each.
    """
    groups: dict[Any, list[int]] = {}
    for index, value in enumerate(values):
        groups.setdefault(node_class(value) if _has_fields(value) else index, []).append(index)
    labels = [""] * len(values)
    differing: list[Texts] = [()] * len(values)
    for cls, members in groups.items():
        name = "" if cls.__class__ is int or issubclass(cls, dict) else cls.__name__
        alone = len(members) == len(values) and len(members) > 1
        for index, found in zip(members, _tell_members([values[i] for i in members])):
            differing[index] = found
            labels[index] = ("" if alone and found else name) or ("" if found else show(values[index]))
    same = _find_same(values)
    shown = list(zip(labels, differing))
    for index, one in enumerate(shown):
        if shown.count(one) > 1 and same[index] is None and index not in same:
            labels[index] = f"{index}/{len(values)} {labels[index]}".rstrip()
    return tuple(map(Candidate, labels, differing, sizes, same))


def show(value: object) -> str:
    """Returns a value on one line, cut; a hole by what it chooses from.

    >>> import pliant as pg
    >>> show(pg.oneof([1, 2])), show(pg.intv(1, 8)), show("a" * 50)
    ('oneof 2', 'intv 1 to 8', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...")
    """
    if isinstance(value, OneOf):
        return f"oneof {len(value.candidates)}"
    if isinstance(value, ManyOf):
        return f"manyof {value.num_choices} of {len(value.candidates)}"
    if isinstance(value, (Floatv, Intv)):
        return f"{type(value).__name__.lower()} {value.min_value} to {value.max_value}"
    return one_line(value, max_length=_WIDTH)


def _has_fields(value: object) -> bool:
    return isinstance(value, Node) and not isinstance(value, (list, Hole))


def _tell_members(values: Sequence[Any]) -> list[Texts]:
    """Returns per object of one class what differs; holes, which have rows of their own, only where nothing else does."""
    found = _differences(values, holes=False)
    return found if len(set(found)) == len(found) else _differences(values, holes=True)


def _differences(values: Sequence[Any], *, holes: bool) -> list[Texts]:
    """Returns per object of one class the fields that differ between them, as names and texts."""
    found: list[list[tuple[str, str]]] = [[] for _ in values]
    if len(values) < 2 or not _are_alike(values):
        return [()] * len(values)
    fields = [{step_text(key, first=True): child for key, child in children(value) or ()} for value in values]
    for name in dict.fromkeys(name for field in fields for name in field):
        inner = [field.get(name, MISSING_VALUE) for field in fields]
        if all(_is_same(inner[0], other) for other in inner[1:]):
            continue
        if _are_alike(inner):
            for texts, below in zip(found, _differences(inner, holes=holes)):
                texts.extend(
                    (f"{name}{key}" if key[0] == "[" else f"{name}.{key}", text) for key, text in below
                )
            continue
        for texts, value in zip(found, inner):
            if value is not MISSING_VALUE and (holes or not isinstance(value, Hole)):
                texts.append((name, show(value)))
    return [tuple(texts) for texts in found]


def _are_alike(values: Sequence[Any]) -> bool:
    """Returns whether values are objects of one class, or lists of one length, so that they differ in a part."""
    first = values[0]
    if isinstance(first, list):
        return all(isinstance(v, list) and len(v) == len(first) for v in values)
    return all(_has_fields(v) and node_class(v) is node_class(first) for v in values)


def _is_same(a: object, b: object) -> bool:
    return a is b or (a.__class__ is b.__class__ and equal(a, b))


def _find_same(values: Sequence[Any]) -> list[int | None]:
    """Returns per candidate the index of an equal one before it, or None."""
    seen: dict[str, list[int]] = {}
    same: list[int | None] = []
    for index, value in enumerate(values):
        earlier = seen.setdefault(one_line(value), [])
        same.append(next((i for i in earlier if _is_same(values[i], value)), None))
        earlier.append(index)
    return same
