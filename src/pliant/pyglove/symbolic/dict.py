"""``Dict``: a symbolic dict, with or without a schema; also what holds the fields of an ``Object``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from .. import values as utils
from . import flags
from .base import Symbolic
from .parts.access import RAISE_IF_NOT_FOUND
from .parts.compare import eq
from .parts.containers import begin
from .parts.dict_fields import Fields, in_order
from .parts.documents import from_json, to_json_field
from .parts.permissions import accepts_partial, treats_as_sealed, writtable_via_accessors
from .parts.text import format_fields
from .parts.transform import to_symbolic
from .parts.updates import FieldUpdate, Inferential, WritePermissionError

_get = dict.__getitem__
_put = dict.__setitem__


class _Items(Fields):
    """The builtin side of ``Dict``: items as in a dict."""

    def __getitem__(self, key: Any) -> Any:
        value = _get(self, key)
        if isinstance(value, Inferential):
            try:
                return value.infer()
            except AttributeError as error:
                raise KeyError(f"{quote(key)}: {error}") from error
        return value

    def _check_writable(self, verb: str, sealed: str) -> None:
        if treats_as_sealed(self):
            raise WritePermissionError(self._error_message(sealed))
        if not writtable_via_accessors(self):
            raise WritePermissionError(
                self._error_message(
                    f"Cannot {verb} Dict field by attribute or key while accessor_writable is set to False."
                )
            )

    def _announce(self, update: FieldUpdate | None) -> None:
        if update is not None and flags.is_change_notification_enabled():
            self._notify_field_updates([update])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check_writable("modify", "Cannot modify field of a sealed Dict.")
        self._announce(self._set_item_without_permission_check(key, value))

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_sym_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __delitem__(self, name: Any) -> None:
        self._check_writable("del", "Cannot del item from a sealed Dict.")
        if not self.sym_hasattr(name):
            raise KeyError(self._error_message(f"Key does not exist in Dict: {quote(name)}."))
        self._announce(self._set_item_without_permission_check(name, utils.MISSING_VALUE))

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __getattr__(self, name: str) -> Any:
        if dict.__contains__(self, name):
            return self.sym_inferred(name)
        raise AttributeError(f"Attribute {quote(name)} does not exist in {type(self)!r}.")

    def __iter__(self) -> Iterator[Any]:
        return self.sym_keys()

    def keys(self) -> Any:
        return dict.keys(self)

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if dict.__contains__(self, key) else default

    def items(self) -> Any:
        """Returns keys and values; values that stand for others are looked up."""
        return [(key, self.sym_inferred(key)) for key in self.sym_keys()]

    def values(self) -> Any:
        """Returns the values; those that stand for others are looked up."""
        return [self.sym_inferred(key) for key in self.sym_keys()]

    def copy(self) -> Any:
        return self.clone()

    def pop(self, key: Any, default: Any = RAISE_IF_NOT_FOUND) -> Any:  # one form for both
        if self.sym_hasattr(key):
            value = self[key]
            with flags.allow_writable_accessors(True):
                del self[key]
            return value
        if default is RAISE_IF_NOT_FOUND:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[Any, Any]:
        if self.value_spec is not None:
            raise ValueError(self._error_message("'popitem' cannot be performed on a Dict with value spec."))
        if treats_as_sealed(self):
            raise WritePermissionError(self._error_message("Cannot pop item from a sealed Dict."))
        if not self:
            raise KeyError(self._error_message("dictionary is empty"))
        key = list(self.sym_keys())[-1]
        return key, self.pop(key)

    def clear(self) -> None:
        if treats_as_sealed(self):
            raise WritePermissionError(self._error_message("Cannot clear a sealed Dict."))
        spec = self.value_spec
        before = dict(dict.items(self))
        dict.clear(self)
        if spec is not None:
            try:
                self._apply_spec(spec)
            except Exception:
                dict.update(self, before)
                raise
        self._forget_facts()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        value = dict.get(self, key, utils.MISSING_VALUE)
        if isinstance(value, utils.MissingValue):
            self[key] = default
            value = dict.get(self, key)
        return value

    def update(self, other: Any = None, **kwargs: Any) -> None:  # type: ignore[override]  # one form for all
        pairs = dict(other.sym_items() if isinstance(other, Symbolic) else other or {})
        self.rebind(
            {utils.KeyPath(k): v for k, v in {**pairs, **kwargs}.items()},
            raise_on_no_change=False,
            skip_notification=True,
        )

    def __eq__(self, other: object) -> bool:
        return bool(dict.__eq__(self, other) is True)

    def __ne__(self, other: object) -> bool:
        return not self.__eq__(other)

    def __hash__(self) -> int:  # type: ignore[override]  # symbolic dicts can be keys, by their values
        return self.sym_hash()


class Dict(_Items):
    """A symbolic dict: items are attributes, changes can be announced, and a spec can describe the fields.

    Args:
      dict_obj: the items, as a dict or as pairs.
      value_spec: a ``pg.typing.Dict`` that describes the fields; None for any.
      onchange_callback: called with the changes of each call that changes the dict.
      **kwargs: more items; and ``allow_partial``, ``accessor_writable``, ``sealed`` and ``root_path`` as for ``Symbolic``.

    Raises:
      TypeError, ValueError, KeyError: an item is not allowed.

    >>> d = Dict(x=1, y=Dict(z=2))
    >>> d.rebind({"y.z": 3})
    {x=1, y={z=3}}
    """

    def __init__(
        self,
        dict_obj: Any = None,
        *,
        value_spec: Any = None,
        onchange_callback: Callable[[dict[Any, FieldUpdate]], None] | None = None,
        **kwargs: Any,
    ) -> None:
        if value_spec is not None and not isinstance(value_spec, pg_typing.Dict):
            raise TypeError(
                f"Argument 'value_spec' must be a `pg.typing.Dict` object. Encountered {quote(value_spec)}."
            )
        allow_partial = kwargs.pop("allow_partial", False)
        writable = kwargs.pop("accessor_writable", True)
        sealed = kwargs.pop("sealed", False)
        begin(self, allow_partial, writable, False, kwargs.pop("root_path", None))
        held_for = kwargs.pop("_held_for", None)
        if held_for is not None:
            self._set_raw_attr("_held_for", held_for)
            self._set_raw_attr("_sym_parent", held_for)
        self._fill(_pairs(dict_obj, kwargs), value_spec)
        self._set_raw_attr("_onchange_callback", onchange_callback)
        self._set_raw_attr("_is_made", True)
        if sealed:
            self.sym_seal(True)

    def _fill(self, items: Iterable[tuple[Any, Any]], value_spec: Any) -> None:
        is_checked = value_spec is not None and flags.is_type_check_enabled()
        partial = accepts_partial(self)
        for key, value in items:
            if isinstance(value, utils.MissingValue):
                continue
            if not isinstance(key, (str, int)):
                raise KeyError(
                    self._error_message(f"Key must be string or int type. Encountered {quote(key)}.")
                )
            if not is_checked:
                value = to_symbolic(utils.KeyPath(key, self.sym_path), value, partial)
            _put(self, key, self._relocate_if_symbolic(key, value))
        if value_spec is not None:
            if is_checked:
                self._apply_spec(value_spec)
            self._set_raw_attr("_value_spec", value_spec)

    @classmethod
    def _adopt(cls, items: Mapping[Any, Any], value_spec: Any, allow_partial: bool, path: Any) -> Any:
        """Returns a dict of items that were checked already."""
        made = cls.__new__(cls)
        begin(made, allow_partial, True, False, path)
        if value_spec is None:
            made._fill(items.items(), None)
        else:
            made._set_raw_attr("_value_spec", value_spec)
            for key in in_order(items, value_spec.schema):
                _put(
                    made,
                    key,
                    made._relocate_if_symbolic(
                        key, to_symbolic(utils.KeyPath(key, path), items[key], allow_partial)
                    ),
                )
        made._set_raw_attr("_is_made", True)
        return made

    @classmethod
    def partial(
        cls,
        dict_obj: Any = None,
        value_spec: Any = None,
        *,
        onchange_callback: Callable[[dict[Any, FieldUpdate]], None] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Returns a dict that may lack required values."""
        return cls(
            dict_obj, value_spec=value_spec, onchange_callback=onchange_callback, allow_partial=True, **kwargs
        )

    @classmethod
    def from_json(
        cls,
        json_value: Any,
        *,
        value_spec: Any = None,
        allow_partial: bool = False,
        root_path: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Returns the dict of JSON data; see ``from_json`` of the module."""
        path = utils.KeyPath() if root_path is None else root_path
        items = {
            k: from_json(v, root_path=utils.KeyPath(k, path), allow_partial=allow_partial, **kwargs)
            for k, v in json_value.items()
        }
        return cls(items, value_spec=value_spec, root_path=path, allow_partial=allow_partial)

    def sym_jsonify(
        self,
        *,
        hide_frozen: bool = True,
        hide_default_values: bool = False,
        exclude_keys: Iterable[Any] | None = None,
        use_inferred: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Returns the items as JSON data.

        Args:
          hide_frozen: whether frozen fields are left out.
          hide_default_values: whether default values are left out.
          exclude_keys: keys that are left out.
          use_inferred: whether values that stand for others are looked up.
          **kwargs: passed on to the values inside.
        """
        skipped = set(exclude_keys or ())
        written: dict[Any, Any] = {}
        for key, value in dict.items(self):
            field = self.sym_attr_field(key)
            if key in skipped or isinstance(value, utils.MissingValue):
                continue
            if field is not None and hide_frozen and field.frozen:
                continue
            if use_inferred and isinstance(value, Inferential):
                value = self.sym_inferred(key, value)
            if field is not None and hide_default_values and eq(value, field.default_value):
                continue
            written[key] = to_json_field(
                value,
                field,
                hide_frozen=hide_frozen,
                hide_default_values=hide_default_values,
                use_inferred=use_inferred,
                **kwargs,
            )
        return written

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        """Returns the dict as text; the options are those of ``parts.text.format_fields``."""
        return format_fields(self, compact, verbose, root_indent, **kwargs)

    def __repr__(self) -> str:
        return str(self.format(compact=True))

    def _init_kwargs(self) -> dict[str, Any]:
        given = super()._init_kwargs()
        if self._onchange_callback is not None:
            given["onchange_callback"] = self._onchange_callback
        return given

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _restore, (type(self), dict(dict.items(self)), self._init_kwargs())

    # --- members of a Node of Pliant

    def _sym_make(self, *values: Any) -> Any:
        return type(self)(dict(zip(self._sym_keys(), values)), allow_partial=self.allow_partial)


def _pairs(dict_obj: Any, more: dict[str, Any]) -> Iterable[tuple[Any, Any]]:
    """Returns the items given to ``Dict``."""
    if dict_obj is None:
        return more.items()
    if isinstance(dict_obj, Symbolic):
        return {**dict(dict_obj.sym_items()), **more}.items()
    return {**dict(dict_obj), **more}.items()


def _restore(cls: Any, items: dict[Any, Any], switches: dict[str, Any]) -> Any:
    """Returns an unpickled dict."""
    return cls(items, **switches)


Symbolic.DictType = Dict
