"""``bind_arguments``: the fields that a call of a symbolic class gives, or a TypeError that says what is wrong."""

from __future__ import annotations

from typing import Any

from ... import values as utils
from .meta import key_text
from .permissions import accepts_partial


def bind_arguments(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of fields by name.

    Args:
      self: the new object.
      args: the positional arguments.
      kwargs: the others.

    Raises:
      TypeError: there are too many, or an unknown, repeated or missing one.
    """
    cls = type(self)
    schema = cls.__schema__
    name = f"{cls.__name__}.__init__()"
    fields = _bind_positional(cls, name, args)
    unknown = [key for key in kwargs if schema.get_field(key) is None]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise TypeError(f"{name} got unexpected keyword argument{plural}: {', '.join(map(repr, unknown))}")
    for key, value in kwargs.items():
        if key in fields:
            raise TypeError(f"{name} got multiple values for argument {key!r}.")
        fields[key] = value
    if not accepts_partial(self):
        missing = [
            key_text(key)
            for key, field in schema.items()
            if key.is_const
            and isinstance(fields.get(key_text(key), utils.MISSING_VALUE), utils.MissingValue)
            and isinstance(field.default_value, utils.MissingValue)
        ]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise TypeError(
                f"{name} missing {len(missing)} required argument{plural}: {', '.join(map(repr, missing))}"
            )
    return fields


def _bind_positional(cls: Any, name: str, args: tuple[Any, ...]) -> dict[str, Any]:
    """Returns the fields of the positional arguments."""
    names = cls.init_arg_list
    if not args and not (names and names[-1].startswith("*")):
        return {}
    rest = None
    if names and names[-1].startswith("*"):
        names, rest = names[:-1], names[-1][1:]
    if len(args) > len(names) and rest is None:
        if not cls.__schema__.fields:
            raise TypeError(f"{name} takes no arguments.")
        were = "was" if len(args) == 1 else "were"
        plural = "" if len(names) == 1 else "s"
        raise TypeError(
            f"{name} takes {len(names)} positional argument{plural} but {len(args)} {were} given."
        )
    fields = dict(zip(names, args))
    if rest is not None and len(args) > len(names):
        fields[rest] = list(args[len(names) :])
    return fields
