"""``rebind``: changes a tree in place, by path, by keyword or by function.

All paths and list indices refer to the tree before the call.  If the call fails, the tree is unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    PathError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.missing import KEEP, MISSING_VALUE
from pliant.values.path import ROOT, Path, at_path
from pliant.values.signature import positional_arity

from ..read.query import child_of
from ..tree.node import ATOMS, Node, children, path, rebuild
from ..tree.realize import put
from .commit import ASKED, Insertion, commit, commit_one

Value = TypeVar("Value")


def rebind(
    x: Value,
    updates: Mapping[Any, Any] | Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
    /,
    *,
    raise_on_no_change: bool = True,
    skip_notification: bool = False,
    **fields: Any,
) -> Value:
    """Changes a symbolic tree in place and returns it.

    Args:
      x: a node.
      updates: a dict from path to new value; or a function of ``(k, v)`` or ``(k, v, parent)`` that is called for
        every value from the root down and returns the new value, or ``v`` to keep it (replaced values are not
        entered); or a function of ``(k)`` that returns ``pg.KEEP`` to keep a value; or a list of such functions,
        applied in order.  ``k`` is a ``Path``: it equals a string that is the whole path or its last key.
        A new value may be ``pg.insert(v)`` (into a list, before the item) or ``pg.MISSING_VALUE`` (deletes an
        item or key; resets a field to its default).
      raise_on_no_change: whether functions that change nothing are an error.
      skip_notification: whether ``on_change`` hooks are skipped.
      **fields: new values by name, for the node's own fields.

    Raises:
      PathError: a path does not exist.
      FieldTypeError, FieldValueError, CycleError, SealedError: as for assignment; also if a function changes the tree in place.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> rebind(Dict(a=1, b=Dict(c=2)), {"b.c": 3}, a=5)
    {a=5, b={c=3}}
    >>> rebind(Dict(a=1, b=Dict(a=2)), lambda k, v: v * 10 if k == "a" else v)
    {a=10, b={a=20}}
    """
    if not isinstance(x, Node):
        raise FieldTypeError(
            f"rebind changes symbolic objects, Dicts and Lists; got {quote_typed(x)}. "
            "Wrap plain containers first: `pg.Dict(...)`, `pg.List(...)`."
        )
    given: Any = x
    if fields and isinstance(given, dict):
        for name in fields.keys() - given.keys():  # a key that a Dict would take as a new entry
            near = get_close_matches(
                name, ("raise_on_no_change", "skip_notification", "notify_parents"), 1, 0.9
            )
            if near:
                right = "nothing instead" if near == ["notify_parents"] else repr(near[0])
                raise FieldTypeError(
                    f"rebind has no argument {name!r}. Write {right}; for an entry of this name, write rebind({{{name!r}: ...}})."
                )
    notify = not skip_notification
    if updates.__class__ is dict and len(updates) == 1 and not fields:
        for text, value in updates.items():
            at = Path.parse(text)
            holder, key, rest = _locate(x, at)
            new = _replace_inside(holder._sym_child(key), rest, value, at) if rest else value
            commit_one(holder, key, new, notify=notify)
    else:
        _rebind(x, updates, fields, notify, raise_on_no_change)
    return x


def _rebind(x: object, updates: object, fields: dict[str, Any], notify: bool, must_change: bool) -> None:
    """Implements ``rebind`` for all forms of updates."""
    if callable(updates) and not isinstance(updates, Mapping):
        updates = [updates]
    if isinstance(updates, (list, tuple)):
        changed = [_rebind_by_function(x, fn, notify) for fn in updates]
        if must_change and not any(changed) and not fields:
            raise FieldValueError(
                "the rebind function changed nothing: it returned every value unchanged. "
                "If that is intended, pass raise_on_no_change=False."
            )
        updates = None
    elif updates is not None and not isinstance(updates, Mapping):
        raise FieldTypeError(
            f"rebind needs a dict of paths, a function, a list of functions, or keywords; got {quote(updates)}."
        )
    if updates or fields:
        commit(_group(x, {**updates, **fields} if updates and fields else updates or fields), notify=notify)


def _group(x: object, updates: Mapping[Any, Any]) -> list[tuple[Any, dict[Any, Any]]]:
    """Groups updates by path into changes by holder."""
    grouped: dict[int, tuple[Any, dict[Any, Any]]] = {}
    seen: set[tuple[Any, ...]] = set()
    for text, value in updates.items():
        at = Path.parse(text)
        holder, key, rest = _locate(x, at)
        planned = grouped.setdefault(id(holder), (holder, {}))[1]
        if rest:  # inside a tuple, for example, which another update may have changed
            value = _replace_inside(planned.get(key, holder._sym_child(key)), rest, value, at)
        planned[key] = value
        seen.add(at.keys)
    for keys in seen if len(seen) > 1 else ():
        for n in range(1, len(keys)):
            if keys[:n] in seen:
                raise FieldValueError(
                    f"rebind has updates for both {str(Path(keys[:n]))!r} and {str(Path(keys))!r}, which is below it; "
                    "pass the whole new value, or rebind twice."
                )
    return list(grouped.values())


def _locate(x: Any, at: Path) -> tuple[Any, Any, tuple[Any, ...]]:
    """Returns the node that holds the path ``at``, the key there, and the remaining keys in a plain container."""
    holder, steps = x, at.keys
    last = len(steps) - 1
    if last < 0:
        raise PathError("rebind cannot replace the root; assign the new value to your variable instead.")
    i = 0
    while i < last:
        key = steps[i]
        slot = holder._sym_slots.get(key)
        child = holder._sym_child(key) if slot is None else getattr(holder, slot)
        i += 1
        if isinstance(child, Node):
            holder = child
            continue
        if child is MISSING_VALUE:
            _child_at(holder, key, at)
        inner, below = child, i
        while not isinstance(inner, Node):  # a node inside a tuple, or the end of the path
            if below == last or children(inner) is None:
                return holder, key, steps[i:]
            inner = _child_at(inner, steps[below], at)
            below += 1
        holder, i = inner, below
    return holder, steps[last], ()


def _replace_inside(plain: object, steps: tuple[Any, ...], value: object, at: Path) -> Any:
    """Returns a copy of a plain container, such as a tuple, with the item at ``steps`` replaced."""
    items = children(plain)
    if items is None:
        raise PathError(f"path {str(at)!r} does not exist: {quote_typed(plain)} has no children.")
    if isinstance(value, Insertion) or value is MISSING_VALUE:
        raise FieldValueError(
            f"{at_path(at)} is in a {type(plain).__name__}; items can be inserted and deleted in lists and dicts only."
        )
    keys = [k for k, _ in items]
    if steps[0] not in keys:
        raise PathError(
            f"path {str(at)!r} does not exist: {quote(steps[0])} is not among {listing(keys)}{suggest(steps[0], keys) or '.'}"
        )
    new = [
        v if k != steps[0] else value if len(steps) == 1 else _replace_inside(v, steps[1:], value, at)
        for k, v in items
    ]
    return rebuild(plain, new)


def _child_at(holder: object, key: object, at: Path) -> Any:
    """Returns the child of ``holder`` under ``key``."""
    found = child_of(holder, key)
    if found is MISSING_VALUE:
        keys = [k for k, _ in children(holder) or ()]
        raise PathError(
            f"a {type(holder).__name__} {at_path(path(holder))} has nothing at {quote(key)} (in {str(at)!r}){suggest(key, keys) or '.'} "
            f"It has: {listing(keys)}."
        )
    return found


def _rebind_by_function(x: object, fn: Callable[..., Any], notify: bool) -> bool:
    """Applies ``fn`` to every value from the root down; returns whether anything changed."""
    arity = positional_arity(fn, most=3)
    if arity not in (1, 2, 3):
        raise FieldTypeError(
            f"a rebind function must take (k), (k, v) or (k, v, parent); {quote(getattr(fn, '__name__', fn))} takes {arity} arguments."
        )
    changes: list[tuple[Any, dict[Any, Any]]] = []
    node: Any = x
    before = {name: getattr(node, name) for name in ("_sym_sealed", "_sym_mark")}
    put(node, "_sym_sealed", node._sym_sealed or ASKED)
    put(node, "_sym_mark", True)
    try:
        if _ask(fn, arity, ROOT, x, None) is not x:
            raise FieldValueError(
                "the rebind function replaced the root, which rebind cannot replace; "
                "return `v` for it (`if not k: return v`), or rebind its parent."
            )
        _ask_below(x, (), fn, arity, changes)
    finally:
        for name, value in before.items():
            put(node, name, value)
    if changes:
        commit(changes, notify=notify)
    return bool(changes)


def _ask(fn: Callable[..., Any], arity: int, k: Path, v: object, p: object) -> Any:
    """Returns the new value of a rebind function with one, two or three arguments."""
    if arity == 1:
        new = fn(k)
        return v if new is KEEP else new
    new = fn(k, v) if arity == 2 else fn(k, v, p)
    return v if new is KEEP else new


_new_path = object.__new__


def _ask_below(
    node: Any, keys: tuple[Any, ...], fn: Callable[..., Any], arity: int, changes: list[Any]
) -> None:
    """Calls ``fn`` for each child of a node, and below the kept ones; collects the changes."""
    updates: dict[Any, Any] | None = None
    below: list[Any] = []
    for key, value in zip(node._sym_keys(), node._sym_values()):
        if value is MISSING_VALUE:
            continue
        # Inlined, because this runs for each value of the tree.
        k = _new_path(Path)
        k._above = keys
        k._last = key
        if arity == 2:
            new = fn(k, value)
        elif arity == 3:
            new = fn(k, value, node)
        else:
            new = _ask(fn, arity, k, value, node)
        if new is value:
            if value.__class__ in ATOMS:
                continue
            if isinstance(value, Node):
                below.append((value, (*keys, key)))
                continue
            new = _ask_inside(value, (*keys, key), fn, arity, below)
        if new is not value and new is not KEEP:
            if updates is None:
                updates = {}
            updates[key] = new
    if updates is not None:
        changes.append((node, updates))
    for value, here in below:
        _ask_below(value, here, fn, arity, changes)


def _ask_inside(
    plain: object, keys: tuple[Any, ...], fn: Callable[..., Any], arity: int, below: list[Any]
) -> Any:
    """Like ``_ask_below`` for a plain container, which is rebuilt if an item changes."""
    items = children(plain)
    if not items:
        return plain
    new_items = []
    for key, value in items:
        here = (*keys, key)
        new = _ask(fn, arity, Path(here), value, plain)
        if new is value and value.__class__ not in ATOMS:
            if isinstance(value, Node):
                below.append((value, here))
            else:
                new = _ask_inside(value, here, fn, arity, below)
        new_items.append(new)
    return plain if all(new is old for new, (_, old) in zip(new_items, items)) else rebuild(plain, new_items)
