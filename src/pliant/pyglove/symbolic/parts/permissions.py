"""Which changes a symbolic value allows: its own switches, and those of the ``with`` block around."""

from __future__ import annotations

from typing import Any

from .. import flags


def accepts_partial(value: Any) -> bool:
    """Returns whether a value may lack required fields."""
    scope = flags.is_under_partial_scope()
    return bool(value.allow_partial if scope is None else scope)


def writtable_via_accessors(value: Any) -> bool:
    """Returns whether the items of a value may be assigned."""
    scope = flags.is_under_accessor_writable_scope()
    return bool(value.accessor_writable if scope is None else scope)


def treats_as_sealed(value: Any) -> bool:
    """Returns whether a value is read-only."""
    scope = flags.is_under_sealed_scope()
    return bool(value.is_sealed if scope is None else scope)
