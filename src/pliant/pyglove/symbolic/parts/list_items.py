"""``Items``: the symbolic side of ``List``: items, spec, changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pliant.values.errors import quote

from ... import typing as pg_typing
from ... import values as utils
from ..base import Symbolic
from .compare import eq, sym_hash
from .containers import Container, begin, copied, missing_in, release
from .insertion import Insertion
from .permissions import accepts_partial
from .rebinding import apply_changes, is_unchanged
from .transform import symbolic_transform_fn
from .updates import FieldUpdate, Inferential, TopologyAware

_get = list.__getitem__
_put = list.__setitem__


class Items(list[Any], Container):
    """The symbolic side of ``List``: items, spec, changes."""

    _spec_class = pg_typing.List

    @property
    def max_size(self) -> int | None:
        """The largest number of items, or None."""
        spec = self.value_spec
        return None if spec is None else spec.max_size

    def _apply_spec(self, value_spec: Any) -> None:
        """Checks the items."""
        partial = accepts_partial(self)
        checked = value_spec.apply(
            list(list.__iter__(self)),
            allow_partial=partial,
            child_transform=symbolic_transform_fn(partial),
            root_path=self.sym_path,
        )
        self._set_raw_attr("_value_spec", value_spec)
        for i, value in enumerate(checked):
            old = _get(self, i)
            _put(self, i, self._relocate_if_symbolic(i, value))
            release(old, value, self)
        self._forget_facts()

    def sym_attr_field(self, key: Any) -> Any:
        spec = self.value_spec
        return None if spec is None else spec.element

    def sym_hasattr(self, key: Any) -> bool:
        return isinstance(key, int) and -len(self) <= key < len(self)

    def sym_keys(self) -> Iterator[Any]:
        return iter(range(len(self)))

    def sym_values(self) -> Iterator[Any]:
        return list.__iter__(self)

    def sym_items(self) -> Iterator[tuple[Any, Any]]:
        return enumerate(list.__iter__(self))

    def _sym_getattr(self, key: Any) -> Any:
        return _get(self, key)

    def _sym_missing(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for i, value in self.sym_items():
            if isinstance(value, utils.MaybePartial) and not isinstance(value, Inferential):
                inner = missing_in(value)
                if inner:
                    found[i] = inner
        return found

    def _sym_nondefault(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for i, value in self.sym_items():
            if isinstance(value, Symbolic) and not isinstance(value, Inferential):
                inner = value.sym_nondefault(flatten=False)
                if inner:
                    found[i] = inner
            else:
                found[i] = value
        return found

    def _sym_rebind(self, path_value_pairs: dict[Any, Any]) -> list[FieldUpdate]:
        return apply_changes(self, path_value_pairs)

    def sym_eq(self, other: Any) -> bool:
        return isinstance(other, list) and eq(self, other)

    def sym_seal(self, is_seal: Any = True) -> Any:
        for value in self.sym_values():
            if isinstance(value, Symbolic):
                value.sym_seal(is_seal)
        return super().sym_seal(is_seal)

    def sym_hash(self) -> int:
        return hash(("List", tuple(sym_hash(v) for v in self.sym_values())))

    def _sym_clone(self, deep: bool, memo: Any = None) -> Any:
        made = type(self).__new__(type(self))
        begin(made, self.allow_partial, self.accessor_writable, self.sym_sealed)
        made._set_raw_attr("_value_spec", self.value_spec)
        for i, value in self.sym_items():
            list.append(made, made._relocate_if_symbolic(i, copied(value, deep, memo)))
        made._set_raw_attr("_onchange_callback", self._sym_raw("_onchange_callback"))
        return made

    def _renumber(self, start: int = 0) -> None:
        """Sets the paths of the items from an index on."""
        path = self.sym_path
        for i in range(start, len(self)):
            value = _get(self, i)
            if isinstance(value, TopologyAware):
                value.sym_setpath(utils.KeyPath(i, path))

    def _set_item_without_permission_check(self, key: Any, value: Any) -> FieldUpdate | None:
        size = len(self)
        if not isinstance(key, int):
            raise TypeError(
                self._error_message(f"list assignment index must be an integer. Encountered {quote(key)}.")
            )
        index = key + size if key < 0 else key
        field = self.sym_attr_field(index)
        if isinstance(value, utils.MissingValue):
            return self._remove_item(index, field)
        if isinstance(value, Insertion) or index >= size:
            new = value.value if isinstance(value, Insertion) else value
            return (
                None
                if isinstance(new, utils.MissingValue)
                else self._insert_item(min(index, size), new, field)
            )
        old = _get(self, index)
        if is_unchanged(old, value):
            return None
        new = self._formalized_value(index, self.sym_attr_field(index), value)
        _put(self, index, new)
        release(old, new, self)
        self._forget_facts()
        return self._update(index, field, old, new)

    def _remove_item(self, index: int, field: Any) -> FieldUpdate | None:
        if not 0 <= index < len(self):
            return None
        spec = self.value_spec
        if spec is not None and len(self) <= spec.min_size:
            raise ValueError(
                self._error_message(f"Cannot remove item: min size ({spec.min_size}) is reached.")
            )
        old = list.pop(self, index)
        release(old, None, self)
        self._renumber(index)
        self._forget_facts()
        return self._update(index, field, old, utils.MISSING_VALUE)

    def _insert_item(self, index: int, value: Any, field: Any) -> FieldUpdate:
        if self.max_size is not None and len(self) >= self.max_size:
            raise ValueError(self._error_message(f"List reached its max size {self.max_size}."))
        new = self._formalized_value(index, self.sym_attr_field(index), value)
        list.insert(self, index, new)
        self._renumber(index + 1)
        self._forget_facts()
        return self._update(index, field, utils.MISSING_VALUE, new)

    def _update(self, index: int, field: Any, old: Any, new: Any) -> FieldUpdate:
        return FieldUpdate(
            utils.KeyPath(index, self.sym_path), target=self, field=field, old_value=old, new_value=new
        )
