"""Traversal of a tree with visitors.

Visitors get every value, nodes and leaves, in preorder or postorder.  To change a tree, use ``rebind``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from pliant.values.errors import FieldTypeError, check_function, quote
from pliant.values.path import ROOT, Path, at_path

from ..tree.node import ATOMS, children


class TraverseAction(enum.Enum):
    """The next step after a visit.  None, returned by a visitor, stands for ``ENTER``."""

    ENTER = enum.auto()
    """Continue with the children."""
    CONTINUE = enum.auto()
    """Continue without the children."""
    STOP = enum.auto()
    """End the traversal."""


Visitor = Callable[[Path, Any, Any], TraverseAction | None]


def traverse(
    x: object,
    preorder: Visitor | None = None,
    postorder: Visitor | None = None,
    *,
    preorder_visitor_fn: Visitor | None = None,
    postorder_visitor_fn: Visitor | None = None,
) -> bool:
    """Visits every value of a tree; returns whether all were visited, that is, no visitor returned ``STOP``.

    Args:
      x: a node or a plain container.
      preorder: called with ``(path, value, parent)`` before the children of the value.
      postorder: called in the same way after the children; only ``STOP`` has an effect.
      preorder_visitor_fn: the name of ``preorder`` in PyGlove programs.
      postorder_visitor_fn: the name of ``postorder`` in PyGlove programs.

    Raises:
      FieldTypeError: a visitor returned a value other than a ``TraverseAction`` or None.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> seen = []
    >>> traverse(Dict(a=1, b=[2]), lambda k, v, p: seen.append(str(k)))
    True
    >>> seen
    ['', 'a', 'b', 'b[0]']
    """
    before = check_function(
        preorder or preorder_visitor_fn, "traverse(preorder=...)", "lambda path, value, parent: None"
    )
    after = check_function(
        postorder or postorder_visitor_fn, "traverse(postorder=...)", "lambda path, value, parent: None"
    )
    return _visit(ROOT, x, None, before, after)


def _visit(at: Path, value: object, parent: object, before: Visitor | None, after: Visitor | None) -> bool:
    """Visits a value and its children; returns whether to continue."""
    action = TraverseAction.ENTER if before is None else _ask(before, at, value, parent)
    if action is TraverseAction.STOP:
        return False
    if action is TraverseAction.ENTER and value.__class__ not in ATOMS:
        for key, child in children(value) or ():
            if not _visit(at + key, child, value, before, after):
                return False
    return after is None or _ask(after, at, value, parent) is not TraverseAction.STOP


def _ask(visitor: Visitor, at: Path, value: object, parent: object) -> TraverseAction:
    """Returns the action of a visitor, after checking it."""
    action = visitor(at, value, parent)
    if action is None:
        return TraverseAction.ENTER
    if not isinstance(action, TraverseAction):
        raise FieldTypeError(
            f"a visitor must return pg.TraverseAction.ENTER, CONTINUE or STOP, or None; {at_path(at)} "
            f"{quote(getattr(visitor, '__name__', visitor))} returned {quote(action)}."
        )
    return action
