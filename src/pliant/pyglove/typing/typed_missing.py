"""``MissingValue`` with the value spec of its field."""

from __future__ import annotations

from typing import Any

from pliant.pyglove.values import missing
from pliant.pyglove.values.missing import is_missing

from .value_spec import ValueSpec

MISSING_VALUE = missing.MISSING_VALUE

__all__ = ["MISSING_VALUE", "MissingValue", "is_missing"]


class MissingValue(missing.MissingValue):
    """The value of a field that has none yet, with the spec of what it accepts; equal to ``MISSING_VALUE``.

    Args:
      value_spec: the spec of the field.
    """

    def __init__(self, value_spec: ValueSpec) -> None:
        self._value_spec = value_spec

    @property
    def value_spec(self) -> ValueSpec:
        """The spec of the field."""
        return self._value_spec

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MissingValue):
            return self is other or bool(self._value_spec == other._value_spec)
        return isinstance(other, missing.MissingValue)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(MISSING_VALUE)

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        if compact:
            return "MISSING_VALUE"
        return f"MISSING_VALUE({self._value_spec.format(compact=True, verbose=verbose, root_indent=root_indent + 1)})"

    def __copy__(self) -> MissingValue:
        return self

    def __deepcopy__(self, memo: object) -> MissingValue:
        return MissingValue(self._value_spec)
