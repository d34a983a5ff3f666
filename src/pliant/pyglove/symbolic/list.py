"""``List``: a symbolic list, with or without a spec of its items; and ``Insertion``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from .. import values as utils
from . import flags
from .base import Symbolic
from .parts.compare import eq
from .parts.containers import begin, release
from .parts.documents import from_json, to_json_field
from .parts.insertion import Insertion, mark_as_insertion
from .parts.list_items import Items
from .parts.permissions import accepts_partial, treats_as_sealed, writtable_via_accessors
from .parts.rebinding import is_unchanged
from .parts.text import format_items
from .parts.transform import to_symbolic
from .parts.updates import FieldUpdate, Inferential, WritePermissionError

__all__ = ["Insertion", "List", "mark_as_insertion"]

_get = list.__getitem__
_put = list.__setitem__


class _Builtin(Items):
    """The builtin side of ``List``: items as in a list."""

    def _infer(self, value: Any) -> Any:
        return value.infer() if isinstance(value, Inferential) else value

    def __getitem__(self, index: Any) -> Any:
        value = _get(self, index)
        return [self._infer(v) for v in value] if isinstance(index, slice) else self._infer(value)

    def __iter__(self) -> Iterator[Any]:
        return map(self._infer, list.__iter__(self))

    def _check(self, sealed: str) -> None:
        if treats_as_sealed(self):
            raise WritePermissionError(self._error_message(sealed))

    def _announce(self, *updates: FieldUpdate | None) -> None:
        changes = [u for u in updates if u is not None]
        if changes and flags.is_change_notification_enabled():
            self._notify_field_updates(changes)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check("Cannot set item for a sealed List.")
        if not writtable_via_accessors(self):
            raise WritePermissionError(
                self._error_message(
                    "Cannot modify List item by __setitem__ while accessor_writable is set to False."
                )
            )
        if isinstance(index, slice):
            self._announce(*self._set_slice(index, list(value)))
            return
        if not isinstance(index, int):
            raise TypeError(
                self._error_message(f"list assignment index must be an integer. Encountered {quote(index)}.")
            )
        if not -len(self) <= index < len(self):
            raise IndexError(
                self._error_message(f"list assignment index out of range. Length={len(self)}, index={index}.")
            )
        self._announce(self._set_item_without_permission_check(index, value))

    def _set_slice(self, index: slice, new: list[Any]) -> list[FieldUpdate | None]:
        """Sets the items of a slice, and returns the changes."""
        start, stop, step = index.indices(len(self))
        places = list(range(start, stop, step))
        if step != 1:
            if len(places) != len(new):
                raise ValueError(
                    self._error_message(
                        f"attempt to assign sequence of size {len(new)} to extended slice of size {len(places)}"
                    )
                )
            return [self._set_item_without_permission_check(i, v) for i, v in zip(places, new)]
        checked = [
            self._formalized_value(start + i, self.sym_attr_field(start + i), v) for i, v in enumerate(new)
        ]
        old = [_get(self, i) for i in places]
        size = len(self) - len(old) + len(new)
        spec = self.value_spec
        if spec is not None and (
            size < spec.min_size or (spec.max_size is not None and size > spec.max_size)
        ):
            raise ValueError(
                self._error_message(
                    f"Length of list ({size}) is not between min size ({spec.min_size}) and max size ({spec.max_size})."
                )
            )
        list.__setitem__(self, slice(start, max(start, stop)), checked)
        for before in old:
            release(before, None, self)
        for i, value in enumerate(checked):
            _put(self, start + i, self._relocate_if_symbolic(start + i, value))
        self._renumber(start + len(checked))
        self._forget_facts()
        updates: list[FieldUpdate | None] = []
        for i in range(max(len(old), len(checked))):
            a = old[i] if i < len(old) else utils.MISSING_VALUE
            b = checked[i] if i < len(checked) else utils.MISSING_VALUE
            if not is_unchanged(a, b):
                updates.append(self._update(start + i, self.sym_attr_field(i), a, b))
        return updates

    def __delitem__(self, index: Any) -> None:
        self._check("Cannot delete item from a sealed List.")
        if not writtable_via_accessors(self):
            raise WritePermissionError(
                self._error_message("Cannot delete List item while accessor_writable is set to False.")
            )
        if isinstance(index, slice):
            places = sorted(range(*index.indices(len(self))), reverse=True)
            self._announce(*[self._remove_item(i, self.sym_attr_field(i)) for i in places])
            return
        if not isinstance(index, int):
            raise TypeError(
                self._error_message(f"list index must be an integer. Encountered {quote(index)}.")
            )
        if not -len(self) <= index < len(self):
            raise IndexError(
                self._error_message(f"list index out of range. Length={len(self)}, index={index}.")
            )
        self._announce(self._set_item_without_permission_check(index, utils.MISSING_VALUE))

    def __add__(self, other: Iterable[Any]) -> Any:
        made = self.copy()
        made.extend(other)
        return made

    def __iadd__(self, other: Iterable[Any]) -> Any:
        self.extend(other)
        return self

    def __mul__(self, n: Any) -> Any:
        kind: Any = type(self)
        return kind(
            [v for _ in range(n) for v in self.sym_values()],
            value_spec=self.value_spec,
            allow_partial=self.allow_partial,
        )

    def __rmul__(self, n: Any) -> Any:
        return self.__mul__(n)

    def copy(self) -> Any:
        return self.clone()

    def append(self, value: Any) -> None:
        self._check("Cannot append element on a sealed List.")
        self._announce(self._set_item_without_permission_check(len(self), Insertion(value)))

    def insert(self, index: Any, value: Any) -> None:
        self._check("Cannot insert element into a sealed List.")
        index = max(0, index + len(self)) if index < 0 else index
        self._announce(self._set_item_without_permission_check(index, Insertion(value)))

    def pop(self, index: Any = -1) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(self._error_message("pop index out of range"))
        self._check("Cannot delete item from a sealed List.")
        value = self[index]
        with flags.allow_writable_accessors(True):
            del self[index]
        return value

    def remove(self, value: Any) -> None:
        for i, item in self.sym_items():
            if eq(item, value):
                with flags.allow_writable_accessors(True):
                    del self[i]
                return
        raise ValueError(self._error_message(f"{quote(value)} not in list."))

    def extend(self, other: Iterable[Any]) -> None:
        self._check("Cannot extend a sealed List.")
        items = list(other.sym_values() if isinstance(other, Items) else other)
        if self.max_size is not None and len(self) + len(items) > self.max_size:
            raise ValueError(
                self._error_message(
                    f"Cannot extend List: the number of elements ({len(self) + len(items)}) exceeds max size ({self.max_size})."
                )
            )
        self._announce(*[self._set_item_without_permission_check(len(self), Insertion(v)) for v in items])

    def clear(self) -> None:
        self._check("Cannot clear a sealed List.")
        spec = self.value_spec
        if spec is not None and spec.min_size > 0:
            raise ValueError(self._error_message(f"List cannot be cleared: min size is {spec.min_size}."))
        for value in self.sym_values():
            release(value, None, self)
        list.clear(self)
        self._forget_facts()

    def sort(self, *, key: Any = None, reverse: Any = False) -> None:
        self._check("Cannot sort a sealed List.")
        sort_in_place: Any = list.sort
        sort_in_place(self, key=key, reverse=reverse)
        self._renumber()

    def reverse(self) -> None:
        self._check("Cannot reverse a sealed List.")
        list.reverse(self)
        self._renumber()

    def index(self, value: Any, start: Any = 0, stop: Any = None) -> int:
        stop = len(self) if stop is None else stop
        for i in range(*slice(start, stop).indices(len(self))):
            if _get(self, i) == value:
                return i
        raise ValueError(f"{quote(value)} is not in list")

    def __hash__(self) -> int:  # type: ignore[override]  # symbolic lists can be keys, by their values
        return self.sym_hash()


class List(_Builtin):
    """A symbolic list: changes can be announced, and a spec can describe the items.

    Args:
      items: the items.
      value_spec: a ``pg.typing.List`` that describes the items; None for any.
      onchange_callback: called with the changes of each call that changes the list.
      allow_partial: whether required values may be missing.
      accessor_writable: whether items may be assigned.
      sealed: whether the list is read-only.
      root_path: the path of the list.

    Raises:
      TypeError, ValueError: an item is not allowed.

    >>> items = List([1, 2, {"x": 3}])
    >>> items[2].x = 4
    >>> items
    [1, 2, {x=4}]
    """

    def __init__(
        self,
        items: Iterable[Any] | None = None,
        *,
        value_spec: Any = None,
        onchange_callback: Callable[[dict[Any, FieldUpdate]], None] | None = None,
        allow_partial: bool = False,
        accessor_writable: bool = True,
        sealed: bool = False,
        root_path: Any = None,
    ) -> None:
        if value_spec is not None and not isinstance(value_spec, pg_typing.List):
            raise TypeError(
                f"Argument 'value_spec' must be a `pg.typing.List` object. Encountered {quote(value_spec)}."
            )
        begin(self, allow_partial, accessor_writable, False, root_path)
        self._fill(items or (), value_spec)
        self._set_raw_attr("_onchange_callback", onchange_callback)
        if sealed:
            self.sym_seal(True)

    def _fill(self, items: Iterable[Any], value_spec: Any) -> None:
        is_checked = value_spec is not None and flags.is_type_check_enabled()
        partial = accepts_partial(self)
        for value in items.sym_values() if isinstance(items, Items) else items:
            if isinstance(value, utils.MissingValue):
                continue
            i = len(self)
            if not is_checked:
                value = to_symbolic(utils.KeyPath(i, self.sym_path), value, partial)
            list.append(self, self._relocate_if_symbolic(i, value))
        if value_spec is not None:
            if is_checked:
                self._apply_spec(value_spec)
            self._set_raw_attr("_value_spec", value_spec)

    @classmethod
    def _adopt(cls, items: Iterable[Any], value_spec: Any, allow_partial: bool, path: Any) -> Any:
        """Returns a list of items that were checked already."""
        made = cls.__new__(cls)
        begin(made, allow_partial, True, False, path)
        for i, value in enumerate(items):
            list.append(
                made, made._relocate_if_symbolic(i, to_symbolic(utils.KeyPath(i, path), value, allow_partial))
            )
        made._set_raw_attr("_value_spec", value_spec)
        return made

    @classmethod
    def partial(cls, items: Iterable[Any] | None = None, **kwargs: Any) -> Any:
        """Returns a list that may lack required values."""
        return cls(items, allow_partial=True, **kwargs)

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
        """Returns the list of JSON data; see ``from_json`` of the module."""
        path = utils.KeyPath() if root_path is None else root_path
        items = [
            from_json(v, root_path=utils.KeyPath(i, path), allow_partial=allow_partial, **kwargs)
            for i, v in enumerate(json_value)
        ]
        return cls(items, value_spec=value_spec, root_path=path, allow_partial=allow_partial)

    def sym_jsonify(self, *, use_inferred: bool = False, **kwargs: Any) -> Any:
        """Returns the items as JSON data.

        Args:
          use_inferred: whether values that stand for others are looked up.
          **kwargs: passed on to the values inside.
        """
        return [
            to_json_field(
                self.sym_inferred(i, v) if use_inferred else v,
                self.sym_attr_field(i),
                use_inferred=use_inferred,
                **kwargs,
            )
            for i, v in self.sym_items()
        ]

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        """Returns the list as text; the options are those of ``parts.text.format_items``."""
        return format_items(self, compact, verbose, root_indent, **kwargs)

    def __repr__(self) -> str:
        return list.__repr__(self)

    def _init_kwargs(self) -> dict[str, Any]:
        given = super()._init_kwargs()
        callback = self._sym_raw("_onchange_callback")
        if callback is not None:
            given["onchange_callback"] = callback
        return given

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _restore, (type(self), list(self.sym_values()), self._init_kwargs())

    # --- members of a Node of Pliant

    def _sym_make(self, *values: Any) -> Any:
        return type(self)(values, allow_partial=self.allow_partial)


def _restore(cls: Any, items: list[Any], switches: dict[str, Any]) -> Any:
    """Returns an unpickled list."""
    return cls(items, **switches)


Symbolic.ListType = List
