"""Where the order channels-last is safe: PyTorch's kernels for the CPU have a fault for one kind of convolution."""

from __future__ import annotations

import torch
from torch import nn

from ..elastic.module import Elastic

_FEWEST = 8  # input channels; the backward pass writes outside of its memory below (oneDNN issue 6035)
_FEWEST_ELASTIC = 32  # of a layer whose width may be searched and so become smaller


def is_channels_last_safe(network: nn.Module, device: torch.device) -> bool:
    """Returns whether a network can be trained in the order channels-last on a device.

    On the CPU, the backward pass of a 1x1 convolution with a stride and fewer than 8 input channels damages memory.

    >>> cpu = torch.device("cpu")
    >>> [is_channels_last_safe(nn.Conv2d(n, 16, 1, stride=2), cpu) for n in (4, 8)]
    [False, True]
    """
    if device.type != "cpu":
        return True
    for module in network.modules():
        layers = [module]
        if isinstance(module, Elastic):
            layers = [layer for made in module.made() for layer in made.modules()]
        fewest = _FEWEST if layers == [module] else _FEWEST_ELASTIC
        if any(_is_faulty(layer, fewest) for layer in layers):
            return False
    return True


def _is_faulty(layer: nn.Module, fewest: int) -> bool:
    return (
        isinstance(layer, nn.Conv2d)
        and set(layer.kernel_size) == {1}
        and set(layer.stride) != {1}
        and layer.groups == 1
        and layer.in_channels < fewest
    )
