"""All-or-nothing changes: plan, swap, tell the ancestors; and back again when anything fails.

Every change to a tree (``rebind``, assignment, ``List.append``, ...) is one ``commit``: first each holder
plans what it would hold (values checked, copied, placed), then all holders swap old for new, then the
changed nodes and their ancestors forget what they had computed, children before parents, each once, and
hooks are told.  If a plan, a hook or a check fails, every holder gets its old content back.

A holder takes part through two private methods: ``_sym_plan(changes, fresh)`` returns its new content
and ``_sym_swap(content)`` installs it and returns the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from pliant.values.errors import SealedError
from pliant.values.path import Path, at_path

from .node import Node, path
from .place import release


@final
class Insertion:
    """A new value for ``rebind`` that goes in *before* the list item at its path, instead of replacing it.

    >>> from pliant.symbolic.containers import List
    >>> from pliant.symbolic.rebind import rebind
    >>> rebind(List([1, 3]), {"[1]": Insertion(2)})
    [1, 2, 3]
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"insert({self.value!r})"


@final
class Change:
    """What happened at one path: the value before and the value after; told to ``on_change``."""

    __slots__ = ("new_value", "old_value", "path")

    def __init__(self, path: Path, old_value: Any, new_value: Any) -> None:
        self.path = path
        self.old_value = old_value
        self.new_value = new_value

    def __repr__(self) -> str:
        return f"Change({str(self.path)!r}, {self.old_value!r} -> {self.new_value!r})"


def refuse_sealed(holder: Any) -> None:
    """Raises SealedError when ``holder`` stands in a sealed tree."""
    at = holder
    while at is not None:
        if at._sym_sealed:
            raise SealedError(
                f"the {type(at).__name__} {at_path(path(at))} is sealed (read-only), so {at_path(path(holder))} nothing "
                "changes. Change a copy (`x.clone().rebind(...)`), or unseal it with `x.seal(False)`."
            )
        at = at._sym_parent


def commit(changes: list[tuple[Any, dict[Any, Any]]], *, notify: bool = True) -> None:
    """Makes all changes, given as ``(holder, {key: new value})`` pairs, or none of them."""
    fresh: list[tuple[Any, Any]] = []
    plans = []
    try:
        for holder, updates in changes:
            refuse_sealed(holder)
            plans.append((holder, holder._sym_plan(updates, fresh)))
    except BaseException:
        for holder, value in fresh:
            release(holder, (value,))
        raise
    undo = [(holder, holder._sym_swap(content)) for holder, content in plans]
    try:
        settle([holder for holder, _ in changes], _told(changes, undo) if notify else {})
    except BaseException:
        for holder, content in reversed(undo):
            holder._sym_swap(content)
        settle([holder for holder, _ in changes], {})
        raise


def change_one(holder: Any, key: Any, value: Any) -> None:
    """Makes one change, as an assignment does."""
    commit([(holder, {key: value})])


def settle(holders: list[Any], told: Mapping[int, list[Change]]) -> None:
    """Resets the changed nodes and all their ancestors once, children before parents; runs their hooks."""
    if len(holders) == 1:
        at = holders[0]
        while at is not None:
            at._sym_reset()
            at = at._sym_parent
        order = None
    else:
        order = _bottom_up(holders)
        for node in order:
            node._sym_reset()
    if told:
        for node in order or _bottom_up(holders):
            if node._sym_listens and id(node) in told:
                base = path(node).depth
                node._sym_tell({Path(c.path.keys[base:]): c for c in told[id(node)]})


def _bottom_up(holders: list[Any]) -> list[Any]:
    """Returns the holders and their ancestors, each once, deeper ones first."""
    depth: dict[int, int] = {}
    nodes: list[Any] = []
    for holder in holders:
        chain = []
        at = holder
        while at is not None and id(at) not in depth:
            chain.append(at)
            at = at._sym_parent
        level = -1 if at is None else depth[id(at)]
        for node in reversed(chain):
            level += 1
            depth[id(node)] = level
            nodes.append(node)
    nodes.sort(key=lambda n: -depth[id(n)])
    return nodes


def _told(changes: list[tuple[Any, dict[Any, Any]]], undo: list[tuple[Any, Any]]) -> dict[int, list[Change]]:
    """Returns, for each listening node, the changes at and below it; empty when none listens."""
    told: dict[int, list[Change]] = {}
    for (holder, updates), (_, old) in zip(changes, undo):
        listeners = []
        at = holder
        while at is not None:
            if at._sym_listens:
                listeners.append(at)
            at = at._sym_parent
        if not listeners:
            continue
        before = old if isinstance(old, dict) else dict(enumerate(old))
        here = path(holder)
        for key, value in updates.items():
            new = value.value if isinstance(value, Insertion) else value
            change = Change(here + key, before.get(key), new)
            for node in listeners:
                told.setdefault(id(node), []).append(change)
    return told


def detach(holder: Any, values: Any, kept: set[int]) -> None:
    """Tells nodes that ``holder`` no longer holds that they have no parent."""
    for value in values:
        if isinstance(value, Node):
            if id(value) not in kept and value._sym_parent is holder:
                value._sym_parent = None
                value._sym_key = None
        elif isinstance(value, tuple):
            detach(holder, value, kept)


def attach(holder: Any, items: Any) -> None:
    """Tells the nodes among ``(key, value)`` items that ``holder`` holds them there."""
    for key, value in items:
        if isinstance(value, Node):
            value._sym_parent = holder
            value._sym_key = key
        elif isinstance(value, tuple):
            steps = key if key.__class__ is tuple else (key,)
            attach(holder, [((*steps, i), v) for i, v in enumerate(value)])
