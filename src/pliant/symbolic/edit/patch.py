"""Patches: replace all values of a tree that match by key, path, type, value, or member of a class.

Each is one ``rebind`` by function.  A patch that matches nothing has no effect; the root is never replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, TypeVar, Unpack

from pliant.values.errors import FieldTypeError
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path

from ..read.compare import equal
from ..read.query import check_class, compile_pattern
from .rebind import rebind

Value = TypeVar("Value")


class PatchOptions(TypedDict, total=False):
    """The options of all patches; see ``patch_on_key``."""

    value_fn: Callable[[Any], Any] | None
    skip_notification: bool | None


def patch_on_key(
    src: Value, regex: str, value: object = MISSING_VALUE, **options: Unpack[PatchOptions]
) -> Value:
    """Replaces every value whose key matches ``regex`` from its start; returns ``src``.

    Args:
      src: a node; it is changed.
      regex: as for ``re.match``.
      value: the new value.
      **options: ``value_fn`` returns the new value for an old one (pass this or ``value``);
        ``skip_notification=True`` skips ``on_change`` hooks.

    Raises:
      FieldTypeError: neither ``value`` nor ``value_fn`` is given, or both.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> patch_on_key(Dict(a=1, b=Dict(a=2)), "a$", value_fn=lambda v: v + 10)
    {a=11, b={a=12}}
    """
    match = compile_pattern(regex).match
    fits = lambda k, v, p: isinstance(k.key, str) and match(k.key)  # noqa: E731  # one of five of this form
    return _patch(src, fits, value, **options)


def patch_on_path(
    src: Value, regex: str, value: object = MISSING_VALUE, **options: Unpack[PatchOptions]
) -> Value:
    """Replaces every value whose path matches ``regex`` from its start; arguments as for ``patch_on_key``.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> patch_on_path(Dict(a=1, b=Dict(a=2)), "b[.]a", 5)
    {a=1, b={a=5}}
    """
    match = compile_pattern(regex).match
    return _patch(src, lambda k, v, p: match(str(k)), value, **options)


def patch_on_value(
    src: Value, old_value: object, value: object = MISSING_VALUE, **options: Unpack[PatchOptions]
) -> Value:
    """Replaces every value that equals ``old_value``; arguments as for ``patch_on_key``.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> patch_on_value(Dict(a=1, b=Dict(a=2, c=1)), 1, 5)
    {a=5, b={a=2, c=5}}
    """
    return _patch(src, lambda k, v, p: equal(v, old_value), value, **options)


def patch_on_type(
    src: Value,
    value_type: type | tuple[type, ...],
    value: object = MISSING_VALUE,
    **options: Unpack[PatchOptions],
) -> Value:
    """Replaces every value of a type; arguments as for ``patch_on_key``.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> patch_on_type(Dict(a=1, b="x"), str, value_fn=str.upper)
    {a=1, b='X'}
    """
    check_class(value_type, "patch_on_type")
    return _patch(src, lambda k, v, p: isinstance(v, value_type), value, **options)


def patch_on_member(
    src: Value,
    cls: type | tuple[type, ...],
    name: str,
    value: object = MISSING_VALUE,
    **options: Unpack[PatchOptions],
) -> Value:
    """Replaces the field ``name`` of every object of class ``cls``; arguments as for ``patch_on_key``.

    >>> from pliant.symbolic.objects.object import Object
    >>> class Conv(Object):
    ...     filters: int
    >>> patch_on_member(Conv(8), Conv, "filters", 16)
    Conv(filters=16)
    """
    fits = lambda k, v, p: isinstance(p, cls) and k.key == name  # noqa: E731  # one of five of this form
    return _patch(src, fits, value, **options)


def _patch(
    src: Value,
    fits: Callable[[Path, Any, Any], Any],
    value: object,
    *,
    value_fn: Callable[[Any], Any] | None = None,
    skip_notification: bool | None = None,
) -> Value:
    """Replaces the matching values below the root."""
    if (value is MISSING_VALUE) is (value_fn is None):
        given = "neither was" if value_fn is None else "both were"
        raise FieldTypeError(
            f"a patch needs a new value (`value=`) or a function of the old one (`value_fn=`); {given} given."
        )

    def replace(k: Path, v: object, p: object) -> Any:
        if not k or not fits(k, v, p):
            return v
        return value if value_fn is None else value_fn(v)

    return rebind(src, replace, raise_on_no_change=False, skip_notification=bool(skip_notification))
