"""Symbolic objects, containers and functors with PyGlove's names."""

from __future__ import annotations

from typing import Any

from .base import (
    DescendantQueryOption,
    FieldUpdate,
    Inferential,
    Symbolic,
    TraverseAction,
    WritePermissionError,
    clone,
    contains,
    default_load_handler,
    default_save_handler,
    eq,
    from_json,
    from_json_str,
    gt,
    is_abstract,
    is_deterministic,
    is_pure_symbolic,
    load,
    lt,
    ne,
    open_jsonl,
    query,
    save,
    to_json,
    to_json_str,
    traverse,
)
from .base import sym_hash as hash  # PyGlove's name
from .boilerplate import boilerplate_class
from .class_wrapper import ClassWrapper, apply_wrappers, wrap, wrap_module
from .compounding import compound, compound_class
from .contextual_object import ContextualAttribute, ContextualObject, contextual_attribute
from .dict import Dict
from .diff import Diff, diff
from .error_info import ErrorInfo
from .flags import (
    allow_empty_field_description,
    allow_partial,
    allow_repeated_class_registration,
    allow_writable_accessors,
    as_sealed,
    auto_call_functors,
    enable_type_check,
    get_load_handler,
    get_origin_stacktrace_limit,
    get_save_handler,
    is_change_notification_enabled,
    is_empty_field_description_allowed,
    is_repeated_class_registration_allowed,
    is_tracking_origin,
    is_type_check_enabled,
    is_under_accessor_writable_scope,
    is_under_partial_scope,
    is_under_sealed_scope,
    notify_on_change,
    set_load_handler,
    set_origin_stacktrace_limit,
    set_save_handler,
    should_call_functors_during_init,
    track_origin,
)
from .functor import Functor, as_functor, functor, functor_class
from .inferred import InferredValue, ValueFromParentChain
from .list import Insertion, List, mark_as_insertion
from .object import Object, ObjectMeta, members, use_init_args
from .origin import Origin
from .pure_symbolic import NonDeterministic, PureSymbolic
from .ref import Ref, deref, maybe_ref
from .symbolize import symbolize

__all__ = [
    "ClassWrapper",
    "ContextualAttribute",
    "ContextualObject",
    "DescendantQueryOption",
    "Dict",
    "Diff",
    "ErrorInfo",
    "FieldUpdate",
    "Functor",
    "Inferential",
    "InferredValue",
    "Insertion",
    "List",
    "NonDeterministic",
    "Object",
    "ObjectMeta",
    "Origin",
    "PureSymbolic",
    "Ref",
    "Symbolic",
    "TraverseAction",
    "ValueFromParentChain",
    "WritePermissionError",
    "allow_empty_field_description",
    "allow_partial",
    "allow_repeated_class_registration",
    "allow_writable_accessors",
    "apply_wrappers",
    "as_functor",
    "as_sealed",
    "auto_call_functors",
    "boilerplate_class",
    "clone",
    "compound",
    "compound_class",
    "contains",
    "contextual_attribute",
    "default_load_handler",
    "default_save_handler",
    "deref",
    "diff",
    "enable_type_check",
    "eq",
    "from_json",
    "from_json_str",
    "functor",
    "functor_class",
    "get_load_handler",
    "get_origin_stacktrace_limit",
    "get_save_handler",
    "gt",
    "hash",
    "is_abstract",
    "is_change_notification_enabled",
    "is_deterministic",
    "is_empty_field_description_allowed",
    "is_pure_symbolic",
    "is_repeated_class_registration_allowed",
    "is_tracking_origin",
    "is_type_check_enabled",
    "is_under_accessor_writable_scope",
    "is_under_partial_scope",
    "is_under_sealed_scope",
    "load",
    "lt",
    "mark_as_insertion",
    "maybe_ref",
    "members",
    "ne",
    "notify_on_change",
    "open_jsonl",
    "query",
    "save",
    "set_load_handler",
    "set_origin_stacktrace_limit",
    "set_save_handler",
    "should_call_functors_during_init",
    "symbolize",
    "to_json",
    "to_json_str",
    "track_origin",
    "traverse",
    "use_init_args",
    "wrap",
    "wrap_module",
]

_ROOT = """
    allow_empty_field_description allow_repeated_class_registration set_origin_stacktrace_limit allow_partial allow_writable_accessors auto_call_functors notify_on_change enable_type_check
    track_origin as_sealed Symbolic PureSymbolic Dict List Object ClassWrapper
    Functor InferredValue Ref maybe_ref ErrorInfo members use_init_args symbolize
    functor functor_class wrap wrap_module compound compound_class boilerplate_class ContextualObject
    contextual_attribute apply_wrappers eq ne lt gt hash clone
    TraverseAction traverse query contains is_abstract is_pure_symbolic is_deterministic Diff
    diff from_json from_json_str to_json to_json_str save load open_jsonl
    get_load_handler set_load_handler get_save_handler set_save_handler Origin FieldUpdate Insertion WritePermissionError
""".split()

ROOT_NAMES: dict[str, Any] = {
    "Inferentiable": Inferential,
    "dict": Dict,
    "list": List,
    **{name: globals()[name] for name in _ROOT},
}
