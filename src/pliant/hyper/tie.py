"""Whether two holes of one name ask the same question, so that one decision answers both; no decision is made here.

Equal holes do.  So do holes whose candidates are objects, one beside the other of one class, that differ in what they
are made of: an operation in a narrow cell and in a wide one.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from pliant.symbolic.read.compare import equal, node_class
from pliant.symbolic.read.text import one_line
from pliant.symbolic.tree.leaf import Ref, is_shared
from pliant.symbolic.tree.node import ATOMS, Node, children
from pliant.values.path import Path

from .hole import DerivedHole, Hole, ManyOf, OneOf
from .running import run_apart


def is_same(first: Any, second: Any) -> bool:
    """Returns whether two values are equal, in type too: 1 equals 1.0, but a field of floats wants its own."""
    return equal(first, second) and one_line(first) == one_line(second)


def is_alike(first: Any, second: Any) -> bool:
    """Returns whether two holes are decided alike: the same kind, rules and numbers, and candidates that correspond.

    Candidates correspond when they are equal, or objects of one class in which the same questions are open at the
    same places, or containers of such.

    >>> import pliant as pg
    >>> class Layer(pg.Object):
    ...     width: int
    >>> is_alike(pg.oneof([Layer(8), None]), pg.oneof([Layer(16), None])), is_alike(pg.oneof([8]), pg.oneof([16]))
    (True, False)
    """
    if node_class(first) is not node_class(second):
        return False
    if isinstance(first, DerivedHole):
        return _ask_alike(run_apart(first.inner), run_apart(second.inner))
    if not isinstance(first, (OneOf, ManyOf)):
        return is_same(first, second)
    a, b = dict(first.sym_init_args), dict(second.sym_init_args)
    ours, theirs = a.pop("candidates"), b.pop("candidates")
    return equal(a, b) and len(ours) == len(theirs) and all(map(_correspond, ours, theirs))


def _correspond(a: Any, b: Any) -> bool:
    """Returns whether two candidates may be decided by one decision."""
    if isinstance(a, Hole) or isinstance(b, Hole):
        return isinstance(a, Hole) and isinstance(b, Hole) and is_alike(a, b)
    if is_same(a, b):
        return True
    if a.__class__ in ATOMS or node_class(a) is not node_class(b):
        return False
    if a.__class__ is Ref:
        return type(a.value) is type(b.value)
    if isinstance(a, Node) and not isinstance(a, (list, dict)):
        return _ask_alike(a, b)
    ours, theirs = children(a), children(b)
    if ours is None or theirs is None:
        return not (is_shared(a) or isinstance(a, Enum))  # what never changes is compared by value
    return [key for key, _ in ours] == [key for key, _ in theirs] and all(
        _correspond(x, y) for (_, x), (_, y) in zip(ours, theirs)
    )


def _ask_alike(a: Any, b: Any) -> bool:
    """Returns whether the same questions are open at the same places in two values."""
    ours, theirs = list(_holes(a, Path())), list(_holes(b, Path()))
    return [at for at, _ in ours] == [at for at, _ in theirs] and all(
        is_alike(x, y) for (_, x), (_, y) in zip(ours, theirs)
    )


def _holes(value: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    """Yields the outermost holes in a value, and where they are."""
    if isinstance(value, Hole):
        yield at, value
        return
    for key, child in children(value) or ():
        yield from _holes(child, at + key)
