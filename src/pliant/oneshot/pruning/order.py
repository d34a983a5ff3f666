"""Reorders the channels of a network by importance, exactly: with all channels it computes the same.

A narrower network has the first channels of each layer.  After reordering these are the most important ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .groups import Carrier, WidthGroup
from .opening import run_once

TOLERANCE = 1e-3  # of the largest output; wrong orders change outputs by much more


def channel_dims(layer: nn.Module, carrier: Carrier) -> Iterator[tuple[Tensor, int]]:
    """Yields the tensors of a layer that have one slice for each channel of a group, and the dimension of the slices.

    >>> [(tuple(t.shape), dim) for t, dim in channel_dims(nn.Conv2d(4, 8, 3), Carrier("0", "writes"))]
    [((8, 4, 3, 3), 0), ((8,), 0)]
    """
    transposed = isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Embedding))
    if type(layer).__name__ == "Conv1D":  # transformers: a linear layer with a transposed weight
        transposed = True
    for tensor in [*layer._parameters.values(), *layer._buffers.values()]:
        if tensor is None or not tensor.dim():
            continue
        if tensor.dim() == 1:
            if carrier.role != "reads":
                yield tensor, 0
        elif carrier.role == "keeps":
            yield tensor, 0
        else:
            yield tensor, int((carrier.role == "reads") != transposed)


def reorder(
    network: nn.Module,
    groups: Sequence[WidthGroup],
    scores: Mapping[str, Tensor],
    inputs: tuple[Any, ...],
) -> tuple[str, ...]:
    """Sorts the channels of width groups by falling score, in place; returns the names of the groups that were sorted.

    A group stays as it is if it has no scores, cannot be reordered, or if the outputs for ``inputs`` would change.

    Args:
      network: a module; its weights change places.
      groups: of this network.
      scores: by name of a group, one number for each channel; higher ones are more important.
      inputs: of the network.
    """
    able = [group for group in groups if group.can_reorder and group.name in scores]
    orders = {g.name: torch.argsort(scores[g.name], descending=True, stable=True) for g in able}
    outputs = run_once(network, inputs)
    with torch.no_grad():
        for group in able:
            _permute(network, group, orders[group.name])
        if is_close(outputs, run_once(network, inputs)):
            return tuple(orders)
        for group in able:
            _permute(network, group, torch.argsort(orders[group.name]))
        done = []
        for group in able:
            _permute(network, group, orders[group.name])
            if is_close(outputs, run_once(network, inputs)):
                done.append(group.name)
            else:
                _permute(network, group, torch.argsort(orders[group.name]))
    return tuple(done)


def _permute(network: nn.Module, group: WidthGroup, order: Tensor) -> None:
    done = set()
    for carrier in group.carriers:
        layer = network.get_submodule(carrier.path)
        for tensor, dim in channel_dims(layer, carrier):
            if (id(tensor), dim) in done:  # of several layers
                continue
            done.add((id(tensor), dim))
            places = carrier.index(group.width)
            if int(places.max()) >= tensor.shape[dim]:
                continue
            taken = torch.arange(tensor.shape[dim])
            taken[places.flatten()] = places[order].flatten()
            tensor.copy_(tensor.index_select(dim, taken.to(tensor.device)))


def is_close(before: list[Tensor], after: list[Tensor]) -> bool:
    """Returns whether two lists of outputs are equal within ``TOLERANCE`` of the largest number in each."""
    for a, b in zip(before, after, strict=True):
        scale = float(a.abs().max()) if a.is_floating_point() and a.numel() else 0.0
        if not torch.allclose(a.float(), b.float(), rtol=0, atol=TOLERANCE * max(scale, 1e-6)):
            return False
    return True
