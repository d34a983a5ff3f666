"""Commits: all-or-nothing changes of a tree.

Every change (``rebind``, assignment, ``List.append``, ...) is one ``commit``.  First each holder plans its new content
(values are checked, copied and adopted), then all holders swap old content for new, then the changed nodes and
their ancestors are reset, children before parents, each once, and change hooks run.  If a plan, a hook or a check
fails, every holder gets its old content back.

A holder has two private methods for this: ``_sym_plan(changes, fresh)`` returns its new content, and
``_sym_swap(content)`` installs it and returns the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, final

from pliant.values.errors import PliantError, SealedError
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path, at_path

from ..tree.adoption import ARRIVED, announce, release
from ..tree.live import warn_of_edits
from ..tree.node import ATOMS, Node, own, path, place
from ..tree.realize import is_ready


@final
class Insertion:
    """A new value for ``rebind`` that is inserted *before* the list item at its path, instead of replacing it.

    >>> from pliant.symbolic.objects.containers import List
    >>> from pliant.symbolic.edit.rebind import rebind
    >>> rebind(List([1, 3]), {"[1]": Insertion(2)})
    [1, 2, 3]
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"insert({self.value!r})"


class Whole(dict[Any, Any]):
    """Updates that replace the whole content of a container."""

    __slots__ = ("items_",)

    def __init__(self, items: Any) -> None:
        super().__init__(dict(enumerate(items)) if isinstance(items, list) else items)
        self.items_ = items


@final
class Change:
    """A change at one path, passed to ``on_change``: the value before and after, or ``MISSING_VALUE``."""

    __slots__ = ("new_value", "old_value", "path")

    def __init__(self, path: Path, old_value: object, new_value: object) -> None:
        self.path = path
        self.old_value = old_value
        self.new_value = new_value

    def __repr__(self) -> str:
        return f"Change({str(self.path)!r}, {self.old_value!r} -> {self.new_value!r})"


_LOST = (
    "A change of its program builds it again, without these edits. Make them in the program as well, by `rebind`; or change only "
    "the live network, without `rebind`."
)


ASKED: Final = "asked"
"""In place of True at a sealed root: it is sealed while a rebind function is asked for its new values."""


def survey(holders: Iterable[Any]) -> tuple[list[Any], bool]:
    """Returns the holders and ancestors that a change affects, and whether any of them has a change hook.

    Each comes once, and after its ancestors.  Most nodes are unaffected: they store no computed values and have no hook.

    Raises:
      SealedError: one of them is sealed.
    """
    seen: set[int] = set()
    nodes: list[Any] = []
    listens = False
    for holder in holders:
        first = len(nodes)
        at = holder
        while at is not None:
            identity = id(at)
            if identity in seen:
                break
            seen.add(identity)
            if at._sym_heavy or at._sym_mark:
                if at._sym_sealed is ASKED:
                    raise SealedError(
                        f"a rebind function changed the {type(holder).__name__} {at_path(path(holder))} in place, while its tree was walked. "
                        "Return a changed copy instead: `return v.clone().rebind(...)`."
                    )
                if at._sym_sealed:
                    raise SealedError(
                        f"the {type(at).__name__} {at_path(path(at))} is sealed (read-only), so "
                        f"{at_path(path(holder))} nothing changes. "
                        "Change a copy (`x.clone().rebind(...)`), or unseal it with `x.seal(False)`."
                    )
                listens = listens or at._sym_listens
                nodes.append(at)
            at = at._sym_parent
        if len(nodes) > first + 1:
            nodes[first:] = nodes[first:][::-1]
    return nodes, listens


def commit(changes: list[tuple[Any, dict[Any, Any]]], *, notify: bool = True) -> None:
    """Makes all changes, given as ``(holder, {key: new value})`` pairs, or none of them."""
    nodes, listens = survey([holder for holder, _ in changes])
    warn_of_edits(nodes, _LOST)
    atoms = None if listens else plan_atoms(changes)
    if atoms is not None:
        for holder, slot, value in atoms:
            setattr(holder, slot, value)
        reset(nodes)
        return
    fresh: list[tuple[Any, Any]] = []
    plans = []
    try:
        for holder, updates in changes:
            plans.append((holder, holder._sym_plan(updates, fresh)))
    except BaseException:
        withdraw(fresh)
        raise
    undo = [(holder, holder._sym_swap(content)) for holder, content in plans]
    try:
        for holder, old in undo:
            tell_moved(holder, old)
        reset(nodes)
        if listens and notify:
            tell(nodes, changes, undo)
    except BaseException:
        try:
            withdraw(fresh)
        finally:
            for holder, content in reversed(undo):
                holder._sym_swap(content)
            reset(nodes)
        raise


def withdraw(fresh: list[tuple[Any, Any]]) -> None:
    """Releases what failed plans adopted, except for nodes that an older tuple holds at the same key."""
    for holder, value in fresh:
        release(holder, (value,))
        if value.__class__ not in ATOMS and isinstance(value, tuple):
            attach_all(holder)


def reset(nodes: list[Any]) -> None:
    """Deletes computed values of nodes, children before parents; takes nodes as ``survey`` returns them."""
    for node in reversed(nodes):
        if node._sym_stateful or node._sym_template is not None:
            node._sym_reset()


def plan_atoms(changes: list[tuple[Any, dict[Any, Any]]]) -> list[tuple[Any, str, Any]] | None:
    """Returns changes as attributes to set if each replaces an atom in a plain object by another; else None.

    This is the usual case if a function edits a whole tree: nothing is adopted, and nothing can fail half-way.
    """
    planned = []
    for holder, updates in changes:
        slots = holder._sym_slots
        if not slots or not holder._sym_plain:
            return None
        for key, value in updates.items():
            slot = slots.get(key)
            if slot is None or value.__class__ not in ATOMS or value is MISSING_VALUE:
                return None
            if getattr(holder, slot).__class__ not in ATOMS:
                return None
            try:
                planned.append((holder, slot, holder._sym_checks[key](value)))
            except PliantError:
                return None  # the general way raises the error with the whole path
    return planned


def commit_one(holder: Any, key: Any, value: Any, *, notify: bool = True) -> None:
    """Makes one change, such as an assignment: ``commit`` for the most frequent case, without its tables."""
    at = holder
    while at is not None:
        if at._sym_heavy or at._sym_mark:
            commit([(holder, {key: value})], notify=notify)
            return
        at = at._sym_parent
    # No node up to the root has a hook, is sealed, or stores computed values: only the value changes.
    if value.__class__ in ATOMS and holder._sym_assign(key, value):
        return
    fresh: list[tuple[Any, Any]] = []
    try:
        content = holder._sym_plan({key: value}, fresh)
    except BaseException:
        withdraw(fresh)
        raise
    old = holder._sym_swap(content)
    try:
        tell_moved(holder, old)
    except BaseException:
        try:
            withdraw(fresh)
        finally:
            holder._sym_swap(old)
        raise


def tell_moved(holder: object, old: Any) -> None:
    """Runs the parent hooks of nodes that ``holder`` holds now, and of those that it held before and that have no parent now."""
    if ARRIVED:
        announce(holder)
    for value in old.values() if isinstance(old, dict) else old:
        if value.__class__ in ATOMS or not isinstance(value, Node):
            continue
        if value._sym_hears_parent and value._sym_parent is None:
            value._sym_moved(holder, None)


def tell(nodes: list[Any], changes: list[tuple[Any, dict[Any, Any]]], undo: list[tuple[Any, Any]]) -> None:
    """Runs the change hooks of the complete nodes that have one, children before parents, each once."""
    told = _told(changes, undo)
    for node in reversed(nodes):
        if id(node) in told and is_ready(node):
            base = path(node).depth
            node._sym_tell({Path(c.path.keys[base:]): c for c in told[id(node)]})


def _told(changes: list[tuple[Any, dict[Any, Any]]], undo: list[tuple[Any, Any]]) -> dict[int, list[Change]]:
    """Returns the changes at and below each node that has a change hook."""
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
        here = path(holder)
        for key, was, new in _changed(holder, updates, old):
            change = Change(here + key, was, new)
            for node in listeners:
                told.setdefault(id(node), []).append(change)
    return told


def _changed(holder: Any, updates: dict[Any, Any], old: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yields the key of each change in a holder, and the values before and after, as they are stored."""
    whole = updates.__class__ is Whole
    if (
        isinstance(old, list)
        and not whole
        and any(v is MISSING_VALUE or v.__class__ is Insertion for v in updates.values())
    ):
        for key, value in updates.items():  # items move; these are those that were named
            at = key + len(old) if key < 0 else key
            if isinstance(value, Insertion):
                yield at, MISSING_VALUE, value.value
            else:
                yield at, old[at] if at < len(old) else MISSING_VALUE, value
        return
    before = old if isinstance(old, dict) else dict(enumerate(old))
    whole = whole or old.__class__ is not dict
    for key in before | dict.fromkeys(holder._sym_keys()) if whole else before:
        was, new = before.get(key, MISSING_VALUE), holder._sym_child(key)
        if was is not new:
            yield key, was, new


def detach(holder: object, values: Any, kept: set[int]) -> None:
    """Removes the parent of nodes that ``holder`` no longer holds."""
    for value in values:
        if isinstance(value, Node):
            if id(value) not in kept and value._sym_parent is holder:
                value._sym_parent = None
                value._sym_key = None
        elif isinstance(value, tuple):
            detach(holder, value, kept)


def attach(holder: object, items: Any) -> None:
    """Sets parent and key of the nodes among ``(key, value)`` items."""
    for key, value in items:
        own(value, holder, place(key))


def attach_all(holder: Any) -> None:
    """Sets parent and key of all child nodes of ``holder``."""
    attach(holder, zip(holder._sym_keys(), holder._sym_values()))
