"""Value specs: constraints on the values of fields.  Public as ``pg.typing``.

>>> Int(min_value=1).check(3), List(float).check([1])
(3, [1.0])
"""

from __future__ import annotations

from pliant.values.missing import MISSING_VALUE

from .annotation import from_annotation, to_annotation
from .containers import Dict, List, Tuple
from .field import Field, KeySpec, StrKey, as_field
from .numbers import Bool, Float, Int
from .schema import Schema, named_types, schema_from_members
from .text import Enum, Str
from .types import Callable, ForwardRef, Object, Type
from .union import Union
from .value_spec import Any, ValueSpec, as_spec, same_value

# Names of PyGlove and of its paper.
Instance = Object
Subclass = Type
Functor = Callable

__all__ = [
    "MISSING_VALUE",
    "Any",
    "Bool",
    "Callable",
    "Dict",
    "Enum",
    "Field",
    "Float",
    "ForwardRef",
    "Functor",
    "Instance",
    "Int",
    "KeySpec",
    "List",
    "Object",
    "Schema",
    "Str",
    "StrKey",
    "Subclass",
    "Tuple",
    "Type",
    "Union",
    "ValueSpec",
    "as_field",
    "as_spec",
    "from_annotation",
    "named_types",
    "same_value",
    "schema_from_members",
    "to_annotation",
]
