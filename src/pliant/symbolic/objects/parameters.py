"""Fields from the signature of a function: names, order, defaults, and constraints if they are known."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from pliant import schema as specs
from pliant.schema import Field, Schema
from pliant.values.errors import PliantError, SchemaError, listing, quote_typed, suggest
from pliant.values.missing import MISSING_VALUE
from pliant.values.signature import read_signature

SIMPLE = (int, float, str, bool)


class Binding(NamedTuple):
    """The fields of a signature, and how a call passes them.

    Attributes:
      schema: the fields in order.
      variadic: the field of extra positional arguments.
      keyword_only, positional_only: names that can be passed in one way only.  A positional-only ``a`` beside
        ``**fields`` is the field ``a_``, because ``a`` may be a key of these.
    """

    schema: Schema
    variadic: str | None
    keyword_only: frozenset[str]
    positional_only: tuple[str, ...]


def schema_of_signature(
    function: Callable[..., Any], own: Schema, *, owner: str, annotated: bool, method_of: object = None
) -> Binding:
    """Returns the fields of a function's arguments.

    Args:
      function: the function, or a class's ``__init__``.
      own: constraints for some of the arguments.
      owner: the name for messages.
      annotated: whether annotations become constraints (for the user's own code; the code of other packages
        often accepts more than its annotations say).
      method_of: the class, if the function is its ``__init__``, whose first argument is the object.

    Raises:
      SchemaError: Python has no signature of it, or ``own`` names an argument that it lacks.
    """
    try:
        parameters = list(read_signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        given: Any = function
        why = error if callable(given) else f"{quote_typed(given)} is not a function"
        raise SchemaError(
            f"{owner} cannot be symbolized: Python has no signature of it ({why}). "
            "Wrap it in a function with named arguments and symbolize that."
        ) from error
    if method_of is not None:
        parameters = parameters[1:]
    scope = {
        **vars(sys.modules.get(getattr(function, "__module__", None) or "", sys)),
        **getattr(function, "__globals__", {}),
    }
    fields, variadic, keyword_only, positional_only = [], None, set(), []
    names = [p.name for p in parameters]
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for p in parameters:
        given = own.get(p.name)
        if p.kind is p.VAR_KEYWORD:
            wild = next((f for f in own.values() if not isinstance(f.key, str)), None)
            fields.append(wild or Field(specs.StrKey(), specs.Any()))
            continue
        if p.kind is p.VAR_POSITIONAL:
            variadic = p.name
            spec = given.value_spec if given is not None else specs.List(specs.Any())
            fields.append(Field(p.name, spec.with_default([])))
            continue
        if p.kind is p.KEYWORD_ONLY:
            keyword_only.add(p.name)
        if p.kind is p.POSITIONAL_ONLY:
            while is_open and p.name in names:  # a keyword of this name is another argument
                p = p.replace(name=p.name + "_")
            names.append(p.name)
            positional_only.append(p.name)
        fields.append(_field(p, given, _default_of(p, method_of), scope, annotated=annotated))
    _refuse_strangers(own, fields, owner)
    return Binding(Schema(fields), variadic, frozenset(keyword_only), tuple(positional_only))


def _default_of(p: Any, made_by: Any) -> Any:
    """Returns the default of a parameter; for a default factory of a dataclass, a new value."""
    if p.default is p.empty:
        return MISSING_VALUE
    if type(p.default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":  # stands for a factory in dataclasses
        return declared_default(made_by.__dataclass_fields__[p.name])
    if type(p.default).__module__ == "attr._make":  # stands for a factory in attrs
        factory = next(a.default for a in made_by.__attrs_attrs__ if p.name in (a.alias, a.name))
        return p.default if factory.takes_self else factory.factory()
    return p.default


def declared_default(default: object) -> Any:
    """Returns the default in a class body: the value itself, or the default of a ``dataclasses.field``."""
    if not isinstance(default, dataclasses.Field):
        return default
    if default.default_factory is not dataclasses.MISSING:
        return default.default_factory()
    return MISSING_VALUE if default.default is dataclasses.MISSING else default.default


class FieldSignature:
    """``__signature__`` of symbolic classes, for ``help`` and ``inspect.signature``; computed at each use.

    Of a functor object it has the arguments that a call may pass.
    """

    __slots__ = ()

    def __get__(self, node: object, cls: Any) -> inspect.Signature:
        function = getattr(cls, "_sym_function", None)
        if function is not None:
            found = read_signature(function)
            return found if node is None else _open_arguments(node, found)
        if node is not None:
            raise AttributeError("__signature__")  # `inspect` then uses that of `__call__`
        init = getattr(cls, "_sym_maker", cls.__init__)
        if not getattr(init, "_sym_made", False):
            parameters = list(read_signature(init).parameters.values())
            return inspect.Signature(parameters[1:]) if init is not object.__init__ else inspect.Signature()
        return inspect.Signature(_field_parameters(cls))


def _open_arguments(functor: Any, found: inspect.Signature) -> inspect.Signature:
    """Returns the signature of a call of a functor object: bound arguments have defaults and are keyword-only."""
    bound = dict(zip(functor._sym_keys(), functor._sym_values()))
    parameters = []
    by_name = False
    renamed = dict(zip(found.parameters, functor._sym_positional_only))
    for p in found.parameters.values():
        name = renamed.get(p.name, p.name)
        if name in functor._sym_given:
            by_name = True
            p = p.replace(default=bound[name]) if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) else p
        if by_name and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            p = p.replace(kind=p.KEYWORD_ONLY)
        if not (by_name and p.kind is p.VAR_POSITIONAL):
            parameters.append(p)
    return found.replace(parameters=parameters)


def _field_parameters(cls: Any) -> list[inspect.Parameter]:
    """Returns the parameters of a generated constructor, as a person would write them."""
    made = []
    optional = False
    order = {name: i for i, name in enumerate(cls._sym_places)}
    for field in sorted(cls.__schema__.values(), key=lambda f: order.get(f.key, len(order))):
        default = field.value_spec.default
        if not isinstance(field.key, str):
            made.append(inspect.Parameter("fields", inspect.Parameter.VAR_KEYWORD))
            continue
        by_name = field.key in cls._sym_keyword_only
        optional = optional or (default is not MISSING_VALUE and not by_name)
        kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if by_name or (optional and default is MISSING_VALUE):  # a required one after an optional one
            kind = inspect.Parameter.KEYWORD_ONLY
        default = inspect.Parameter.empty if default is MISSING_VALUE else default
        annotation = specs.to_annotation(field.value_spec)
        made.append(inspect.Parameter(field.key, kind, default=default, annotation=annotation))
    return sorted(made, key=lambda p: p.kind)


def _field(p: Any, given: Field | None, default: Any, scope: dict[str, Any], *, annotated: bool) -> Field:
    """Returns the field of one parameter."""
    if given is not None:
        spec = given.value_spec
        if default is not MISSING_VALUE and spec.default is MISSING_VALUE:
            spec = spec.with_default(default)
        return Field(p.name, spec, given.description)
    spec = specs.Any()
    if annotated and p.annotation is not p.empty:
        try:
            spec = specs.from_annotation(p.annotation, globals=scope, owner_name=p.name)
            if default is not MISSING_VALUE:
                return Field(p.name, spec.with_default(default))
        except PliantError:
            spec = specs.Any()  # the annotation is not a constraint
    return Field(p.name, spec if default is MISSING_VALUE else spec.with_default(default))


def _refuse_strangers(own: Schema, fields: list[Field], owner: str) -> None:
    """Raises SchemaError for a constraint on an unknown argument."""
    names = [f.key for f in fields]
    if any(not isinstance(n, str) for n in names):
        return
    for key in own:
        if key not in names:
            raise SchemaError(
                f"{owner} has no argument {key!r}{suggest(key, names) or '.'} Its arguments are: {listing(names)}."
            )
