"""Value specs and fields from type annotations and from default values."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from typing import Any, Final

from pliant.values.errors import FieldTypeError, quote

from .annotated import Annotated
from .annotation_text import annotation_from_str
from .field import Field
from .forward_ref import ForwardRef
from .inspect import is_generic
from .key_specs import KeySpec
from .specs import callables, classes, dicts, primitives, sequences, unions
from .typed_missing import MISSING_VALUE
from .value_spec import ValueSpec

_UnionType = types.UnionType
_PRIMITIVE: Final[dict[Any, Any]] = {
    bool: primitives.Bool, int: primitives.Int, float: primitives.Float, str: primitives.Str,
}  # fmt: skip

__all__ = ["annotation_from_str"]


def _from_annotation(
    annotation: Any,
    auto_typing: bool = False,
    accept_value_as_annotation: bool = False,
    parent_module: types.ModuleType | None = None,
) -> ValueSpec:
    """Returns the value spec for a type annotation, or for a default value.

    Args:
      annotation: the annotation.
      auto_typing: check values against it; otherwise all are accepted.
      accept_value_as_annotation: accept a default value as well.
      parent_module: the module in which names are looked up; by default that of the caller.

    Raises:
      FieldTypeError: it is neither.
    """
    if isinstance(annotation, ValueSpec):
        return annotation
    if annotation is inspect.Parameter.empty:
        return unions.Any()
    if accept_value_as_annotation:
        spec = _from_default(annotation)
        if spec is not None:
            return spec
    elif annotation is None:
        return classes.Object(type(None))
    if not auto_typing:
        return unions.Any(annotation=annotation)
    return _from_type(annotation, parent_module)


def _from_default(value: Any, *, set_default: bool = True) -> ValueSpec | None:
    """Returns the value spec that a default stands for; None if it is an annotation rather than a value."""
    if value is None:
        return unions.Any().noneable()  # type: ignore[no-any-return]  # returns itself
    made: Any = None
    if type(value) in _PRIMITIVE:
        made = _PRIMITIVE[type(value)]()
    elif isinstance(value, list):
        element = _from_default(value[0], set_default=False) if value else unions.Any()
        made = sequences.List(element or unions.Any())
    elif isinstance(value, dict):
        made = dicts.Dict()
    elif isinstance(value, tuple):
        items = [_from_default(v, set_default=False) or unions.Any() for v in value]
        made = sequences.Tuple(items) if items else sequences.Tuple(unions.Any())
    elif inspect.isfunction(value) or inspect.ismethod(value):
        made = callables.Callable()
    elif not _is_annotation(value):
        made = classes.Object(type(value))
    if made is not None and set_default:
        made.set_default(value)
    return typing.cast("ValueSpec | None", made)


def _is_annotation(value: Any) -> bool:
    return (
        isinstance(value, (type, _UnionType, typing.TypeVar, typing.ForwardRef, ForwardRef))
        or type(value).__module__ in ("typing", "types")
        or is_generic(value)
    )


def _from_type(annotation: Any, module: types.ModuleType | None) -> ValueSpec:
    """Returns the value spec that checks a type annotation.

    Raises:
      FieldTypeError: it is not a type annotation that can be checked.
    """
    if isinstance(annotation, str):
        annotation = annotation_from_str(annotation, module or classes.calling_module())
    if isinstance(annotation, typing.ForwardRef):
        where = annotation.__forward_module__ or module or classes.calling_module()
        if isinstance(where, str) or not hasattr(where, "__name__"):
            where = classes.calling_module()
        return classes.Object(ForwardRef(where, annotation.__forward_arg__))
    if annotation is None:
        return classes.Object(type(None))
    if annotation is Any or annotation is unions.Any:
        return unions.Any(annotation=annotation)
    if isinstance(annotation, type) and annotation in _PRIMITIVE:
        made: ValueSpec = _PRIMITIVE[annotation]()
        return made
    origin = typing.get_origin(annotation) or annotation
    args = typing.get_args(annotation)
    if origin is typing.Union or origin is _UnionType:
        return _from_union(args, module)
    if origin is typing.Literal:
        return primitives.Enum(MISSING_VALUE, list(args))
    if origin is typing.Final:
        spec: Any = _from_type(args[0], module)
        spec._frozen = True  # with the default that is set later
        return typing.cast(ValueSpec, spec)
    return _from_class(annotation, origin, args, module)


def _from_class(
    annotation: Any, origin: Any, args: tuple[Any, ...], module: types.ModuleType | None
) -> ValueSpec:
    def inner(arg: Any) -> ValueSpec:
        return _from_type(arg, module)

    if origin is list:
        return sequences.List(inner(args[0]) if args else unions.Any())
    if origin is tuple:
        return _from_tuple(args, inner)
    if origin is collections.abc.Sequence:
        item = args[0] if args else Any
        return unions.Union([sequences.List(inner(item)), sequences.Tuple(inner(item))])
    if origin is dict or origin is collections.abc.Mapping:
        if not args:
            return dicts.Dict()
        if args[0] is not str:
            raise FieldTypeError(
                f"Dict type field with non-string key is not supported. Encountered {quote(annotation)}. Use a str key, or dict."
            )
        return dicts.Dict(inner(args[1]))
    if origin is collections.abc.Callable:
        if not args:
            return callables.Callable()
        given, returns = args[0], args[-1]
        return callables.Callable([] if given is ... else [inner(a) for a in given], returns=inner(returns))
    if origin is type:
        return classes.Type(args[0] if args else Any)
    if isinstance(annotation, (type, ForwardRef)) or (is_generic(annotation) and isinstance(origin, type)):
        return classes.Object(annotation)
    raise FieldTypeError(
        f"Cannot convert {quote(annotation)} to `pg.typing.ValueSpec` with auto typing. Give a type."
    )


def _from_tuple(args: tuple[Any, ...], inner: Any) -> ValueSpec:
    if not args:
        return sequences.Tuple(unions.Any())
    if ... in args:
        if len(args) != 2 or args[1] is not ...:
            raise FieldTypeError(
                f"Tuple with ellipsis should have exact 2 type arguments: tuple[int, ...]. Encountered {quote(args)}."
            )
        return sequences.Tuple(inner(args[0]))
    return sequences.Tuple([inner(a) for a in args])


def _from_union(args: tuple[Any, ...], module: types.ModuleType | None) -> ValueSpec:
    kinds = [_from_type(a, module) for a in args if a is not type(None)]
    spec: ValueSpec = unions.Union(kinds) if len(kinds) > 1 else kinds[0]
    if len(kinds) < len(args):
        spec.noneable(use_none_as_default=False)
    return spec


def _field_from_annotation(
    key: str | KeySpec,
    annotation: Any,
    description: str | None = None,
    metadata: dict[str, Any] | None = None,
    auto_typing: bool = True,
    parent_module: types.ModuleType | None = None,
) -> Field:
    """Returns the field of an annotated name; ``Annotated`` gives its description and data of the user's.

    Args:
      key: the name.
      annotation: the annotation.
      description: the description.
      metadata: data of the user's.
      auto_typing: check values against the annotation.
      parent_module: the module in which names are looked up.
    """
    if isinstance(annotation, str) and auto_typing:
        annotation = annotation_from_str(annotation, parent_module or classes.calling_module())
    if isinstance(annotation, Annotated):
        return Field(
            key, annotation.value_spec, annotation.docstring or description, annotation.metadata or metadata
        )
    if typing.get_origin(annotation) is typing.Annotated:
        annotation, *extras = typing.get_args(annotation)
        description = next((e for e in extras if isinstance(e, str)), description)
        metadata = next((e for e in extras if isinstance(e, dict)), metadata)
    return Field(key, _from_annotation(annotation, auto_typing, False, parent_module), description, metadata)


ValueSpec.from_annotation = staticmethod(_from_annotation)
Field.from_annotation = staticmethod(_field_from_annotation)
