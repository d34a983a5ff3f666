"""Checks of the example inputs that costs are counted or measured for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from pliant.values.errors import FieldTypeError, PliantError, quote_typed

from .tensors import find_tensors


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
