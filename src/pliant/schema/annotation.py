"""Conversion of Python annotations to value specs, and back.

A name in text that does not exist yet becomes a forward reference.
"""

from __future__ import annotations

import builtins
import collections.abc
import types
import typing as t
from collections.abc import Mapping

from pliant.values.errors import SchemaError, quote, quote_typed

from .containers import Dict, List, Tuple
from .field import StrKey
from .numbers import Bool, Float, Int
from .text import Enum, Str
from .types import Callable, ForwardRef, Object, Type
from .union import Union
from .value_spec import Any, ValueSpec, set_annotation_converter

_PLAIN: dict[t.Any, t.Callable[[], ValueSpec]] = {
    bool: Bool,
    int: Int,
    float: Float,
    str: Str,
    list: List,
    tuple: Tuple,
    dict: Dict,
    type: Type,
    t.Any: Any,
    object: Any,
    None: lambda: Enum(values=[None]),
    type(None): lambda: Enum(values=[None]),
    collections.abc.Callable: Callable,
}
# Wrappers that describe the name, not its values.
_TRANSPARENT = (t.Final, t.ClassVar, t.Required, t.NotRequired)


class _Scope(t.NamedTuple):
    """The scope in which names of an annotation are looked up."""

    globals: Mapping[str, t.Any] | None
    owner: str | None


class _Unknown(type):
    """Type of stand-ins for names that do not exist yet; a stand-in has the name that it replaces."""

    scope: _Scope

    def __getattr__(cls, name: str) -> t.Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _unknown(f"{cls.__name__}.{name}", cls.scope)

    def __getitem__(cls, parameters: t.Any) -> t.Any:
        return cls


def _unknown(name: str, scope: _Scope) -> t.Any:
    return _Unknown(name, (), {"scope": scope})


class _Names(dict[str, t.Any]):
    """Namespace for evaluating an annotation; an unknown name gives a stand-in.

    Names of ``typing`` and ``collections.abc`` are known, because they are often imported for type checkers only.
    """

    def __init__(self, scope: _Scope) -> None:
        super().__init__()
        self.scope = scope

    def __missing__(self, name: str) -> t.Any:
        known: Mapping[str, t.Any] = self.scope.globals or {}
        if name in known and name != self.scope.owner:
            return known[name]
        if name != self.scope.owner:
            for module in (builtins, t, collections.abc):
                if hasattr(module, name):
                    return getattr(module, name)
        return _unknown(name, self.scope)


def from_annotation(
    annotation: t.Any, *, globals: Mapping[str, t.Any] | None = None, owner_name: str | None = None
) -> ValueSpec:
    """Returns the spec for an annotation.

    Args:
      annotation: a class, ``list[int]``, ``X | None``, ``Literal[...]``, ``Annotated[X, spec]``, a spec,
        or text with any of these, as ``from __future__ import annotations`` leaves it.
      globals: the module's globals, in which names in text are looked up, now or at first use.
      owner_name: the name of the class that is being declared, which is not in the globals yet.

    Raises:
      SchemaError: not an annotation.

    >>> from_annotation(int | None), from_annotation("list[Layer]")
    (Int(default=None), List(Object('Layer')))
    """
    return _convert(annotation, _Scope(globals, owner_name))


set_annotation_converter(from_annotation)


def _convert(annotation: t.Any, scope: _Scope) -> ValueSpec:
    if isinstance(annotation, ValueSpec):
        return annotation
    if isinstance(annotation, t.ForwardRef):
        known = getattr(annotation, "__extra_names__", None) or {}  # Python 3.14: `int` in `Later[int]`
        return _from_text(annotation.__forward_arg__, scope, known)
    if isinstance(annotation, str):
        return _from_text(annotation, scope, {})
    try:
        plain = _PLAIN.get(annotation)
    except TypeError:  # unhashable: not an annotation, or one that contains a list
        plain = None
    if plain is not None:
        return plain()
    if isinstance(annotation, _Unknown):
        return Object(ForwardRef(annotation.__name__, annotation.scope.globals))
    origin = t.get_origin(annotation)
    args = t.get_args(annotation)
    if origin is not None and origin in _PLAIN and not args and annotation != tuple[()]:
        return _PLAIN[origin]()  # typing.List and others without arguments
    if origin is not None:
        return _from_generic(origin, args, scope)
    return _from_special(annotation, scope)


def _from_text(text: str, scope: _Scope, known: Mapping[str, t.Any]) -> ValueSpec:
    """Returns the spec for an annotation as text, in which ``known`` names mean what they do there only."""
    names = _Names(scope)
    names.update(known)
    try:
        # The text is the program's own annotation, not data; typing.get_type_hints evaluates it as well.
        evaluated = eval(text, {"__builtins__": {}}, names)  # noqa: S307 - see above
    except Exception as error:
        raise SchemaError(
            f"the annotation {text!r} cannot be read: {type(error).__name__}: {error}. "
            "Write a type such as int, list[str], 'Layer' or float | None, or a spec of pg.typing."
        ) from error
    if isinstance(evaluated, str) and evaluated == text:
        raise _no_annotation(text)
    return _convert(evaluated, scope)


def _from_special(annotation: t.Any, scope: _Scope) -> ValueSpec:
    """Returns the spec for an annotation that is neither generic nor a plain type."""
    if annotation is t.Self and scope.owner:
        return Object(ForwardRef(scope.owner, scope.globals))
    if isinstance(annotation, t.TypeVar):
        if annotation.__constraints__:
            return Union([_convert(c, scope) for c in annotation.__constraints__])
        return Any() if annotation.__bound__ is None else _convert(annotation.__bound__, scope)
    if isinstance(annotation, t.NewType):
        return _convert(annotation.__supertype__, scope)
    if type(annotation).__name__ == "TypeAliasType":  # `type X = ...` of Python 3.12
        return _convert(annotation.__value__, scope)
    if isinstance(annotation, type):
        return _from_class(annotation, ())
    if getattr(annotation, "__module__", "") in ("typing", "typing_extensions"):
        return Any()  # Never, LiteralString, ParamSpec...: values cannot be checked
    raise _no_annotation(annotation)


def _from_class(cls: t.Any, args: tuple[ValueSpec, ...]) -> ValueSpec:
    own = vars(cls).get("__value_spec__")  # a class may define its own spec
    if own is not None:
        return t.cast(ValueSpec, cls.__value_spec__(*args))
    if getattr(cls, "_is_protocol", False) and not getattr(cls, "_is_runtime_protocol", False):
        return Any()  # isinstance does not work
    return Dict() if t.is_typeddict(cls) else Object(cls)


def _from_generic(origin: t.Any, args: tuple[t.Any, ...], scope: _Scope) -> ValueSpec:
    if origin is t.Annotated:
        return next((m for m in args[1:] if isinstance(m, ValueSpec)), None) or _convert(args[0], scope)
    if origin in _TRANSPARENT:
        return _convert(args[0], scope)
    if origin is t.Union or origin is types.UnionType:
        return _from_union(args, scope)
    if origin is t.Literal:
        return Enum(values=list(args))
    if origin is collections.abc.Callable:
        return _from_callable(args, scope)
    if origin is list:
        return List(_convert(args[0], scope))
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return Tuple(_convert(args[0], scope))
        return Tuple([_convert(a, scope) for a in args])
    if origin is dict:
        value = _convert(args[1], scope)
        if not isinstance(_convert(args[0], scope), (Str, Any)):
            return Dict()  # fields have text keys
        return Dict() if isinstance(value, Any) else Dict([(StrKey(), value)])
    if origin is type:
        inner = _convert(args[0], scope)
        if isinstance(inner, Object):
            return Type(inner._ref)
        return Type(args[0] if isinstance(args[0], type) and not isinstance(inner, Any) else object)
    if isinstance(origin, type):
        own = "__value_spec__" in vars(origin)
        return _from_class(origin, tuple(_convert(a, scope) for a in args) if own else ())
    if type(origin).__name__ == "TypeAliasType":
        return _convert(origin.__value__, scope)
    raise _no_annotation(origin)


def _from_union(args: tuple[t.Any, ...], scope: _Scope) -> ValueSpec:
    specs = [_convert(a, scope) for a in args if a not in (None, type(None))]
    spec = specs[0] if len(specs) == 1 else Any() if any(isinstance(s, Any) for s in specs) else Union(specs)
    return spec.noneable() if len(specs) < len(args) else spec


def _from_callable(args: tuple[t.Any, ...], scope: _Scope) -> ValueSpec:
    parameters, returns = args[0], args[-1]
    result = None if returns is t.Any else _convert(returns, scope)
    if not isinstance(parameters, list):  # ... or a ParamSpec
        return Callable(returns=result)
    return Callable([_convert(p, scope) for p in parameters], returns=result)


def _no_annotation(given: t.Any) -> SchemaError:
    fix = ""
    if isinstance(given, (bool, int, float, str)):
        fix = f" For a default, write {type(given).__name__.capitalize()}({quote(given, 200)})."
    return SchemaError(
        f"{quote_typed(given)} is neither a spec nor an annotation. "
        f"Write a spec such as pg.typing.Int(min_value=1), or a type such as int, list[str] or float | None.{fix}"
    )


_CLASSES: dict[type[ValueSpec], t.Any] = {Bool: bool, Int: int, Float: float, Str: str, Any: t.Any}


def to_annotation(spec: ValueSpec) -> t.Any:
    """Returns the closest annotation for a spec; limits, sizes and defaults are lost.

    >>> to_annotation(List(Int(min_value=1))), to_annotation(Str().noneable())
    (list[int], str | None)
    """
    given: t.Any = spec
    if not isinstance(given, ValueSpec):
        raise SchemaError(f"to_annotation takes a spec, such as Int(); got {quote_typed(given)}.")
    annotation = _without_none(spec)
    if spec.is_noneable and not isinstance(spec, (Any, Enum)):
        return t.Optional.__getitem__(annotation) if isinstance(annotation, str) else annotation | None
    return annotation


def _without_none(spec: ValueSpec) -> t.Any:
    if type(spec) in _CLASSES:
        return _CLASSES[type(spec)]
    if isinstance(spec, Enum):
        literal = all(isinstance(v, (bool, int, str, bytes, type(None))) for v in spec.values)
        return t.Literal.__getitem__(spec.values) if literal else t.Any
    if isinstance(spec, List):
        return list.__class_getitem__(to_annotation(spec.element))
    if isinstance(spec, Tuple):
        if spec.elements is None:
            return tuple.__class_getitem__((to_annotation(t.cast(ValueSpec, spec.element)), ...))
        return tuple.__class_getitem__(tuple(map(to_annotation, spec.elements)))
    if isinstance(spec, Dict):
        only = spec.schema.get(StrKey()) if spec.schema is not None and len(spec.schema) == 1 else None
        value = t.Any if only is None else to_annotation(only.value_spec)
        return dict.__class_getitem__((str, value)) if spec.schema else dict
    if isinstance(spec, (Object, Type)):
        cls = spec.cls.name if isinstance(spec.cls, ForwardRef) else spec.cls
        return cls if isinstance(spec, Object) else type[cls]
    if isinstance(spec, Callable):
        args = ... if spec.args is None else [to_annotation(a) for a in spec.args]
        returns = t.Any if spec.returns is None else to_annotation(spec.returns)
        return t.cast(t.Any, t.Callable).__getitem__((args, returns))
    return t.cast(t.Any, t.Union)[tuple(to_annotation(c) for c in t.cast(Union, spec).candidates)]
