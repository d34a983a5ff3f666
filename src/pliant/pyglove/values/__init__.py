"""Paths, missing values, formatting and JSON with PyGlove's names (its package core.utils)."""

from __future__ import annotations

from typing import Any

from .common_traits import Functor, MaybePartial, ensure_explicit_method_override, explicit_method_override
from .contextual import (
    ContextualOverride,
    all_contextual_values,
    contextual_override,
    contextual_value,
    get_contextual_override,
    with_contextual_override,
)
from .error_utils import CatchErrorsContext, catch_errors
from .formatting import (
    BracketType,
    Formattable,
    RawText,
    auto_plural,
    bracket_chars,
    camel_to_snake,
    comma_delimited_str,
    format,
    kvlist_str,
    maybe_markdown_quote,
    quote_if_str,
    repr_format,
    str_format,
)
from .formatting import printv as print
from .hierarchical import (
    canonicalize,
    flatten,
    is_partial,
    merge,
    merge_tree,
    transform,
    traverse,
    try_listify_dict_with_int_keys,
)
from .json_conversion import JSONConvertible, JSONValueType, Nestable, from_json, registered_types, to_json
from .missing import MISSING_VALUE, MissingValue
from .thread_local import (
    thread_local_decrement,
    thread_local_del,
    thread_local_get,
    thread_local_has,
    thread_local_increment,
    thread_local_peek,
    thread_local_pop,
    thread_local_push,
    thread_local_set,
    thread_local_value_scope,
)
from .value_location import KeyPath, KeyPathSet, StrKey, message_on_path

ROOT_NAMES: dict[str, Any] = {
    "KeyPath": KeyPath,
    "KeyPathSet": KeyPathSet,
    "MISSING_VALUE": MISSING_VALUE,
    "MissingValue": MissingValue,
    "MaybePartial": MaybePartial,
    "Formattable": Formattable,
    "JSONConvertible": JSONConvertible,
    "registered_types": registered_types,
    "format": format,
    "print": print,
    "str_format": str_format,
    "repr_format": repr_format,
    "catch_errors": catch_errors,
    "explicit_method_override": explicit_method_override,
    "contextual_override": contextual_override,
    "with_contextual_override": with_contextual_override,
    "contextual_value": contextual_value,
}
"""What PyGlove offers at its root."""

__all__ = [
    "MISSING_VALUE",
    "BracketType",
    "CatchErrorsContext",
    "ContextualOverride",
    "Formattable",
    "Functor",
    "JSONConvertible",
    "JSONValueType",
    "KeyPath",
    "KeyPathSet",
    "MaybePartial",
    "MissingValue",
    "Nestable",
    "RawText",
    "StrKey",
    "all_contextual_values",
    "auto_plural",
    "bracket_chars",
    "camel_to_snake",
    "canonicalize",
    "catch_errors",
    "comma_delimited_str",
    "contextual_override",
    "contextual_value",
    "ensure_explicit_method_override",
    "explicit_method_override",
    "flatten",
    "format",
    "from_json",
    "get_contextual_override",
    "is_partial",
    "kvlist_str",
    "maybe_markdown_quote",
    "merge",
    "merge_tree",
    "message_on_path",
    "print",
    "quote_if_str",
    "registered_types",
    "repr_format",
    "str_format",
    "thread_local_decrement",
    "thread_local_del",
    "thread_local_get",
    "thread_local_has",
    "thread_local_increment",
    "thread_local_peek",
    "thread_local_pop",
    "thread_local_push",
    "thread_local_set",
    "thread_local_value_scope",
    "to_json",
    "transform",
    "traverse",
    "try_listify_dict_with_int_keys",
    "with_contextual_override",
]
