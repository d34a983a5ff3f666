"""``Fields``: the symbolic side of ``Dict``: fields, schema, changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pliant.values.errors import quote

from ... import typing as pg_typing
from ... import values as utils
from .. import flags
from ..base import Symbolic
from .compare import eq, sym_hash
from .permissions import accepts_partial
from .rebinding import apply_changes, is_unchanged
from .transform import symbolic_transform_fn, to_symbolic
from .traversal import sym_children
from .updates import FieldUpdate, Inferential, TopologyAware

_get = dict.__getitem__
_put = dict.__setitem__


class Fields(dict[Any, Any], Symbolic, pg_typing.CustomTyping):
    """The symbolic side of ``Dict``: fields, schema, changes."""

    _value_spec: Any
    _onchange_callback: Any

    @property
    def value_spec(self) -> Any:
        """The spec that describes the fields, or None."""
        return self._sym_raw("_value_spec")

    @property
    def _schema(self) -> Any:
        spec = self._sym_raw("_value_spec")
        return None if spec is None else spec.schema

    @property
    def _owner(self) -> Any:
        """The object whose fields this dict holds, or None."""
        return self._sym_raw("_held_for")

    def use_value_spec(self, value_spec: Any, allow_partial: Any = False) -> Any:
        """Checks this dict against a spec, which describes its fields from now on; returns the dict.

        Args:
          value_spec: a ``pg.typing.Dict``, or None to remove the spec.
          allow_partial: whether required values may be missing.

        Raises:
          ValueError: another kind of spec, or a value that it does not allow.
          RuntimeError: there is another spec already.
        """
        return bind_spec(self, value_spec, pg_typing.Dict, allow_partial=allow_partial)

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

    def _formalized_value(self, name: Any, field: Any, value: Any) -> Any:
        """Returns a value as it is stored in a field."""
        path = utils.KeyPath(name, self.sym_path)
        partial = accepts_partial(self)
        if field is None or not flags.is_type_check_enabled():
            value = to_symbolic(path, value, partial)
        else:
            if isinstance(value, TopologyAware) and value.sym_parent is not None:
                value = self._relocate_if_symbolic(name, value)
            value = field.apply(
                value, allow_partial=partial, transform_fn=symbolic_transform_fn(partial), root_path=path
            )
        return self._relocate_if_symbolic(name, value)

    @property
    def _subscribes_field_updates(self) -> bool:
        return self._onchange_callback is not None

    def _on_change(self, field_updates: dict[Any, FieldUpdate]) -> None:
        if self._onchange_callback is not None:
            self._onchange_callback(field_updates)

    def custom_apply(
        self,
        path: Any,
        value_spec: Any,
        allow_partial: bool,
        child_transform: Callable[..., Any] | None = None,
    ) -> tuple[bool, Any]:
        """Checks this dict for a field with another spec; returns whether the spec shall check it itself, and the dict."""
        if not flags.is_type_check_enabled():
            return (False, self)
        if not isinstance(value_spec, pg_typing.Dict):
            return (True, self)
        if self.sym_parent is None:
            self.sym_setpath(path)
        mine = self.value_spec
        if mine is None:
            self.use_value_spec(value_spec, allow_partial)
        else:
            if not value_spec.is_compatible(mine):
                raise ValueError(
                    utils.message_on_path(
                        f"Dict (spec={mine!r}) cannot be assigned to an incompatible field (spec={quote(value_spec)}).",
                        path,
                    )
                )
            if self.allow_partial != allow_partial:
                self._set_raw_attr("_allow_partial", allow_partial)
                if not allow_partial:
                    self._apply_spec(mine)
        return (False, self)


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


def missing_in(value: Any) -> Any:
    """Returns what is missing in a value."""
    return (
        value.sym_missing(flatten=False)
        if isinstance(value, Symbolic)
        else value.missing_values(flatten=False)
    )


def copied(value: Any, deep: bool, memo: Any) -> Any:
    """Returns a value for a copy of what contains it."""
    from .compare import clone

    if deep or isinstance(value, Symbolic):
        return clone(value, deep, memo)
    return value


def release(old: Any, new: Any, parent: Any) -> None:
    """Removes the place of a value that was replaced."""
    if old is not new and isinstance(old, TopologyAware) and old.sym_parent is parent:
        old.sym_setparent(None)
        old.sym_setpath(utils.KeyPath())


def begin(
    made: Any, allow_partial: bool, accessor_writable: bool, sealed: bool, root_path: Any = None
) -> None:
    """Sets the switches of a new dict."""
    Symbolic.__init__(
        made,
        allow_partial=allow_partial,
        accessor_writable=accessor_writable,
        sealed=sealed,
        root_path=root_path,
        init_super=False,
    )
    made._set_raw_attr("_value_spec", None)
    made._set_raw_attr("_onchange_callback", None)


def bind_spec(container: Any, value_spec: Any, kind: Any, *, allow_partial: Any) -> Any:
    """Checks a dict or list against a spec, which describes it from now on; see ``use_value_spec``; returns the container."""
    if value_spec is None:
        return container._set_raw_attr("_value_spec", None)
    name = kind.__name__
    if not isinstance(value_spec, kind):
        raise ValueError(
            container._error_message(
                f"Value spec for {name.lower()} must be a `pg.typing.{name}` object. Encountered: {quote(value_spec)}."
            )
        )
    before = container.value_spec
    if before is not None and before != value_spec:
        raise RuntimeError(
            container._error_message(
                f"{name} is already bound with a different value spec: {before!r}. New value spec: {quote(value_spec)}."
            )
        )
    container._set_raw_attr("_allow_partial", bool(allow_partial))
    if flags.is_type_check_enabled():
        container._apply_spec(value_spec)
    return container._set_raw_attr("_value_spec", value_spec)
