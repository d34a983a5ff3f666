"""Copies of trees: ``clone`` copies the program; ``copy.deepcopy`` of a realized object also copies its state."""

from __future__ import annotations

import contextlib
import copy
from typing import Any, TypeVar, cast

from ..tree.leaf import keep
from ..tree.live import walk_nodes, warn_of_edits
from ..tree.node import PROGRAM, Node, copy_plain, is_unset
from ..tree.realize import get, is_realized, put, realize, slot_state
from .commit import attach_all
from .rebind import rebind

Value = TypeVar("Value")


_LOST = (
    "`clone` copies the program, without these edits. Copy the live network by `copy.deepcopy(x)`, or change the program by `rebind` "
    "instead."
)


def clone(x: Value, *, deep: bool = False, override: Any = None, memo: Any = None) -> Value:
    """Returns a copy of a program: its nodes are copied, values computed from them are not.

    Args:
      x: a node, or a plain container of nodes.
      deep: whether mutable leaves (objects that are not symbolic) are copied with ``copy.deepcopy``; otherwise
        they are shared.
      override: changes to the copy, as for ``rebind``.
      memo: as for ``copy.deepcopy``.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> d = Dict(a=1, b=[2])
    >>> clone(d) == d, clone(d, override={"b[0]": 5})
    (True, {a=1, b=[5]})
    """
    warn_of_edits(walk_nodes(x), _LOST)
    if deep:
        memo = {} if memo is None else memo
        memo[PROGRAM] = True
    made: Any = (
        x._sym_copy(None, None, memo if deep else None)
        if isinstance(x, Node)
        else copy_plain(x, memo if deep else None)
    )
    if override:
        rebind(made, override)
    return cast(Value, made)


def deep_copy(node: Any, memo: dict[Any, Any]) -> Any:
    """Returns the result of ``copy.deepcopy`` for a node: everything below it is copied, including computed state."""
    made: Any
    items: Any = node._sym_values()
    if isinstance(node, list):
        made = memo[id(node)] = list.__new__(type(node))
        list.extend(made, [keep(made, copy.deepcopy(v, memo)) for v in items])
    elif isinstance(node, dict):
        made = memo[id(node)] = dict.__new__(type(node))
        dict.update(made, {k: keep(made, copy.deepcopy(v, memo)) for k, v in zip(node, items)})
    else:
        if PROGRAM not in memo:
            realize_for_copy(node)
        made = memo[id(node)] = type(node)._sym_blank()
        if is_realized(node):
            put(made, "__class__", type(node))
    target = get(made, "__dict__")
    for name, value in get(node, "__dict__").items():
        if name not in ("_sym_parent", "_sym_key", "_sym_template", "_sym_refs"):
            target[name] = value if name == "_sym_spec" or is_unset(value) else copy.deepcopy(value, memo)
    for name, value in slot_state(node).items():
        put(made, name, copy.deepcopy(value, memo))
    attach_all(made)
    return made


def shallow_copy(node: Any) -> Any:
    """Returns the result of ``copy.copy``: a copy of the program; of a symbolized class, with the same computed state."""
    made = node._sym_copy()
    realize_for_copy(node)
    if getattr(node, "_sym_origin", None) and is_realized(node):
        put(made, "__class__", type(node))
        state = {n: v for n, v in get(node, "__dict__").items() if not n.startswith(("_sym_", "_v_"))}
        get(made, "__dict__").update(state)
        for name, value in slot_state(node).items():
            put(made, name, value)
    return made


def realize_for_copy(node: Any) -> None:
    """Realizes an object of a symbolized class, so that its copy has the same state, as users of the class expect."""
    if hasattr(type(node), "_sym_origin"):
        with contextlib.suppress(Exception):  # a program that is not complete is copied as it is
            realize(node)
