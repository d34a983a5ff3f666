"""Output shapes of PyTorch's most frequent layers and operations in evaluation mode: these do not run even on ``meta``.

A shape rule returns None where it does not apply; then the layer or operation runs.  PyTorch has most operations on ``meta``
in Python, and imports its compiler at the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

SAME: Final = "same"
"""Instead of a shape: the layer returns its input itself."""


def find_shape(layer: nn.Module, forward: Any, shape: Any, dtype: torch.dtype) -> Any:
    """Returns the shape of the output of a layer, ``SAME``, or None where no rule applies.

    The output is new, contiguous and of the type of the input.

    Args:
      layer: of any class, without hooks.
      forward: the function that is its ``forward``.
      shape: of its only argument, which is contiguous.
      dtype: of its argument.
    """
    rule = _RULES.get(type(layer))
    if rule is None or forward is not _FORWARDS[type(layer)]:
        return None
    weight = layer._parameters.get("weight")
    if weight is not None and weight.dtype is not dtype:
        return None
    return rule(layer, shape)


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
    usable = (
        len(shape) == 4 and shape[1] == layer.num_features and layer._buffers.get("running_mean") is not None
    )
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
SHAPED: Final = frozenset(_RULES)
"""The classes of layers that have a shape rule."""


# ------------------------------------------------------------------ operations


def find_result(operation: Any, args: Any, fields: Any) -> Any:
    """Returns the shape of what an operation returns, or None where no rule applies.

    The result is new, contiguous and of the type of the first argument.
    """
    rule = _OPERATIONS.get(operation)
    return None if rule is None or fields else rule(*args)


def _is_usable(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_meta and x.dtype in _FLOATS and x.is_contiguous()


def _combine(x: Any, y: Any) -> Any:
    if not (_is_usable(x) and _is_usable(y) and x.dtype is y.dtype):
        return None
    small, large = sorted((x.shape, y.shape), key=len)
    if small == large:
        return tuple(large)
    if len(small) != len(large):
        return None
    if all(n in (1, m) for n, m in zip(small, large)):
        return tuple(large)
    return tuple(small) if all(m in (1, n) for n, m in zip(small, large)) else None


def _average(x: Any, axes: Any = None, keepdim: bool = False) -> Any:
    if not (_is_usable(x) and isinstance(axes, (list, tuple)) and axes):
        return None
    gone = {axis % x.dim() for axis in axes if -x.dim() <= axis < x.dim()}
    if len(gone) < len(axes):
        return None
    return tuple(1 if i in gone else n for i, n in enumerate(x.shape) if keepdim or i not in gone)


def _pad(x: Any, pads: Any, value: Any = 0) -> Any:
    if not _is_usable(x) or len(pads) % 2 or len(pads) > 2 * x.dim() or min(pads, default=0) < 0:
        return None
    shape = list(x.shape)
    for i in range(len(pads) // 2):
        shape[-1 - i] += pads[2 * i] + pads[2 * i + 1]
    return tuple(shape)


def _concatenate(tensors: Any, axis: int = 0) -> Any:
    first = tensors[0] if tensors else None
    if not all(map(_is_usable, tensors)) or first is None or not -first.dim() <= axis < first.dim():
        return None
    axis %= first.dim()
    shapes = [list(x.shape) for x in tensors]
    widths = [shape.pop(axis) if len(shape) == first.dim() else None for shape in shapes]
    if (
        None in widths
        or any(s != shapes[0] for s in shapes)
        or any(x.dtype is not first.dtype for x in tensors)
    ):
        return None
    return (*shapes[0][:axis], sum(map(int, widths)), *shapes[0][axis:])  # type: ignore[arg-type]  # none is None


def _resize(x: Any, size: Any, *options: Any) -> Any:
    usable = _is_usable(x) and x.dim() == 4 and x.numel() and size is not None
    return (*x.shape[:2], *size) if usable and len(size) == 2 and min(size) > 0 else None


def _shuffle(x: Any, groups: int) -> Any:
    usable = _is_usable(x) and x.dim() > 2 and x.numel() and groups > 0 and x.shape[1] % groups == 0
    return tuple(x.shape) if usable else None


def _keep(x: Any, *options: Any) -> Any:
    return tuple(x.shape) if _is_usable(x) and x.numel() else None


_aten: Final = torch.ops.aten
_FLOATS: Final = frozenset({torch.float32, torch.float64, torch.float16, torch.bfloat16})
_OPERATIONS: Final[dict[Any, Callable[..., Any]]] = {
    **dict.fromkeys((_aten.add.Tensor, _aten.sub.Tensor, _aten.mul.Tensor, _aten.div.Tensor), _combine),
    **dict.fromkeys(
        (
            _aten.relu.default, _aten.hardtanh.default, _aten.sigmoid.default, _aten.hardsigmoid.default,
            _aten.hardswish.default, _aten.silu.default, _aten.gelu.default, _aten.tanh.default,
        ),
        _keep,
    ),
    _aten.channel_shuffle.default: _shuffle,
    **dict.fromkeys((_aten.upsample_bilinear2d.default, _aten.upsample_nearest2d.default), _resize),
    _aten.mean.dim: _average,
    _aten.constant_pad_nd.default: _pad,
    _aten.cat.default: _concatenate,
}  # fmt: skip
