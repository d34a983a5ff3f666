"""``Editable``: changes of symbolic values (``sym_rebind``), their announcement, and read-only values."""

from __future__ import annotations

import types
from typing import Any

from pliant.values.errors import quote

from ... import values as utils
from .. import flags
from .facts import Described
from .permissions import treats_as_sealed
from .traversal import get_rebind_dict
from .updates import FieldUpdate, TopologyAware, WritePermissionError


class Editable(Described):
    """Changes a value."""

    def sym_rebind(
        self,
        path_value_pairs: Any = None,
        *,
        raise_on_no_change: bool = True,
        notify_parents: bool = True,
        skip_notification: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Changes values in place, and returns this value.

        Args:
          path_value_pairs: new values by path; or a function of path, value (and parent) that returns the new value.
          raise_on_no_change: whether a call that changes nothing is an error.
          notify_parents: whether the values around this one are told.
          skip_notification: whether nothing is told; None for ``notify_on_change``.
          **kwargs: new values by key.

        Raises:
          ValueError: nothing changes, or a value is not allowed.
          KeyError: a path does not lead to a symbolic value.
          TypeError: a value has the wrong type.
          WritePermissionError: the value is sealed.
        """
        if isinstance(path_value_pairs, (types.FunctionType, types.MethodType)) or (
            callable(path_value_pairs) and not isinstance(path_value_pairs, (dict, type))
        ):
            path_value_pairs = get_rebind_dict(path_value_pairs, self)
        pairs = _normalize(path_value_pairs, kwargs, type(self).__name__)
        if not pairs and raise_on_no_change:
            message = "There are no values to rebind."  # wording: PyGlove's message
            raise ValueError(self._error_message(message))
        updates = self._sym_rebind(pairs)
        if skip_notification is None:
            skip_notification = not flags.is_change_notification_enabled()
        if not skip_notification:
            self._notify_field_updates(updates, notify_parents)
        else:
            self._forget_around()
        return self

    def _sym_rebind(self, path_value_pairs: dict[Any, Any]) -> list[FieldUpdate]:
        """Changes values, and returns the changes."""
        raise NotImplementedError

    def _set_item_without_permission_check(self, key: Any, value: Any) -> FieldUpdate | None:
        """Sets a field, and returns the change; None if nothing changes."""
        raise NotImplementedError

    def _set_item_of_current_tree(self, path: Any, value: Any) -> FieldUpdate | None:
        """Sets the value at a path below this one."""
        parent = self.sym_get(path.parent) if path.parent else self
        if not isinstance(parent, Editable):
            raise KeyError(
                self._error_message(
                    f"Cannot rebind key {path.key!r}: {parent!r} is not a symbolic type. (path='{path.parent}')"
                )
            )
        if treats_as_sealed(parent):
            raise WritePermissionError(
                parent._error_message(
                    f"Cannot rebind key {path.key!r} of sealed {_kind(parent)}: {parent!r}."
                )
            )
        return parent._set_item_without_permission_check(path.key, value)

    @property
    def _subscribes_field_updates(self) -> bool:
        """Whether changes at or below this value are announced to it."""
        return True

    def _on_change(self, field_updates: dict[Any, FieldUpdate]) -> None:
        """Called with the changes at or below this value, by their paths from it."""

    def _notify_field_updates(self, field_updates: list[FieldUpdate], notify_parents: bool = True) -> None:
        """Announces changes: each value around a change is told once, the innermost ones first."""
        receivers: dict[int, tuple[Any, dict[Any, FieldUpdate]]] = {}
        for update in field_updates:
            at: Any = update.target
            keys = [update.path.key]
            while at is not None:
                if id(at) not in receivers:
                    receivers[id(at)] = (at, {})
                receivers[id(at)][1][utils.KeyPath(keys)] = update
                if (at is self and not notify_parents) or at.sym_parent is None:
                    break
                keys = [at.sym_path.key, *keys]
                at = at.sym_parent
        if not field_updates:
            return
        self._forget_around()
        for at, _ in receivers.values():
            at._forget_facts()
        order = sorted(receivers.values(), key=lambda r: r[0].sym_path, reverse=True)
        for at, updates in order:
            if at._subscribes_field_updates:
                at._on_change(updates)

    def _forget_around(self) -> None:
        """Deletes what was computed from the fields of this value and of the values around it."""
        at: Any = self
        while at is not None:
            at._forget_facts()
            at = at.sym_parent

    def _sym_parent_for_children(self) -> Any:
        """The parent of the values inside."""
        return self

    def _relocate_if_symbolic(self, key: Any, value: Any) -> Any:
        """Gives a value its place under a key; a value that already has another place is copied."""
        if isinstance(value, TopologyAware):
            parent = self._sym_parent_for_children()
            path = utils.KeyPath(key, self.sym_path)
            before = value.sym_parent
            if before is not None and (before is not parent or value.sym_path != path):
                value = value.sym_clone()  # type: ignore[attr-defined]  # the values with a place can be copied
            value.sym_setpath(path)
            value.sym_setparent(parent)
        return value

    def sym_seal(self, is_seal: Any = True) -> Any:
        """Makes this value read-only, or writable again."""
        self._set_raw_attr("_sealed", bool(is_seal))
        return self


def _kind(value: Any) -> str:
    return type(value).__name__


def _normalize(path_value_pairs: Any, more: dict[str, Any], kind: str) -> dict[Any, Any]:
    """Returns new values by ``KeyPath``."""
    if path_value_pairs is None:
        path_value_pairs = {}
    if not isinstance(path_value_pairs, dict):
        raise ValueError(
            f"Argument 'path_value_pairs' should be a dict. Encountered: {quote(path_value_pairs)}."
        )
    given: dict[Any, Any] = {}
    items = (
        path_value_pairs.sym_items() if hasattr(path_value_pairs, "sym_items") else path_value_pairs.items()
    )
    for key, value in [*items, *more.items()]:
        path = utils.KeyPath.from_value(key)
        if not path:
            raise KeyError(
                f"Root key '$' cannot be used in {kind}.rebind. Encountered: {quote(path_value_pairs)}."
            )
        given[path] = value
    return given
