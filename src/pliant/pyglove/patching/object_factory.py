"""``ObjectFactory``: builds an object from a base value, patches and new values by path."""

from __future__ import annotations

import json
from typing import Any

from pliant.values.errors import quote

from .. import values as utils
from ..symbolic.base import from_json_str, load
from ..symbolic.functor import functor
from .rule_based import patch


def from_maybe_serialized(source: Any, value_type: Any = None) -> Any:
    """Returns a value that may be given as JSON text or as the path of a file with it.

    Args:
      source: the value, JSON text, or a path.
      value_type: its type; None for any.

    Raises:
      TypeError: the value has another type.
    """
    value = source
    if isinstance(source, str):
        value = load(source) if not _is_json(source) else from_json_str(source)
    if value_type is not None and not isinstance(value, value_type):
        raise TypeError(f"Loaded value {value!r} is not an instance of {quote(value_type)}.")
    return value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _build(value_type: Any, base_value: Any, patches: Any = None, params_override: Any = None) -> Any:
    """Builds an object.

    Args:
      value_type: the type of the object.
      base_value: the object, a function that returns it, or the path of a JSON file with it.
      patches: as ``rule`` of ``patch``.
      params_override: new values by path, flat or nested, or JSON text of them.
    """
    value = base_value
    if not isinstance(value, value_type):
        if callable(value):
            value = value()
        elif isinstance(value, str):
            value = load(value)
    if not isinstance(value, value_type):
        raise TypeError(
            f"{quote(base_value)} is neither an instance of {quote(value_type)}, nor a factory or a path of JSON file that produces an "
            f"instance of {quote(value_type)}."
        )
    if patches is not None:
        value = patch(value, patches if not isinstance(patches, list) else list(patches))
    if params_override is not None:
        changes = utils.flatten(from_maybe_serialized(params_override, dict))
        value = value.sym_rebind(changes, raise_on_no_change=False)
    return value


_build.__name__ = _build.__qualname__ = "ObjectFactory"
ObjectFactory: Any = functor()(_build)
