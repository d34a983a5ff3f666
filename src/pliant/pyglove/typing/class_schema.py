"""Fields and schemas, under the name that PyGlove's module has."""

from __future__ import annotations

from typing import Any, TypeAlias

from .field import Field, create_field
from .forward_ref import ForwardRef
from .key_specs import KeySpec
from .schemas import Schema, create_schema
from .value_spec import ValueSpec

FieldKeyDef: TypeAlias = str | KeySpec
FieldValueDef: TypeAlias = Any
FieldDef: TypeAlias = tuple[Any, ...]

__all__ = [
    "Field", "FieldDef", "FieldKeyDef", "FieldValueDef", "ForwardRef", "KeySpec", "Schema", "ValueSpec", "create_field",
    "create_schema",
]  # fmt: skip
