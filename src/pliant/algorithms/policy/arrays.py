"""Tensors of doubles as JSON, exact to the bit.  Nothing else is stored here."""

from __future__ import annotations

import base64
import math

import numpy as np
import torch
from torch import Tensor


def tensor_to_json(tensor: Tensor) -> str:
    """Returns the numbers of a float64 tensor as base64 text, little-endian, in row-major order.

    >>> tensor_to_json(torch.tensor([1.0], dtype=torch.float64))
    'AAAAAAAA8D8='
    """
    return base64.b64encode(tensor.detach().numpy().astype("<f8").tobytes()).decode("ascii")


def tensor_from_json(text: str, shape: tuple[int, ...]) -> Tensor:
    """Returns the tensor of this shape that ``tensor_to_json`` wrote.

    Raises:
      ValueError: the text holds another number of doubles, or numbers that are not finite.

    >>> tensor_from_json("AAAAAAAA8D8=", (1, 1))
    tensor([[1.]], dtype=torch.float64)
    """
    found = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8").astype(np.float64)
    if found.size != math.prod(shape):
        raise ValueError(f"{found.size} weights were stored where this policy has {math.prod(shape)}.")
    if not np.isfinite(found).all():
        raise ValueError("a stored weight is not finite.")
    return torch.from_numpy(found.reshape(shape).copy())
