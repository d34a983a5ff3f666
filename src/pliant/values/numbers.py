"""Numbers of any library as Python's: the one rule for bounds, counts, steps, indices and ids."""

from __future__ import annotations

import math
import operator
from typing import Any


def to_whole(value: object) -> int | None:
    """Returns an integer of any library (with ``__index__``) as an int; None for booleans, floats and other values.

    >>> to_whole(3), to_whole(3.0), to_whole(True)
    (3, None, None)
    """
    if value.__class__ is int:
        return value
    if _is_other(value) or not hasattr(value, "__index__"):
        return None
    try:
        return operator.index(value)
    except TypeError:  # an array of several numbers
        return None


def to_real(value: Any) -> float | None:
    """Returns a finite or infinite real number of any library as a float; None for booleans, text and other values.

    >>> to_real(3), to_real("3"), to_real(10**400)
    (3.0, None, inf)
    """
    if _is_other(value) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        return None
    if getattr(value, "shape", ()) != ():
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, RuntimeError):
        return None


def _is_other(value: object) -> bool:
    return isinstance(value, (bool, str, bytes)) or type(value).__name__ in ("bool_", "bool")
