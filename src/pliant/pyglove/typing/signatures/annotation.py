"""Specs of arguments that are set by hand: ``Signature.annotate``."""

from __future__ import annotations

from typing import Any

from pliant.values.errors import FieldValueError, PathError, quote

from ..field import Field, create_field
from ..key_specs import KeySpec, NonConstKey
from ..specs.dicts import Dict
from ..specs.sequences import List
from ..typed_missing import MISSING_VALUE, is_missing
from ..value_spec import ValueSpec, show
from .signature import Argument, Kind, Signature


def annotate(target: Signature, args: Any, return_value: Any) -> Signature:
    """Sets specs of arguments, and of what is returned, in place.

    Args:
      target: the signature.
      args: field definitions: a list of tuples, or a dict of name to the rest.
      return_value: the spec of what is returned.

    Raises:
      PathError: an argument that the function does not have, or two definitions of ``**kwargs``.
      FieldValueError: a default that contradicts the function's.
    """
    if isinstance(args, dict):
        args = [(key, *(rest if isinstance(rest, tuple) else (rest,))) for key, rest in args.items()]
    varkw: Field | None = None
    for definition in args or ():
        field = create_field(definition, accept_value_as_annotation=False)
        if _is_varkw(target, field.key):
            if varkw is not None:
                raise PathError(
                    f"{target.id} has multiple StrKey definitions: {show(varkw.key)}, {show(field.key)}. Give one."
                )
            varkw = field
        else:
            _annotate_one(target, field)
    if varkw is not None:
        _annotate_varkw(target, varkw)
    if return_value is not None:
        spec = ValueSpec.from_annotation(return_value, auto_typing=True)
        if spec.has_default:
            raise FieldValueError(
                f"return value spec should not have default value. Encountered {show(spec)}."
            )
        target.return_value = spec
    return target


def _is_varkw(target: Signature, key: KeySpec) -> bool:
    return isinstance(key, NonConstKey) or (target.varkw is not None and target.varkw.name == str(key))


def _annotate_one(target: Signature, field: Field) -> None:
    name = str(field.key)
    found = next((a for a in target.named_args if a.name == name), None)
    if found is not None:
        _merge(target, found, field)
    elif target.varargs is not None and target.varargs.name == name:
        if not isinstance(field.value, List):
            raise FieldValueError(
                f"Variable positional argument {name!r} should have a value of `pg.typing.List` type. "
                f"Encountered {show(field.value)}."
            )
        target.varargs = Argument(name, Kind.VAR_POSITIONAL, field.value, field.description)
    elif target.varkw is not None:
        target.kwonlyargs.append(Argument(name, Kind.KEYWORD_ONLY, field.value, field.description))
    else:
        raise PathError(
            f"{target.id}: found extra symbolic argument {name!r}. It has {', '.join(target.arg_names) or 'none'}."
        )


def _merge(target: Signature, argument: Argument, field: Field) -> None:
    """Gives an argument a spec that keeps the function's default."""
    old, spec = argument.value_spec.default, field.value
    if is_missing(old):
        if spec.has_default and not spec.frozen:
            spec.set_default(MISSING_VALUE)
    elif old is None and not spec.is_noneable and not spec.has_default:
        spec.noneable()
    elif spec.has_default and not isinstance(spec, Dict) and spec.default is not None and spec.default != old:
        raise FieldValueError(
            f"The annotated default value {quote(spec.default)} of {argument.name!r} of {target.id} is not equal to the function's: "
            f"{quote(old)}. Leave it out."
        )
    else:
        spec.set_default(old)
    argument.value_spec = spec
    argument.description = field.description or argument.description


def _annotate_varkw(target: Signature, field: Field) -> None:
    if target.varkw is None:
        raise PathError(
            f"{target.id} does not accept **kwargs, so that {show(field.key)} names nothing. Leave it out."
        )
    values = field.value
    schema = values.schema if isinstance(values, Dict) and not isinstance(field.key, NonConstKey) else None
    spec = Dict(
        schema.dynamic_field.value if schema is not None and schema.dynamic_field is not None else values
    )
    target.varkw = Argument(
        target.varkw.name, Kind.VAR_KEYWORD, spec, field.description or target.varkw.description
    )
