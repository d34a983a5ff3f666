"""Plain dicts and lists become symbolic ones, in fields with and without a spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import typing as pg_typing
from ... import values as utils


def candidate_spec(value_spec: Any, kind: type[Any]) -> Any:
    """Returns the spec of a kind that applies in a field with ``value_spec``; None if there is none."""
    if isinstance(value_spec, kind):
        return value_spec
    if isinstance(value_spec, pg_typing.Union):
        found = [c for c in value_spec.candidates if isinstance(c, kind)]
        return found[0] if len(found) == 1 else None
    return None


def symbolic_transform_fn(allow_partial: bool) -> Callable[[Any, Any, Any], Any]:
    """Returns a function of path, field and checked value that makes dicts and lists symbolic.

    Args:
      allow_partial: whether the new values may lack required values.
    """

    def transform(path: Any, field: Any, value: Any) -> Any:
        spec = None if field is None else field.value
        return symbolize_plain(path, spec, value, allow_partial)

    return transform


def symbolize_plain(path: Any, value_spec: Any, value: Any, allow_partial: bool) -> Any:
    """Returns a symbolic value for a dict or list that was checked already; other values unchanged."""
    from ..base import Symbolic

    if isinstance(value, Symbolic):
        return value
    if isinstance(value, dict):
        spec = candidate_spec(value_spec, pg_typing.Dict)
        return Symbolic.DictType._adopt(value, spec, allow_partial, path)
    if isinstance(value, list):
        spec = candidate_spec(value_spec, pg_typing.List)
        return Symbolic.ListType._adopt(value, spec, allow_partial, path)
    return value


def to_symbolic(path: Any, value: Any, allow_partial: bool) -> Any:
    """Returns a symbolic value for a plain dict or list in a field without a spec; other values unchanged."""
    from ..base import Symbolic

    if isinstance(value, Symbolic):
        return value
    if isinstance(value, dict):
        return Symbolic.DictType(value, allow_partial=allow_partial, root_path=path)
    if isinstance(value, list):
        return Symbolic.ListType(value, allow_partial=allow_partial, root_path=path)
    if type(value) is tuple and any(isinstance(v, (dict, list, tuple)) for v in value):
        return tuple(to_symbolic(utils.KeyPath(i, path), v, allow_partial) for i, v in enumerate(value))
    return value
