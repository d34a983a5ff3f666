"""Checks of the example inputs that costs are counted or measured for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, quote, quote_typed

from .tensors import META, find_tensors


class ExampleError(PliantError, RuntimeError):
    """A network does not run on the given inputs: their shapes or types do not fit it, or its code fails."""


def check_inputs(function: str, inputs: tuple[Any, ...]) -> None:
    """Raises FieldTypeError for an input that is text or the shape of a tensor instead of a tensor."""
    for value in inputs:
        is_shape = isinstance(value, (tuple, list)) and value and all(type(n) is int for n in value)
        if is_shape or isinstance(value, str):
            shape = ", ".join(map(str, value)) if is_shape else "1, 3, 224, 224"
            raise FieldTypeError(
                f"pg.cost.{function} takes tensors as inputs of the network; got {quote_typed(value)}. "
                f"Give a tensor of this shape: `torch.zeros({shape})`."
            )


def make_example(text: str) -> Tensor:
    """Returns a tensor without data of a shape that is given as text.

    >>> make_example("1x3x8x8").shape, make_example("1x128:long").dtype
    (torch.Size([1, 3, 8, 8]), torch.int64)

    Raises:
      FieldValueError: the text is not a shape.
    """
    shape, _, kind = text.partition(":")
    sizes = shape.split("x")
    if kind not in ("", "long") or not all(n.isascii() and n.isdecimal() and len(n) < 10 for n in sizes):
        raise FieldValueError(
            f"an example is the shape of an input with the batch first, such as 1x3x224x224, or 1x128:long for indices; got {quote(text)}."
        )
    return torch.empty(tuple(map(int, sizes)), dtype=torch.long if kind else None, device=META)


@contextmanager
def explaining(inputs: Any) -> Iterator[None]:
    """Adds the shapes and types of the inputs to errors of PyTorch."""
    try:
        yield
    except PliantError:
        raise
    except RuntimeError as error:
        raise ExampleError(
            f"the network does not run on {_describe(inputs)}: {error}. Give inputs of the shape and type that it takes, "
            "with the batch first, such as `torch.zeros(1, 3, 224, 224)`."
        ) from error


def _describe(inputs: Any) -> str:
    tensors: list[Tensor] = find_tensors(inputs, [])
    shapes = [f"{str(t.dtype).removeprefix('torch.')} {tuple(t.shape)}" for t in tensors]
    return f"inputs of {', '.join(shapes)}" if shapes else "no input"
