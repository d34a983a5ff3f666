"""Changes of the items of a ``List`` or ``Dict``: plans and installs new content; see ``edit.commit``.

A plan is the new content.  If most of it stays (one item is set, items are added at the end), the plan has only the
changed items, so that building a long list step by step takes time proportional to its length.
"""

from __future__ import annotations

from typing import Any

from pliant.values.errors import PathError, listing, quote, suggest
from pliant.values.missing import MISSING_VALUE
from pliant.values.numbers import to_whole
from pliant.values.path import at_path

from ..tree.adoption import admit, adopt, item_spec
from ..tree.leaf import forget_refs, keep, kept
from ..tree.node import ATOMS, Node, path, place
from .commit import Insertion, Whole, attach, detach


def plan_list(holder: Any, updates: dict[Any, Any], fresh: list[Any]) -> Any:
    """Returns the new values by index if all other items stay, else all items."""
    if isinstance(updates, Whole):
        return _admit_items(holder, list(updates.items_), fresh)
    few = _few_items(holder, updates)
    if few is None:
        return _plan_items(holder, updates, fresh)
    element = holder._sym_spec.element if holder._sym_spec is not None else None
    for i, value in few.items():
        if value is not MISSING_VALUE:
            few[i] = admit(holder, i, value, element)
            if few[i] is not holder._sym_child(i):
                fresh.append((holder, few[i]))
    return few


def _few_items(holder: Any, updates: dict[Any, Any]) -> dict[int, Any] | None:
    """Returns updates by index if all other items stay where they are: one item, or new ones at the end."""
    n = at = len(holder)
    spec = holder._sym_spec
    few = {}
    for key, value in updates.items():
        if key.__class__ is not int or value.__class__ is Insertion or key < -n:
            return None
        if value is MISSING_VALUE:
            if len(updates) > 1 or key not in (n - 1, -1) or (spec is not None and n <= (spec.min_size or 0)):
                return None
            few[n - 1] = value
        elif key >= n:
            few[at] = value
            at += 1
        elif len(updates) > 1:
            return None
        else:
            few[key % n] = value
    grown = at > n and spec is not None and spec.max_size is not None and at > spec.max_size
    return None if grown or (spec is not None and spec.frozen) else few


def _plan_items(holder: Any, updates: dict[Any, Any], fresh: list[Any]) -> list[Any]:
    """Returns all items after any updates."""
    n = len(holder)
    before: dict[int, Any] = {}
    slots: list[Any] = list(holder._sym_values())
    tail: list[Any] = []
    for key, value in updates.items():
        key = to_whole(key) if to_whole(key) is not None else key
        if key.__class__ is not int:
            raise PathError(
                f"a List {at_path(path(holder))} needs whole numbers as indices; got {quote(key)}. It has {n} items."
            )
        if key >= n:
            tail.append(value.value if isinstance(value, Insertion) else value)
            continue
        if key < -n:
            raise PathError(f"a List {at_path(path(holder))} has {n} items; item {key} does not exist.")
        if isinstance(value, Insertion):
            before[key % n] = value.value
        else:
            slots[key % n] = value
    items = []
    for i, value in enumerate(slots):
        if i in before:
            items.append(before[i])
        if value is not MISSING_VALUE:
            items.append(value)
    return _admit_items(holder, [*items, *(v for v in tail if v is not MISSING_VALUE)], fresh)


def _admit_items(holder: Any, items: list[Any], fresh: list[Any]) -> list[Any]:
    """Returns items as ``holder`` stores them; adds new ones to ``fresh``."""
    spec = holder._sym_spec
    if spec is not None:
        items = spec.check(items, path(holder))
    made = []
    mine = {id(v) for v in holder._sym_values()}
    for i, value in enumerate(items):
        if value.__class__ in ATOMS:
            made.append(value)
            continue
        if id(value) in mine:
            mine.remove(id(value))  # it stays or moves; a second time it is copied
            made.append(value)
            continue
        new = adopt(holder, i, value, spec.element if spec is not None else None)
        fresh.append((holder, new))
        made.append(new)
    return made


def swap_list(holder: Any, content: Any) -> Any:
    """Installs planned content in a List; returns content that undoes it."""
    if isinstance(content, dict):
        return _swap_items(holder, content)
    old = list(holder._sym_values())
    detach(holder, old, {id(v) for v in content})
    holder._sym_refs = None
    list.__setitem__(holder, slice(None), [v if v.__class__ in ATOMS else keep(holder, v) for v in content])
    attach(holder, enumerate(content))
    return old


def _swap_items(holder: Any, content: dict[int, Any]) -> dict[int, Any]:
    """Sets items by index, and adds or removes items at the end."""
    old = {}
    for i, value in content.items():
        new = value if value.__class__ in ATOMS else keep(holder, value)
        if value is MISSING_VALUE:
            found = list.pop(holder)
        elif i == len(holder):
            found = MISSING_VALUE
            list.append(holder, new)
        else:
            found = list.__getitem__(holder, i)
            list.__setitem__(holder, i, new)
        old[i] = kept(holder, found)
        forget_refs(holder, found)
        if old[i].__class__ not in ATOMS and old[i] is not value:
            detach(holder, (old[i],), set())
        if value.__class__ not in ATOMS:
            attach(holder, ((i, value),))
    return old


def plan_dict(holder: Any, updates: dict[Any, Any], fresh: list[Any]) -> dict[Any, Any]:
    """Returns the new value by key if there is only one, else the new content as a ``Whole``."""
    spec = holder._sym_spec
    if len(updates) == 1 and updates.__class__ is not Whole and (spec is None or not spec.frozen):
        for key, value in updates.items():
            inner = item_spec(spec, key)
            if value is MISSING_VALUE or isinstance(value, Insertion) or (spec is not None and inner is None):
                break
            new = admit(holder, place(key), value, inner)
            if new is not holder._sym_child(key):
                fresh.append((holder, new))
            return {key: new}
    return _plan_entries(holder, updates, fresh)


def _plan_entries(holder: Any, updates: dict[Any, Any], fresh: list[Any]) -> dict[Any, Any]:
    """Returns the whole content after any updates."""
    stored = dict(zip(holder, holder._sym_values()))
    content = dict(updates.items_) if isinstance(updates, Whole) else {**stored, **updates}
    for key, value in list(content.items()):
        if isinstance(value, Insertion):
            content[key] = value.value
        if value is MISSING_VALUE:
            if key not in holder:
                raise PathError(
                    f"the Dict {at_path(path(holder))} has no {quote(key)} to delete{suggest(key, holder) or '.'} "
                    f"It has: {listing(holder)}."
                )
            del content[key]
    spec = holder._sym_spec
    if spec is not None:
        content = spec.check(content, path(holder))
    mine = {id(v) for v in stored.values()}
    for key, value in content.items():
        if value.__class__ in ATOMS:
            continue
        at = value._sym_key if isinstance(value, Node) else None
        before = at[0] if at.__class__ is tuple else at
        if (
            id(value) in mine
            and isinstance(value, Node)
            and (at == place(key) or value is not content.get(before))
        ):
            mine.remove(id(value))  # it stays or moves; a second time it is copied
            continue
        content[key] = adopt(holder, place(key), value, item_spec(spec, key))
        fresh.append((holder, content[key]))
    return Whole(content)


def swap_dict(holder: Any, content: dict[Any, Any]) -> dict[Any, Any]:
    """Installs planned content in a Dict; returns content that undoes it."""
    if content.__class__ is not Whole:
        return _swap_entries(holder, content)
    old = Whole(dict(zip(holder, holder._sym_values())))
    detach(holder, old.values(), {id(v) for v in content.values()})
    dict.clear(holder)
    holder._sym_refs = None
    dict.update(holder, {k: v if v.__class__ in ATOMS else keep(holder, v) for k, v in content.items()})
    attach(holder, content.items())
    return old


def _swap_entries(holder: Any, content: dict[Any, Any]) -> dict[Any, Any]:
    """Sets some keys, and deletes those without a value."""
    old = {}
    for key, value in content.items():
        found = dict.get(holder, key, MISSING_VALUE)
        before = old[key] = kept(holder, found)
        if value is MISSING_VALUE:
            dict.pop(holder, key, None)
        else:
            dict.__setitem__(holder, key, value if value.__class__ in ATOMS else keep(holder, value))
        forget_refs(holder, found)
        if before.__class__ not in ATOMS and before is not value:
            detach(holder, (before,), set())
        if value.__class__ not in ATOMS:
            attach(holder, ((key, value),))
    return old
