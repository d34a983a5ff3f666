"""Numbers of any library as Python's: the one rule for bounds, counts, steps, indices and ids."""

from __future__ import annotations

import math
import operator
from typing import Any

from .errors import FieldValueError

_LONG = 1 << 4096


def to_whole(value: object, *, is_rank: bool = False) -> int | None:
    """Returns an integer of any library (with ``__index__``) as an int; None for booleans, floats and other values.

    >>> to_whole(3), to_whole(3.0), to_whole(True)
    (3, None, None)

    Raises:
      FieldValueError: it has more than 4096 bits, and is not the rank of a decision vector. Python does not print it.
    """
    if value.__class__ is int:
        if not is_rank and not -_LONG < value < _LONG:
            raise FieldValueError(
                f"an integer of {value.bit_length()} bits is too large for a bound, a count, an index or a seed. "
                "Give one of at most 4096 bits."
            )
        return value
    if not hasattr(type(value), "__index__") or _is_other(
        value
    ):  # the class: attributes realize a symbolized module
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # checked above
    except (TypeError, ValueError, RuntimeError):  # an array of real numbers, a tensor without data
        return None


def to_real(value: Any, *, takes_bool: bool = False) -> float | None:
    """Returns a finite or infinite real number of any library as a float; None for booleans, text and other values.

    >>> to_real(3), to_real("3"), to_real(10**400), to_real(True), to_real(True, takes_bool=True)
    (3.0, None, inf, None, 1.0)
    """
    if value.__class__ is float:
        return value
    is_number = hasattr(type(value), "__float__") or hasattr(type(value), "__index__")
    if not is_number or _is_other(value, takes_bool=takes_bool):
        return None
    try:
        return float(value.detach() if getattr(value, "requires_grad", False) else value)
    except OverflowError:
        to_whole(value)  # raises for what Python does not print
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, RuntimeError):
        return None


def _is_other(value: object, *, takes_bool: bool = False) -> bool:
    if isinstance(value, (bool, str, bytes)):
        return not (takes_bool and isinstance(value, bool))
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", None)  # NumPy has it, PyTorch does not
    others = "cmMSTUV" if takes_bool else "bcmMSTUV"
    names = ("complex",) if takes_bool else ("bool", "complex")
    is_other = kind in tuple(others) if kind else any(name in str(dtype) for name in names)
    return is_other or getattr(value, "shape", ()) != () or type(value).__name__ == "MaskedConstant"
