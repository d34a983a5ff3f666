"""Checks of the options of policies and rules.  No defaults: each class says its own."""

from __future__ import annotations

from math import inf
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError


def check_whole(value: Any, name: str, owner: Any, *, lowest: int = 1, highest: int | None = None) -> int:
    """Returns ``value`` when it is a whole number from ``lowest`` to ``highest``; ``owner`` is whose option it is.

    Raises:
      FieldTypeError, FieldValueError: it is not.
    """
    span = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
    where = f"{type(owner).__name__}({name}=...) takes a whole number {span}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldTypeError(f"{where}; got {value!r:.80} of type {type(value).__name__}.")
    if value < lowest or (highest is not None and value > highest):
        raise FieldValueError(f"{where}; got {value}.")
    return value


def check_number(
    value: Any, name: str, owner: Any, *, above: float | None = None, below: float = inf
) -> float:
    """Returns ``value`` when it is a number in [0, below), or in (above, below).

    Raises:
      FieldTypeError, FieldValueError: it is not.
    """
    where = f"{type(owner).__name__}({name}=...)"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldTypeError(f"{where} takes a number; got {value!r:.80} of type {type(value).__name__}.")
    if not ((value >= 0.0 if above is None else value > above) and value < below):
        low = "of at least 0" if above is None else f"above {above:g}"
        high = "" if below == inf else f" and below {below:g}"
        raise FieldValueError(f"{where} takes a finite number {low}{high}; got {value!r}.")
    return float(value)


def check_flag(value: Any, name: str, owner: Any) -> bool:
    """Returns ``value`` when it is True or False.

    Raises:
      FieldTypeError: it is neither.
    """
    if not isinstance(value, bool):
        raise FieldTypeError(
            f"{type(owner).__name__}({name}=...) takes True or False; got {value!r:.80} of type {type(value).__name__}."
        )
    return value
