"""Importance of channels: one score for each channel of a width group, from weights, activations or gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from pliant.algorithms.options import check_count

from ..choices.evaluation import call_network, evaluating
from ..elastic.widths import find_widths
from .groups import Carrier, WidthGroup
from .order import channel_dims


class Importance(ABC):
    """Interface: scores the channels of width groups.  An implementation has one method, ``score``."""

    @abstractmethod
    def score(
        self, network: nn.Module, groups: Sequence[WidthGroup], batches: Iterable[Any]
    ) -> dict[str, Tensor]:
        """Returns one number for each channel, by name of a group; higher ones are more important.

        Groups that cannot be reordered need none.

        Args:
          network: stays as it is.
          groups: of this network.
          batches: inputs, or pairs of inputs and targets; implementations that need none do not read them.
        """


@final
class Magnitude(Importance):
    """The norm of the weights that compute or read a channel (Li et al., "Pruning filters", ICLR 2017, section 3.1).

    The norms of the layers of a group are divided by their mean, and added.

    Args:
      norm: 1 for the sum of absolute values, 2 for the root of the sum of squares.
    """

    def __init__(self, norm: int = 1) -> None:
        self.norm = check_count(norm, "norm", self, most=2)

    def score(
        self, network: nn.Module, groups: Sequence[WidthGroup], batches: Iterable[Any]
    ) -> dict[str, Tensor]:
        """As in ``Importance``; reads no batches."""
        found = {}
        for group in _movable(groups):
            total = torch.zeros(group.width)
            for carrier in group.carriers:
                layer = network.get_submodule(carrier.path)
                for tensor, dim in channel_dims(layer, carrier):
                    if tensor.dim() > 1:
                        norms = _per_channel(tensor, dim, group, carrier, self.norm)
                        total += norms / norms.mean().clamp_min(1e-12)
            found[group.name] = total
        return found


@final
class NormScale(Importance):
    """The absolute scale of the batch normalization of a channel (Liu et al., "Network slimming", ICCV 2017, section 3).

    Groups without such a layer have no scores, and keep their order.
    """

    def score(
        self, network: nn.Module, groups: Sequence[WidthGroup], batches: Iterable[Any]
    ) -> dict[str, Tensor]:
        """As in ``Importance``; reads no batches."""
        found: dict[str, Tensor] = {}
        for group in _movable(groups):
            for carrier in group.carriers:
                layer: Any = network.get_submodule(carrier.path)
                if isinstance(layer, _NormBase) and layer.weight is not None:
                    scale = layer.weight.detach().abs().float().cpu()
                    scale = scale[carrier.index(group.width)].sum(1)
                    found[group.name] = found.get(group.name, torch.zeros(group.width)) + scale
        return found


@final
class Activation(Importance):
    """The norm of what a channel adds to the layers that read it: |weight| times the norm of the input.

    As in Wanda (Sun et al., "A simple and effective pruning approach", ICLR 2024, equation 1), summed over the outputs of
    each reading layer. Each layer is divided by its mean. Groups without a reading layer get the score of ``Magnitude``.
    """

    def score(
        self, network: nn.Module, groups: Sequence[WidthGroup], batches: Iterable[Any]
    ) -> dict[str, Tensor]:
        """As in ``Importance``."""
        readers = [(g, c) for g in _movable(groups) for c in g.carriers if c.role == "reads"]
        energy: dict[str, Tensor] = {}

        def note(path: str) -> Any:
            def hook(layer: nn.Module, args: Any) -> None:
                x = args[0].detach().float()
                dim = _input_dim(layer, x)
                squares = x.movedim(dim, 0).flatten(1).square().sum(1).cpu()
                energy[path] = energy.get(path, torch.zeros_like(squares)) + squares

            return hook

        with (
            torch.no_grad(),
            evaluating(network),
            _hooked(network, {c.path: note(c.path) for _, c in readers}),
        ):
            for batch in batches:
                call_network(network, inputs_of(batch))
        plain = Magnitude().score(network, groups, ())
        found: dict[str, Tensor] = {}
        for group, carrier in readers:
            squares = energy.get(carrier.path)
            layer = network.get_submodule(carrier.path)
            for tensor, dim in channel_dims(layer, carrier):
                if squares is None or tensor.dim() < 2 or tensor.shape[dim] != len(squares):
                    continue
                weights = tensor.detach().float().cpu().movedim(dim, 0).flatten(1).abs().sum(1)
                score = (weights * squares.sqrt())[carrier.index(group.width)].sum(1)
                score = score / score.mean().clamp_min(1e-12)
                found[group.name] = found.get(group.name, torch.zeros(group.width)) + score
        return {**plain, **found}


@final
class Taylor(Importance):
    """The squared change of the loss without a channel, to first order (Molchanov et al., CVPR 2019, equation 8).

    Args:
      loss: takes the network and a batch, and returns a scalar tensor.
    """

    def __init__(self, loss: Callable[[nn.Module, Any], Tensor]) -> None:
        self.loss = loss

    def score(
        self, network: nn.Module, groups: Sequence[WidthGroup], batches: Iterable[Any]
    ) -> dict[str, Tensor]:
        """As in ``Importance``; the sum of weight times gradient over the weights of a channel, squared, over batches."""
        able = _movable(groups)
        found = {group.name: torch.zeros(group.width) for group in able}
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        with torch.enable_grad(), evaluating(network):
            for batch in batches:
                loss = self.loss(network, batch)
                gradients = dict(
                    zip(map(id, weights), torch.autograd.grad(loss, weights, allow_unused=True), strict=True)
                )
                for group in able:
                    for carrier in group.carriers:
                        layer = network.get_submodule(carrier.path)
                        if carrier.role == "reads":
                            continue
                        for tensor, dim in channel_dims(layer, carrier):
                            gradient = gradients.get(id(tensor))
                            if gradient is not None:
                                product = (tensor.detach() * gradient).float().cpu().movedim(dim, 0)
                                parts = product[carrier.index(group.width)].reshape(group.width, -1)
                                found[group.name] += parts.sum(1).square()
        return found


def _movable(groups: Sequence[WidthGroup]) -> list[WidthGroup]:
    return [group for group in groups if group.can_reorder]


def inputs_of(batch: Any) -> Any:
    """Returns the inputs of a batch: the first of a pair, or the batch itself."""
    is_pair = isinstance(batch, (tuple, list)) and len(batch) == 2
    return batch[0] if is_pair else batch


def _per_channel(tensor: Tensor, dim: int, group: WidthGroup, carrier: Carrier, norm: int) -> Tensor:
    rows = tensor.detach().float().cpu().movedim(dim, 0)[carrier.index(group.width)]
    norms: Tensor = torch.linalg.vector_norm(rows.reshape(group.width, -1), norm, dim=1)
    return norms


def _input_dim(layer: nn.Module, x: Tensor) -> int:
    """Returns the dimension of the channels of an input."""
    widths = find_widths(layer)
    assert widths is not None
    return widths.dim if widths.dim < 0 else widths.dim - x.dim()


@contextmanager
def _hooked(network: nn.Module, hooks: dict[str, Any]) -> Any:
    made = [network.get_submodule(path).register_forward_pre_hook(hook) for path, hook in hooks.items()]
    try:
        yield
    finally:
        for one in made:
            one.remove()
