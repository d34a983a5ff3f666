"""Value specs, keys, schemas and signatures with PyGlove's names."""

from __future__ import annotations

import typing as _typing

from .annotated import Annotated
from .annotation_conversion import annotation_from_str
from .callable_ext import CallableWithOptionalKeywordArgs, PresetArgValue, enable_preset_args, preset_args
from .callable_signature import Argument, CallableType, Signature, schema, signature
from .class_schema import (
    Field,
    FieldDef,
    FieldKeyDef,
    FieldValueDef,
    ForwardRef,
    KeySpec,
    Schema,
    ValueSpec,
    create_field,
    create_schema,
)
from .custom_typing import CustomTyping
from .inspect import (
    callable_eq,
    get_outer_class,
    get_type,
    get_type_args,
    has_generic_bases,
    is_generic,
    is_instance,
    is_subclass,
)
from .json_schema import to_json_schema
from .key_specs import ConstStrKey, ListKey, NonConstKey, StrKey, TupleKey
from .type_conversion import get_converter, get_json_value_converter, register_converter
from .typed_missing import MISSING_VALUE, MissingValue
from .value_specs import (
    Any,
    Bool,
    Callable,
    Dict,
    Enum,
    Float,
    Functor,
    Generic,
    GenericMeta,
    GenericTypeAlias,
    Int,
    List,
    Number,
    Object,
    Optional,
    PrimitiveType,
    Sequence,
    Str,
    Tuple,
    Type,
    Union,
    ensure_value_spec,
)

get_signature = signature

ROOT_NAMES: dict[str, _typing.Any] = {
    "KeySpec": KeySpec,
    "ValueSpec": ValueSpec,
    "Field": Field,
    "Schema": Schema,
    "CustomTyping": CustomTyping,
    "get_converter": get_converter,
    "register_converter": register_converter,
    "signature": signature,
    "schema": schema,
}
"""What PyGlove offers at its root."""

__all__ = [
    "MISSING_VALUE",
    "Annotated",
    "Any",
    "Argument",
    "Bool",
    "Callable",
    "CallableType",
    "CallableWithOptionalKeywordArgs",
    "ConstStrKey",
    "CustomTyping",
    "Dict",
    "Enum",
    "Field",
    "FieldDef",
    "FieldKeyDef",
    "FieldValueDef",
    "Float",
    "ForwardRef",
    "Functor",
    "Generic",
    "GenericMeta",
    "GenericTypeAlias",
    "Int",
    "KeySpec",
    "List",
    "ListKey",
    "MissingValue",
    "NonConstKey",
    "Number",
    "Object",
    "Optional",
    "PresetArgValue",
    "PrimitiveType",
    "Schema",
    "Sequence",
    "Signature",
    "Str",
    "StrKey",
    "Tuple",
    "TupleKey",
    "Type",
    "Union",
    "ValueSpec",
    "annotation_from_str",
    "callable_eq",
    "create_field",
    "create_schema",
    "enable_preset_args",
    "ensure_value_spec",
    "get_converter",
    "get_json_value_converter",
    "get_outer_class",
    "get_signature",
    "get_type",
    "get_type_args",
    "has_generic_bases",
    "is_generic",
    "is_instance",
    "is_subclass",
    "preset_args",
    "register_converter",
    "schema",
    "signature",
    "to_json_schema",
]
