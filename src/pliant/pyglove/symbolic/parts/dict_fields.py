"""``Fields``: the symbolic side of ``Dict``: fields, schema, changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pliant.values.errors import quote

from ... import typing as pg_typing
from ... import values as utils
from .. import flags
from ..base import Symbolic
from .compare import eq, sym_hash
from .containers import Container, begin, copied, missing_in, release
from .permissions import accepts_partial
from .rebinding import apply_changes, is_unchanged
from .transform import symbolic_transform_fn
from .traversal import sym_children
from .updates import FieldUpdate, Inferential

_get = dict.__getitem__
_put = dict.__setitem__


class Fields(dict[Any, Any], Container):
    """The symbolic side of ``Dict``: fields, schema, changes."""

    _spec_class = pg_typing.Dict
    _value_spec: Any
    _onchange_callback: Any

    @property
    def _schema(self) -> Any:
        spec = self._sym_raw("_value_spec")
        return None if spec is None else spec.schema

    @property
    def _owner(self) -> Any:
        """The object whose fields this dict holds, or None."""
        return self._sym_raw("_held_for")

    def _apply_spec(self, value_spec: Any) -> None:
        """Checks the fields, and adds those with defaults."""
        partial = accepts_partial(self)
        before = dict(dict.items(self))
        checked = value_spec.apply(
            dict(before),
            allow_partial=partial,
            child_transform=symbolic_transform_fn(partial),
            root_path=self.sym_path,
        )
        schema = value_spec.schema
        self._set_raw_attr("_value_spec", value_spec)
        dict.clear(self)
        updates: list[FieldUpdate] = []
        for key in in_order(checked, schema):
            value = self._relocate_if_symbolic(key, checked[key])
            _put(self, key, value)
            old = before.get(key, utils.MISSING_VALUE)
            release(old, value, self._sym_parent_for_children())
            if old is not value and self._sym_raw("_is_made"):
                updates.append(
                    self._update(key, None if schema is None else schema.get_field(key), old, value)
                )
        self._forget_facts()
        if flags.is_change_notification_enabled():
            for update in updates:
                if not bool(update.new_value == utils.MISSING_VALUE):
                    self._notify_field_updates([update])

    def _update(self, key: Any, field: Any, old: Any, new: Any) -> FieldUpdate:
        target = self._owner
        return FieldUpdate(
            utils.KeyPath(key, self.sym_path),
            target=self if target is None else target,
            field=field,
            old_value=old,
            new_value=new,
        )

    def _sym_parent_for_children(self) -> Any:
        owner = self._owner
        return self if owner is None else owner

    def sym_attr_field(self, key: Any) -> Any:
        schema = self._schema
        return None if schema is None else schema.get_field(key)

    def sym_hasattr(self, key: Any) -> bool:
        return dict.__contains__(self, key) if isinstance(key, (str, int)) else False

    def sym_keys(self) -> Iterator[Any]:
        return dict.__iter__(self)

    def sym_values(self) -> Iterator[Any]:
        return iter(dict.values(self))

    def sym_items(self) -> Iterator[tuple[Any, Any]]:
        return iter(dict.items(self))

    def _sym_getattr(self, key: Any) -> Any:
        return _get(self, key)

    def _sym_rebind(self, path_value_pairs: dict[Any, Any]) -> list[FieldUpdate]:
        return apply_changes(self, path_value_pairs)

    def _sym_missing(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in dict.items(self):
            if isinstance(value, utils.MissingValue):
                found[key] = value
            elif isinstance(value, utils.MaybePartial) and not isinstance(value, Inferential):
                inner = missing_in(value)
                if inner:
                    found[key] = inner
        return found

    def _sym_nondefault(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in dict.items(self):
            if isinstance(value, utils.MissingValue):
                continue
            field = self.sym_attr_field(key)
            if field is not None:
                inner = differing(value, field.default_value)
            elif isinstance(value, Symbolic) and not isinstance(value, Inferential):
                inner = value.sym_nondefault(flatten=False) or utils.MISSING_VALUE
            else:
                inner = value
            if not isinstance(inner, utils.MissingValue):
                found[key] = inner
        return found

    def sym_eq(self, other: Any) -> bool:
        return isinstance(other, dict) and eq(self, other)

    def sym_seal(self, is_seal: Any = True) -> Any:
        for value in dict.values(self):
            if isinstance(value, Symbolic):
                value.sym_seal(is_seal)
        return super().sym_seal(is_seal)

    def sym_hash(self) -> int:
        return hash(
            (
                "Dict",
                frozenset(
                    (k, sym_hash(v)) for k, v in dict.items(self) if not isinstance(v, utils.MissingValue)
                ),
            )
        )

    def _sym_clone(self, deep: bool, memo: Any = None) -> Any:
        return self._copy_for(None, deep, memo)

    def _copy_for(self, owner: Any, deep: bool, memo: Any = None) -> Any:
        """Returns a copy that holds the fields of an object, or of none."""
        made = type(self).__new__(type(self))
        begin(made, self.allow_partial, self.accessor_writable, self.sym_sealed)
        if owner is not None:
            made._set_raw_attr("_held_for", owner)
            made._set_raw_attr("_sym_parent", owner)
        made._set_raw_attr("_value_spec", self.value_spec)
        for key, value in dict.items(self):
            _put(made, key, made._relocate_if_symbolic(key, copied(value, deep, memo)))
        made._set_raw_attr("_onchange_callback", self._onchange_callback)
        made._set_raw_attr("_is_made", True)
        return made

    def _set_item_without_permission_check(self, key: Any, value: Any) -> FieldUpdate | None:
        if not isinstance(key, (str, int)):
            raise KeyError(self._error_message(f"Key must be string or int type. Encountered {quote(key)}."))
        old = dict.get(self, key, utils.MISSING_VALUE)
        if is_unchanged(old, value):
            return None
        schema = self._schema
        field: Any = None if schema is None else schema.get_field(key)
        if schema is not None and field is None:
            raise KeyError(
                self._error_message(f"Key {quote(key)} is not allowed for {self._container_class!r}.")
            )
        is_removal = isinstance(value, utils.MissingValue)
        if is_removal and (field is None or not field.key.is_const):
            if key not in self:
                return None
            new: Any = utils.MISSING_VALUE
            dict.pop(self, key)
        else:
            new = self._formalized_value(key, field, field.default_value if is_removal else value)
            if new is old or (isinstance(new, utils.MissingValue) and isinstance(old, utils.MissingValue)):
                return None
            _put(self, key, new)
        release(old, new, self._sym_parent_for_children())
        self._forget_facts()
        return self._update(key, field, old, new)

    @property
    def _container_class(self) -> Any:
        return type(self) if self._owner is None else type(self._owner)


def differing(value: Any, default: Any) -> Any:
    """Returns what of a value differs from a default: nested dicts of values, or MISSING_VALUE if nothing does."""
    if isinstance(value, utils.MissingValue) or eq(value, default):
        return utils.MISSING_VALUE
    is_dict = isinstance(value, dict) and isinstance(default, dict)
    if not is_dict and not (isinstance(value, Symbolic.ObjectType) and type(value) is type(default)):
        return value
    known = dict(sym_children(default))
    found: dict[Any, Any] = {}
    for key, item in sym_children(value):
        inner = differing(item, known.get(key, utils.MISSING_VALUE))
        if not isinstance(inner, utils.MissingValue):
            found[key] = inner
    return found or utils.MISSING_VALUE


def in_order(items: Mapping[Any, Any], schema: Any) -> list[Any]:
    """Returns the keys in the order of the schema, then the others."""
    if schema is None:
        return list(items)
    first = [k.text if hasattr(k, "text") else str(k) for k in schema.keys() if k.is_const]  # noqa: SIM118  # a schema is not a dict
    known = set(first)
    return [k for k in first if k in items] + [k for k in items if k not in known]
