"""Arrays of doubles as JSON, exact to the bit."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray


def array_to_json(array: NDArray[np.float64]) -> str:
    """Returns the numbers of an array as base64 text, little-endian, in row-major order.

    >>> array_to_json(np.array([1.0]))
    'AAAAAAAA8D8='
    """
    return base64.b64encode(array.astype("<f8").tobytes()).decode("ascii")


def fill_from_json(array: NDArray[np.float64], text: str) -> None:
    """Fills an array with the numbers that ``array_to_json`` wrote.

    Raises:
      ValueError: the text holds another number of doubles, or numbers that are not finite.

    >>> array = np.zeros((1, 1))
    >>> fill_from_json(array, "AAAAAAAA8D8=")
    >>> array
    array([[1.]])
    """
    found = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8")
    if found.size != array.size:
        raise ValueError(f"{found.size} weights were stored where this policy has {array.size}.")
    if not np.isfinite(found).all():
        raise ValueError("a stored weight is not finite.")
    array[...] = found.reshape(array.shape)
