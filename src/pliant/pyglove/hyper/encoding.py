"""``match``: walks a template and a value together, and compares them where nothing is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pliant.values.errors import FieldValueError, quote

from .. import symbolic
from ..values.missing import MISSING_VALUE
from ..values.value_location import KeyPath

Visit = Callable[[KeyPath, Any, Any], bool]


def match(template: Any, value: Any, path: KeyPath, visit: Visit) -> None:
    """Compares a value with a template.

    Args:
      template: a value with hyper primitives.
      value: the value to encode.
      path: where both are.
      visit: called with path, template and value of each node; returns whether it compared the node itself.

    Raises:
      FieldValueError: they differ.
    """
    if value is MISSING_VALUE and template is not MISSING_VALUE:
        raise FieldValueError(f"Value is missing from input. Path='{path}'.")
    if visit(path, template, value):
        return
    if isinstance(template, symbolic.Dict):
        if not isinstance(value, dict):
            raise _differ("dict", " value", path, template, value)
        _match_items(template, value, path, visit)
    elif isinstance(template, symbolic.List):
        if not isinstance(value, list) or len(value) != len(template):
            raise _differ("list", " value", path, template, value)
        for i, (ours, theirs) in enumerate(zip(_items(template), _items(value), strict=True)):
            match(ours[1], theirs[1], KeyPath(i, path), visit)
    elif isinstance(template, symbolic.Symbolic) and list(template.sym_keys()):
        if type(value) is not type(template):
            raise FieldValueError(
                f"Unmatched Object type between template and input: (Path='{path}', Template={quote(template)}, Input={quote(value)})"
            )
        if set(template.sym_keys()) != set(value.sym_keys()):
            raise FieldValueError(
                f"Unmatched Object keys between template value and input value. (Path='{path}', "
                f"Template keys={quote(list(template.sym_keys()))}, Input keys={quote(list(value.sym_keys()))})"
            )
        _match_items(template, value, path, visit)
    elif not symbolic.eq(template, value):
        raise _differ("value", "", path, template, value)


def _match_items(template: Any, value: Any, path: KeyPath, visit: Visit) -> None:
    ours, theirs = dict(_items(template)), dict(_items(value))
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        match(ours.get(key, MISSING_VALUE), theirs.get(key, MISSING_VALUE), KeyPath(key, path), visit)


def _items(value: Any) -> list[tuple[Any, Any]]:
    """Returns the keys and values of a container; what stands for a value as such."""
    if isinstance(value, symbolic.Symbolic):
        return list(value.sym_items())
    return list(value.items() if isinstance(value, dict) else enumerate(value))


def _differ(what: str, suffix: str, path: KeyPath, template: Any, value: Any) -> FieldValueError:
    between = f"template{suffix} and input{suffix}"
    return FieldValueError(
        f"Unmatched {what} between {between}. (Path='{path}', Template={quote(template)}, Input={quote(value)})"
    )
