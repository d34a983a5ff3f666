"""Table of layer classes: which arguments are the widths of the input and the output (``in_channels``, ``out_channels``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, suggest
from pliant.values.numbers import to_whole
from pliant.values.signature import read_signature

from ..choices.evaluation import evaluating, keep_buffers


@final
@dataclass(frozen=True)
class Widths:
    """The width arguments of a layer class.

    Attributes:
      reads: the argument for the width of the input; None if the layer takes any width.
      writes: the argument for the width of the output; None if the output is as wide as the input.
      dim: the dimension of the input that has the width; negative: from the end.
    """

    reads: str | None
    writes: str | None
    dim: int


_TABLE: dict[type[nn.Module], Widths] = {
    nn.Conv1d: Widths("in_channels", "out_channels", -2),
    nn.Conv2d: Widths("in_channels", "out_channels", -3),
    nn.Conv3d: Widths("in_channels", "out_channels", -4),
    nn.ConvTranspose1d: Widths("in_channels", "out_channels", -2),
    nn.ConvTranspose2d: Widths("in_channels", "out_channels", -3),
    nn.ConvTranspose3d: Widths("in_channels", "out_channels", -4),
    nn.LazyConv1d: Widths(None, "out_channels", -2),
    nn.LazyConv2d: Widths(None, "out_channels", -3),
    nn.LazyConv3d: Widths(None, "out_channels", -4),
    nn.Linear: Widths("in_features", "out_features", -1),
    nn.LazyLinear: Widths(None, "out_features", -1),
    nn.Embedding: Widths(None, "embedding_dim", -1),
    nn.BatchNorm1d: Widths("num_features", None, 1),
    nn.BatchNorm2d: Widths("num_features", None, -3),
    nn.BatchNorm3d: Widths("num_features", None, -4),
    nn.InstanceNorm1d: Widths("num_features", None, -2),
    nn.InstanceNorm2d: Widths("num_features", None, -3),
    nn.InstanceNorm3d: Widths("num_features", None, -4),
    nn.GroupNorm: Widths("num_channels", None, 1),
    nn.LayerNorm: Widths("normalized_shape", None, -1),
    nn.RMSNorm: Widths("normalized_shape", None, -1),
    nn.PReLU: Widths("num_parameters", None, 1),
    nn.MultiheadAttention: Widths("embed_dim", None, -1),
    nn.RNN: Widths("input_size", "hidden_size", -1),
    nn.GRU: Widths("input_size", "hidden_size", -1),
    nn.LSTM: Widths("input_size", "hidden_size", -1),
}

CONV1D = "transformers.pytorch_utils.Conv1D"  # a linear layer with a transposed weight, in GPT-2

_TABLE_BY_NAME: dict[str, Widths] = {CONV1D: Widths("nx", "nf", -1)}


def add_widths(
    layer: type[nn.Module] | str, *, reads: str | None = None, writes: str | None = None, dim: int = -1
) -> None:
    """Registers the width arguments of a layer class and its subclasses for ``follow``.

    >>> import torch
    >>> class Scale(nn.Module):
    ...     '''Multiplies each of ``width`` features by a weight.'''
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.width = width
    ...         self.weight = nn.Parameter(torch.ones(width))
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> add_widths(Scale, reads="width")
    >>> find_widths(Scale(3))
    Widths(reads='width', writes=None, dim=-1)

    Args:
      layer: a class of modules; or its full name, such as ``"transformers.pytorch_utils.Conv1D"``, if its package is not
        imported here: its arguments are not checked then.
      reads: the argument for the width of the input, also an attribute of the layer; None if it takes any width.
      writes: the argument for the width of the output; None if the output is as wide as the input.
      dim: the dimension of the input that has the width; if negative (from the end), also that of the output.

    Raises:
      FieldTypeError: ``layer`` is not a class of modules, or ``dim`` is not a whole number.
      FieldValueError: the class does not have such an argument, inputs have no such dimension, or ``layer`` is not the
        full name of a class.
    """
    given: Any = layer
    check_layer_class(layer, "add_widths")
    size = to_whole(dim)
    if size is None or not -8 <= size < 8:
        raise (FieldTypeError if size is None else FieldValueError)(
            f"add_widths(dim=...) takes a dimension of the input from -8 to 7; got {quote(dim)}."
        )
    if isinstance(layer, str):
        _TABLE_BY_NAME[layer] = Widths(reads, writes, size)
        return
    known = list(read_signature(given).parameters)
    for name in (reads, writes):
        if name is not None and name not in known:
            raise FieldValueError(
                f"{given.__name__} has no argument {quote(name)} that could be a width{suggest(name, known) or '.'} "
                f"Its arguments: {listing(known)}."
            )
    _TABLE[layer] = Widths(reads, writes, size)


def find_widths(layer: nn.Module) -> Widths | None:
    """Returns the width arguments of a layer; None for a class that is not in the table.

    A subclass of a normalization layer with a ``forward`` of its own may normalize another dimension, so that is measured.

    >>> find_widths(nn.Linear(2, 3)).reads
    'in_features'
    >>> class ImageNorm(nn.LayerNorm):
    ...     '''Normalizes the channels of images, as in ConvNeXt.'''
    ...     def forward(self, x):
    ...         return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    >>> find_widths(nn.LayerNorm(8)).dim, find_widths(ImageNorm(8)).dim
    (-1, -3)
    """
    for base in type(layer).__mro__:
        known = _TABLE.get(base) or _TABLE_BY_NAME.get(name_class(base))
        if known is not None:
            break
    else:
        return None
    if known.writes is not None or type(layer).forward is getattr(base, "forward", None):
        return known
    dim = measure_dim(layer, input_width(layer, known))
    return known if dim is None else replace(known, dim=dim)


def measure_dim(layer: nn.Module, width: int | None) -> int | None:
    """Returns the dimension of the input, from the end, that must have the width of a layer; None if several may, or none.

    The layer runs on small inputs of four, three and two dimensions, in each of which one dimension has that width; the layer
    fails on all but one of them.
    """
    if width is None or width < 2:  # one value broadcasts to any dimension
        return None
    others = [size for size in (2, 3, 5, 7, 11) if size != width]
    with torch.no_grad(), torch.random.fork_rng(devices=[]), evaluating(layer), keep_buffers(layer):
        for count in (4, 3, 2):
            shape, dims = others[:count], range(-count, 0)
            shapes = ([*shape[:dim], width, *shape[dim:][1:]] for dim in dims)
            fitting = [dim for dim, shape in zip(dims, shapes) if _keeps_shape(layer, shape)]
            if fitting:
                return fitting[0] if len(fitting) == 1 else None
    return None


def _keeps_shape(layer: nn.Module, shape: list[int]) -> bool:
    """Returns whether a layer takes an input of a shape and returns one of the same shape."""
    like = next(layer.parameters(), torch.empty(0))
    try:
        made = type(layer).forward(layer, like.new_ones(shape))
    except Exception:  # noqa: BLE001  # a user's layer may raise anything for a wrong shape
        return False
    return isinstance(made, Tensor) and list(made.shape) == shape


def name_class(cls: type) -> str:
    """Returns the full name of a class: its module and its name there."""
    return f"{cls.__module__}.{cls.__qualname__}"


def check_layer_class(given: Any, function: str) -> None:
    """Checks that the first argument of a function is a class of modules, or the full name of a class.

    Raises:
      FieldTypeError: it is neither a class of modules nor text.
      FieldValueError: it is text, but not the full name of a class.
    """
    if isinstance(given, str):
        if "." not in given or not all(part.isidentifier() for part in given.split(".")):
            raise FieldValueError(
                f"{function} takes the full name of a class, such as 'transformers.pytorch_utils.Conv1D'; got {quote(given)}. "
                "Write its module and its name there."
            )
    elif not (isinstance(given, type) and issubclass(given, nn.Module)):
        raise FieldTypeError(f"{function} takes a class of modules, such as nn.Conv2d; got {quote(given)}.")


def input_width(layer: nn.Module, widths: Widths) -> int | None:
    """Returns the width of the input that a realized layer was built for; None if it takes any."""
    found: Any = None if widths.reads is None else getattr(layer, widths.reads)
    if isinstance(layer, nn.PReLU) and found == 1:
        return None
    if isinstance(found, (tuple, list)):
        return found[-1] if len(found) == 1 else None
    return None if found is None else found if isinstance(found, int) else int(found)


def is_depthwise(layer: nn.Module) -> bool:
    """Returns whether a realized convolution is depthwise: one group for each input channel."""
    groups: Any = getattr(layer, "groups", 1)
    return isinstance(groups, int) and groups > 1 and groups == getattr(layer, "in_channels", None)
