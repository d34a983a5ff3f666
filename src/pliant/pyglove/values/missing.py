"""``MISSING_VALUE``: marks a field without a value."""

from __future__ import annotations

from typing import Any

from .formatting import Formattable
from .json_conversion import JSONConvertible


class MissingValue(Formattable, JSONConvertible):
    """The value of a field that has none yet; equal to all missing values, those with a value spec as well.

    >>> MissingValue() == MISSING_VALUE, MISSING_VALUE
    (True, MISSING_VALUE)
    """

    def format(self, *args: Any, **kwargs: Any) -> str:
        return "MISSING_VALUE"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MissingValue)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(MissingValue.__qualname__)

    def to_json(self, **kwargs: Any) -> Any:
        return self.to_json_dict({}, **kwargs)


MISSING_VALUE = MissingValue()


def is_missing(value: object) -> bool:
    """Returns whether a value is missing; unlike ``==``, it never asks the value.

    >>> is_missing(MISSING_VALUE), is_missing(None)
    (True, False)
    """
    return isinstance(value, MissingValue)
