"""``Container``: what ``Dict`` and ``List`` have in common on their symbolic side: a spec, values as they are stored, a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pliant.values.errors import quote

from ... import typing as pg_typing
from ... import values as utils
from .. import flags
from ..base import Symbolic
from .permissions import accepts_partial
from .transform import symbolic_transform_fn, to_symbolic
from .updates import FieldUpdate, TopologyAware


class Container(Symbolic, pg_typing.CustomTyping):
    """What ``Dict`` and ``List`` have in common on their symbolic side."""

    _spec_class: ClassVar[Any]  # of the specs that describe it

    @property
    def value_spec(self) -> Any:
        """The spec that describes the values, or None."""
        return self._sym_raw("_value_spec")

    def _apply_spec(self, value_spec: Any) -> None:
        """Checks the values against a spec; sets defaults."""
        raise NotImplementedError

    def use_value_spec(self, value_spec: Any, allow_partial: Any = False) -> Any:
        """Checks this container against a spec, which describes its values from now on; returns the container.

        Args:
          value_spec: a ``pg.typing.Dict`` for a dict, a ``pg.typing.List`` for a list; None removes the spec.
          allow_partial: whether required values may be missing.

        Raises:
          ValueError: another kind of spec, or a value that it does not allow.
          RuntimeError: there is another spec already.
        """
        return bind_spec(self, value_spec, self._spec_class, allow_partial=allow_partial)

    def _formalized_value(self, name: Any, field: Any, value: Any) -> Any:
        """Returns a value as it is stored at a key or index."""
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
        return self._sym_raw("_onchange_callback") is not None

    def _on_change(self, field_updates: dict[Any, FieldUpdate]) -> None:
        callback = self._sym_raw("_onchange_callback")
        if callback is not None:
            callback(field_updates)

    def custom_apply(
        self,
        path: Any,
        value_spec: Any,
        allow_partial: bool,
        child_transform: Callable[..., Any] | None = None,
    ) -> tuple[bool, Any]:
        """Checks this container for a field with another spec; returns whether the spec shall check it itself, and the container."""
        if not flags.is_type_check_enabled():
            return (False, self)
        if not isinstance(value_spec, self._spec_class):
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
                        f"{self._spec_class.__name__} (spec={mine!r}) cannot be assigned to an incompatible field (spec={quote(value_spec)}).",
                        path,
                    )
                )
            if self.allow_partial != allow_partial:
                self._set_raw_attr("_allow_partial", allow_partial)
                if not allow_partial:
                    self._apply_spec(mine)
        return (False, self)


def begin(
    made: Any, allow_partial: bool, accessor_writable: bool, sealed: bool, root_path: Any = None
) -> None:
    """Sets the switches of a new dict or list."""
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
