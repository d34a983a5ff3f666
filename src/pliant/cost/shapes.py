"""Output shapes of PyTorch's most frequent layers in evaluation mode, so that these do not run even on ``meta``.

A shape rule returns None where it does not apply; then the layer runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from torch import Tensor, nn

SAME: Final = "same"
"""Instead of a shape: the layer returns its input itself."""


def find_output(layer: nn.Module, x: Tensor) -> Any:
    """Returns the shape of the output of a layer, ``SAME``, or None where no rule applies.

    The output is new, contiguous and of the type of the input.
    """
    cls = type(layer)
    rule = _RULES.get(cls)
    if rule is None or cls.forward is not _FORWARDS[cls] or not x.is_contiguous():
        return None
    weight = layer._parameters.get("weight")
    if weight is not None and weight.dtype is not x.dtype:
        return None
    return rule(layer, x.shape)


def _convolve(layer: Any, shape: Any) -> Any:
    if (
        len(shape) != 4
        or shape[1] != layer.in_channels
        or layer.padding_mode != "zeros"
        or isinstance(layer.padding, str)
    ):
        return None
    size = [shape[0], layer.out_channels]
    for i in (0, 1):
        span = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
        rows = (shape[2 + i] + 2 * layer.padding[i] - span) // layer.stride[i] + 1
        if rows < 1:
            return None
        size.append(rows)
    return tuple(size)


def _normalize(layer: Any, shape: Any) -> Any:
    usable = len(shape) == 4 and shape[1] == layer.num_features and layer.running_mean is not None
    return tuple(shape) if usable else None


def _project(layer: Any, shape: Any) -> Any:
    usable = len(shape) > 1 and shape[-1] == layer.in_features
    return (*shape[:-1], layer.out_features) if usable else None


def _activate(layer: Any, shape: Any) -> Any:
    return SAME if layer.inplace else tuple(shape)


_RULES: Final[dict[type[nn.Module], Callable[[Any, Any], Any]]] = {
    nn.Conv2d: _convolve,
    nn.BatchNorm2d: _normalize,
    nn.Linear: _project,
    **dict.fromkeys((nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Hardsigmoid), _activate),
    nn.Sigmoid: lambda layer, shape: tuple(shape),
    nn.GELU: lambda layer, shape: tuple(shape),
    nn.Identity: lambda layer, shape: SAME,
    nn.Dropout: lambda layer, shape: SAME,
}
_FORWARDS: Final = {cls: cls.forward for cls in _RULES}
