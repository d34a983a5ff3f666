"""Spec of dicts: ``Dict``."""

from __future__ import annotations

import copy
import typing
from collections.abc import Callable
from typing import Any

from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, quote

from ..forward_ref import ForwardRef
from ..key_specs import StrKey
from ..schemas import Schema, create_schema
from ..typed_missing import MISSING_VALUE, is_missing
from ..value_spec import Transform, ValueSpec
from .base import Generic, Item, ValueSpecBase


class Dict(Generic, ValueSpecBase):
    """A dict, of any keys and values or with a schema; ``Dict[str, int]`` is a dict of integers.

    >>> Dict([("size", 3), ("name", str)]).apply({"name": "conv"})
    {'name': 'conv', 'size': 3}

    Args:
      schema: the schema, field definitions, or what all values are.
      default: the default; with a schema, the defaults of its fields.
      transform: the user's function that converts values before they are checked.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Dict"

    def __init__(
        self,
        schema: Any = None,
        default: Any = MISSING_VALUE,
        transform: Callable[[Any], Any] | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        self._schema = _read_schema(schema)
        self._chosen: Any = MISSING_VALUE
        super().__init__(dict, default, transform, is_noneable, frozen)

    @classmethod
    def with_type_args(cls, type_args: Any) -> Any:
        if len(type_args) == 1 and isinstance(type_args[0], dict):
            return cls(type_args[0])
        if len(type_args) != 2:
            raise FieldTypeError(
                "`pg.typing.Dict` accepts 1 dict type argument as the schema, or 2 type arguments as the key type and value "
                f"type. Encountered {quote(type_args)}."
            )
        return cls([(StrKey(), type_args[1])]) if type_args[0] is str else cls()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._frozen:
            return self._default
        return self.apply(dict(*args, **kwargs))

    @property
    def schema(self) -> Schema | None:
        """The schema; None if all keys and values are accepted."""
        return self._schema

    @property
    def forward_refs(self) -> set[ForwardRef]:
        if self._schema is None:
            return set()
        return set().union(*(f.value.forward_refs for f in self._schema.values()))

    def noneable(self, is_noneable: bool = True, use_none_as_default: bool = True) -> Any:
        self._is_noneable = is_noneable
        if is_noneable and use_none_as_default and is_missing(self._chosen):
            self._default = self._chosen = None
        elif not is_noneable and self._chosen is None:
            self.set_default(MISSING_VALUE)
        return self

    def set_default(
        self, default: Any, use_default_apply: bool = True, root_path: KeyPath | None = None
    ) -> Any:
        self._chosen = default
        if not is_missing(default) and use_default_apply:
            default = self.apply(copy.copy(default), allow_partial=True, root_path=root_path)
        elif is_missing(default) and self._schema is not None:
            default = self._schema.apply({}, allow_partial=True, root_path=root_path)
        self._default = default
        return self

    def _apply(
        self, value: Any, allow_partial: bool, child_transform: Transform | None, path: KeyPath
    ) -> Any:
        if self._schema is None:
            return value
        return self._schema.apply(value, allow_partial, child_transform, path)

    def _extend(self, base: Any) -> None:
        if base.schema is None:
            return
        if self._schema is None:
            self._schema = base.schema
        else:
            self._schema.extend(base.schema)
        if is_missing(self._chosen):
            self.set_default(MISSING_VALUE)

    def _is_compatible(self, other: Any) -> bool:
        return self._schema is None or (other.schema is not None and self._schema.is_compatible(other.schema))

    def _annotate(self) -> Any:
        return typing.Dict[str, typing.Any]  # noqa: UP006

    def _eq(self, other: Any) -> bool:
        return bool(self._schema == other.schema)

    def _shown(self) -> list[Item]:
        _, *flags = self._flags()
        fields = list(self._schema.values()) if self._schema is not None else []
        return [("fields", fields, []), *flags]

    def _state(self) -> dict[str, tuple[Any, Any]]:
        return {
            "schema": (self._schema, None),
            "default": (self._chosen, MISSING_VALUE),
        }


def _read_schema(schema: Any) -> Schema | None:
    if schema is None or isinstance(schema, Schema):
        return schema
    if isinstance(schema, (dict, list)):
        return create_schema(schema, allow_nonconst_keys=True)
    spec = schema if isinstance(schema, ValueSpec) else ValueSpec.from_annotation(schema, auto_typing=True)
    return create_schema([(StrKey(), spec)], allow_nonconst_keys=True)
