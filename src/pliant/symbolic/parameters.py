"""From a function's signature to fields: names, order, defaults, and constraints where they are known."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from pliant import schema as specs
from pliant.schema import Field, Schema
from pliant.values.errors import PliantError, SchemaError, listing, suggest
from pliant.values.missing import MISSING_VALUE

SIMPLE = (int, float, str, bool)


class Binding(NamedTuple):
    """The fields of a signature, and how a call passes them.

    Attributes:
      schema: the fields in order. variadic: the one that takes extra positional arguments.
      keyword_only, positional_only: names that can be passed in one way only.
    """

    schema: Schema
    variadic: str | None
    keyword_only: frozenset[str]
    positional_only: tuple[str, ...]


def schema_of_signature(
    function: Callable[..., Any], own: Schema, *, owner: str, annotated: bool, skip_first: bool = False
) -> Binding:
    """Returns the fields of a function's arguments.

    Args:
      function: the function, or a class's ``__init__``.
      own: constraints that were given for some of the arguments.
      owner: the name for messages.
      annotated: whether annotations become constraints (for the user's own code; those of foreign
        classes often promise less than the code accepts).
      skip_first: whether the first argument is the object itself.

    Raises:
      SchemaError: there is no signature, or ``own`` names an argument that is not in it.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise SchemaError(
            f"{owner} cannot be symbolized: Python does not tell its arguments ({error}). "
            "Wrap it in a function with named arguments and symbolize that."
        ) from error
    if skip_first:
        parameters = parameters[1:]
    scope = {
        **vars(sys.modules.get(getattr(function, "__module__", ""), sys)),
        **getattr(function, "__globals__", {}),
    }
    fields, variadic, keyword_only, positional_only = [], None, set(), []
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
            positional_only.append(p.name)
        default = MISSING_VALUE if p.default is p.empty else p.default
        fields.append(_field(p, given, default, scope, annotated=annotated))
    _refuse_strangers(own, fields, owner)
    return Binding(Schema(fields), variadic, frozenset(keyword_only), tuple(positional_only))


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
            spec = specs.Any()  # an annotation for readers, not a constraint
    return Field(p.name, spec if default is MISSING_VALUE else spec.with_default(default))


def _refuse_strangers(own: Schema, fields: list[Field], owner: str) -> None:
    """Raises SchemaError for a constraint on an argument that is not there."""
    names = [f.key for f in fields]
    if any(not isinstance(n, str) for n in names):
        return
    for key in own:
        if key not in names:
            raise SchemaError(
                f"{owner} has no argument {key!r}{suggest(key, names) or '.'} Its arguments are: {listing(names)}."
            )
