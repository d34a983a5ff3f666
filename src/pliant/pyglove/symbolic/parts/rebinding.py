"""How a batch of new values is applied to a tree: in the order given, items of lists last."""

from __future__ import annotations

from typing import Any

from ... import values as utils
from .updates import FieldUpdate

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
    for i, (path, value) in enumerate(path_value_pairs.items()):
        if _moves_items(node, path, value):
            late.append((path, i, value))
        else:
            updates[i] = node._set_item_of_current_tree(path, value)
    for path, i, value in sorted(late, key=lambda item: item[0], reverse=True):
        updates[i] = node._set_item_of_current_tree(path, value)
    return [u for u in updates if u is not None]


def _moves_items(node: Any, path: Any, value: Any) -> bool:
    """Returns whether setting a value adds or removes an item in the middle of a list."""
    if not isinstance(path.key, int):
        return False
    if not (isinstance(value, utils.MissingValue) or getattr(value, "is_insertion", False) is True):
        return False
    parent = node.sym_get(path.parent, None) if path.parent else node
    return isinstance(parent, list)
