"""The value specs of PyGlove's module of this name; they are in ``specs``."""

from __future__ import annotations

from .key_specs import ConstStrKey, ListKey, StrKey, TupleKey
from .specs.base import Generic, GenericMeta, PrimitiveType, ValueSpecBase
from .specs.callables import Callable, Functor
from .specs.classes import Object, Type
from .specs.dicts import Dict
from .specs.primitives import Bool, Enum, Float, Int, Number, Str
from .specs.sequences import List, Tuple
from .specs.unions import Any, GenericTypeAlias, Optional, Sequence, Union, ensure_value_spec
from .typed_missing import MISSING_VALUE, MissingValue
from .value_spec import ValueSpec

ValueSpec.ListType, ValueSpec.DictType, ValueSpec.ObjectType = List, Dict, Object

__all__ = [
    "MISSING_VALUE",
    "Any",
    "Bool",
    "Callable",
    "ConstStrKey",
    "Dict",
    "Enum",
    "Float",
    "Functor",
    "Generic",
    "GenericMeta",
    "GenericTypeAlias",
    "Int",
    "List",
    "ListKey",
    "MissingValue",
    "Number",
    "Object",
    "Optional",
    "PrimitiveType",
    "Sequence",
    "Str",
    "StrKey",
    "Tuple",
    "TupleKey",
    "Type",
    "Union",
    "ValueSpec",
    "ValueSpecBase",
    "ensure_value_spec",
]
