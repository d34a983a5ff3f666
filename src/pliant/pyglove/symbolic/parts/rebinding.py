"""How a batch of new values is applied to a tree: in the order given, items of lists last; all of them or, unlike PyGlove, none."""

from __future__ import annotations

from typing import Any

from ... import values as utils
from .updates import FieldUpdate, TopologyAware

_ATOMS = (int, float, str, bool, bytes, type(None))


def is_unchanged(old: Any, new: Any) -> bool:
    """Returns whether a new value is the old one, or an equal number or text.

    >>> is_unchanged(1, 1), is_unchanged(1, 1.0)
    (True, False)
    """
    return old is new or (old.__class__ is new.__class__ and old.__class__ in _ATOMS and bool(old == new))


def apply_changes(node: Any, path_value_pairs: dict[Any, Any]) -> list[FieldUpdate]:
    """Applies new values by path; indices refer to the lists before the call.

    Args:
      node: the value that the paths start from.
      path_value_pairs: new values by ``KeyPath``.
    """
    updates: list[FieldUpdate | None] = [None] * len(path_value_pairs)
    late: list[tuple[Any, int, Any]] = []
    done: list[FieldUpdate] = []

    def apply(path: Any, i: int, value: Any) -> None:
        update = updates[i] = node._set_item_of_current_tree(path, value)
        if update is not None:
            done.append(update)

    try:
        for i, (path, value) in enumerate(path_value_pairs.items()):
            if _moves_items(node, path, value):
                late.append((path, i, value))
            else:
                apply(path, i, value)
        for path, i, value in sorted(late, key=lambda item: item[0], reverse=True):
            apply(path, i, value)
    except Exception:
        for update in reversed(done):
            _undo(update)
        raise
    return [u for u in updates if u is not None]


def _undo(update: FieldUpdate) -> None:
    """Takes one change back."""
    target = update.target
    holder = getattr(target, "_sym_attributes", target)
    key, old, new = update.path.key, update.old_value, update.new_value
    is_new, is_removed = (isinstance(v, utils.MissingValue) for v in (old, new))
    if isinstance(new, TopologyAware):
        new.sym_setparent(None)
        new.sym_setpath(utils.KeyPath())
    if isinstance(holder, list):
        if is_new:
            list.pop(holder, key)
        elif is_removed:
            list.insert(holder, key, old)
        else:
            list.__setitem__(holder, key, old)
        holder._renumber()  # type: ignore[attr-defined]  # of symbolic lists
    elif is_new and not _is_declared(holder.sym_attr_field(key)):
        dict.pop(holder, key)
    else:
        dict.__setitem__(holder, key, old)
    if isinstance(old, TopologyAware):
        old.sym_setpath(utils.KeyPath(key, target.sym_path))
        old.sym_setparent(target)
    target._forget_facts()


def _is_declared(field: Any) -> bool:
    """Returns whether a field has a name of its own, so that it is stored without a value as well."""
    return field is not None and bool(field.key.is_const)


def _moves_items(node: Any, path: Any, value: Any) -> bool:
    """Returns whether setting a value adds or removes an item in the middle of a list."""
    if not isinstance(path.key, int):
        return False
    if not (isinstance(value, utils.MissingValue) or getattr(value, "is_insertion", False) is True):
        return False
    parent = node.sym_get(path.parent, None) if path.parent else node
    return isinstance(parent, list)
