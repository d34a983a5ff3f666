"""Pairs of adjacent layers, the keys of a weight bank: which layer follows which, with units and activations."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from pliant.values.errors import FieldTypeError, quote_typed

Pair = tuple[str, ...]
"""A key of a weight bank: texts."""

_LEFT_OUT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_KEPT = (nn.Flatten, nn.Unflatten)


def pair_layers(network: nn.Module) -> dict[str, Pair]:
    """Returns the pair of each layer with weights, by the layer's name: the layer before it, and the layer itself.

    As in Sable, "Neural Architecture Search Part 2", 2020, section "One Shot Architectures": a layer counts with its units and the
    activation after it; the input and ``Flatten`` count as layers; dropout is left out, as it does not change the shapes of
    weights.  The second part of a pair has the inputs of the layer as well, so that equal pairs have weights of equal shapes.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    >>> for name, pair in pair_layers(network).items():
    ...     print(name, pair)
    1 ('flatten', 'Linear(4, 8) ReLU()')
    4 ('Linear 8 ReLU()', 'Linear(8, 3)')

    It suits networks that run their layers in the order of ``network.modules()``, such as an ``nn.Sequential``.
    """
    given: Any = network
    if not isinstance(given, nn.Module):
        raise FieldTypeError(f"pair_layers takes a network, a torch.nn.Module; got {quote_typed(given)}.")
    steps = [["", "input", "", ""]]  # name; text as the layer before, and as the layer itself; activations
    for name, module in given.named_modules():
        if module._parameters or module._buffers:
            steps.append([name, _name_units(module), _describe(module), ""])
        elif isinstance(module, _KEPT):
            steps.append(["", "flatten", "", ""])
        elif not (module._modules or isinstance(module, _LEFT_OUT)):
            steps[-1][3] += f" {type(module).__name__}({module.extra_repr()})"
    return {
        name: (units + acts_before, text + acts)
        for (_, units, _, acts_before), (name, _, text, acts) in pairwise(steps)
        if text
    }


def _describe(layer: nn.Module) -> str:
    """Returns the kind and the options of a layer as text."""
    if isinstance(layer, nn.Linear) and layer._parameters["bias"] is not None:  # the most frequent; faster
        return f"{type(layer).__name__}({layer.in_features}, {layer.out_features})"
    return f"{type(layer).__name__}({layer.extra_repr()})"


def _name_units(layer: nn.Module) -> str:
    """Returns the kind of a layer and the size of its output, without its inputs."""
    units = next(
        (getattr(layer, name) for name in ("out_features", "out_channels") if hasattr(layer, name)), None
    )
    return _describe(layer) if units is None else f"{type(layer).__name__} {units}"
