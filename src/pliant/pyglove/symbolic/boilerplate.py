"""``boilerplate_class``: a subclass whose default values are those of an object."""

from __future__ import annotations

import copy
import sys
from typing import Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from .. import values as utils
from .object import Object


def boilerplate_class(
    cls_name: str, value: Any, init_arg_list: list[str] | None = None, **kwargs: Any
) -> Any:
    """Returns a subclass of the class of an object: the fields that the object has are frozen, the others are arguments.

    Args:
      cls_name: the name of the class.
      value: the object, which may lack values.
      init_arg_list: the names of the positional arguments; None for the fields that are not frozen.
      **kwargs: ``serialization_key`` and ``additional_keys`` as for ``members``.

    Raises:
      ValueError: it is not an object of a ``pg.Object`` class.
      TypeError: an argument is unknown.
    """
    if not isinstance(value, Object):
        raise ValueError(
            f"Argument 'value' must be an instance of pg.Object subclass. Encountered {quote(value)}."
        )
    key = kwargs.pop("serialization_key", None)
    more = kwargs.pop("additional_keys", None)
    kwargs.pop("add_to_registry", None)
    if kwargs:
        raise TypeError(
            f"Unsupported keyword arguments: {list(kwargs)!r}. Use serialization_key or additional_keys."
        )
    module = sys._getframe(1).f_globals.get("__name__", "__main__")
    base: Any = type(value)
    held = value.clone(deep=True).sym_init_args  # what has a place in a tree is copied at each use
    fields = [_frozen(field, held) for field in base.__schema__.values()]
    body = {"__module__": module, "__qualname__": cls_name, "auto_schema": False, "auto_register": False}
    cls: Any = type(base)(cls_name, (base,), body)
    schema = pg_typing.create_schema(
        fields, name=f"{module}.{cls_name}", allow_nonconst_keys=True, metadata={}, for_cls=cls
    )
    schema.metadata["init_arg_list"] = init_arg_list
    cls.auto_schema = base.auto_schema
    cls.apply_schema(schema)
    cls.register_for_deserialization(key, more)
    return cls


def _frozen(field: Any, holder: Any) -> Any:
    """Returns a field with the value that an object has for it as its frozen default."""
    spec = copy.copy(field.value)
    if field.key.is_const:
        found = holder.sym_getattr(str(getattr(field.key, "text", field.key)), utils.MISSING_VALUE)
        if not isinstance(found, utils.MissingValue):
            if isinstance(spec, pg_typing.Dict) and spec.schema is not None and isinstance(found, dict):
                spec = pg_typing.Dict([_frozen(f, found) for f in spec.schema.values()]).freeze()
            else:
                spec = spec.set_default(utils.MISSING_VALUE).set_default(found)
                spec = spec.freeze()
    return pg_typing.Field(field.key, spec, field.description, dict(field.metadata))
