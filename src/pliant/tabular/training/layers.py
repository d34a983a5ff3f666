"""Batched layers: the layers of several networks as one, whose weights have a leading axis of candidates (PyTorch).

``find_rule`` has the rule of a layer's class.  The names of weights and buffers are those of the single layers, so that candidate
k of a batched layer has the state of the k-th layer.  Inputs are (rows, ...) where all candidates have the same, else (candidates,
rows, ...).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from pliant.zoo import layers as zoo_layers
from pliant.zoo import mlp
from pliant.zoo.tabular import (
    Categories,
    Columns,
    OneHot,
    Periodic,
    PiecewiseLinear,
    Plain,
    Residual,
    TableNetwork,
)

Layers = Sequence[Any]


class Batched(nn.Module):
    """A batched layer; the weights and buffers of its subclasses are those of the single layers, stacked."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        first = layers[0]
        for name in first._parameters:
            values = [layer._parameters[name] for layer in layers]
            whole = None if values[0] is None else nn.Parameter(torch.stack([v.detach() for v in values]))
            self.register_parameter(name, whole)
        for name in first._buffers:
            values = [layer._buffers[name] for layer in layers]
            self.register_buffer(name, None if values[0] is None else torch.stack(values))

    def keep(self, candidates: Tensor) -> None:
        """Drops what belongs to other candidates, except weights and buffers, which ``Stack`` drops."""


@final
class BatchedLinear(Batched):
    """``nn.Linear``, which runs once in each pass.

    A first layer reads the same rows for all candidates, so all their weights could be one matrix: with MKL that is not faster, neither
    for 64 nor for 784 inputs.

    Attributes:
      gradients: where the backward pass writes the gradients of weight and bias, instead of to ``grad``; None for ``grad``.
    """

    weight: Tensor
    bias: Tensor | None
    gradients: tuple[Tensor, Tensor | None] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            x = x.expand(len(self.weight), *x.shape)
        if self.gradients is not None and torch.is_grad_enabled():
            apply: Any = _Linear.apply
            out: Tensor = apply(x, self.weight, self.bias, *self.gradients)
            return out
        return _map(x, self.weight, self.bias)


class _Linear(torch.autograd.Function):
    """Batched linear map that writes the gradients of its weights where they are needed.

    Those of ``baddbmm`` are transposed, so autograd copies them, and the optimizer would copy them once more.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *gradients: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.gradients = gradients
        return _map(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (outer,) = gradients
        x, weight = ctx.saved_tensors
        of_weight, of_bias = ctx.gradients
        torch.bmm(outer.transpose(1, 2), x, out=of_weight)
        if of_bias is not None:
            torch.sum(outer, 1, out=of_bias)
        inner = torch.bmm(outer, weight) if ctx.needs_input_grad[0] else None
        return inner, None, None, None, None


def _map(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Applies the linear layer of each candidate to (candidates, rows, inputs)."""
    weight = weight.transpose(1, 2)
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight)


@final
class BatchedLayerNorm(Batched):
    """``nn.LayerNorm`` of the last axis."""

    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)
        self.shape, self.eps = layers[0].normalized_shape, layers[0].eps

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.layer_norm(x, self.shape, eps=self.eps)
        x = x if self.weight is None else x * self.weight.unsqueeze(1)
        return x if self.bias is None else x + self.bias.unsqueeze(1)


@final
class BatchedBatchNorm(Batched):
    """``nn.BatchNorm1d``: statistics over the rows of each candidate."""

    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)
        self.eps, self.momentum = layers[0].eps, layers[0].momentum

    def forward(self, x: Tensor) -> Tensor:
        count = len(self.running_mean)
        if x.dim() == 2:
            x = x.expand(count, *x.shape)
        learns = self.training and x.shape[1] > 1  # one row has no statistics
        flat = x.transpose(0, 1).reshape(x.shape[1], -1)  # (rows, candidates * channels): one call for all
        out = nn.functional.batch_norm(
            flat,
            self.running_mean.view(-1),
            self.running_var.view(-1),
            None if self.weight is None else self.weight.reshape(-1),
            None if self.bias is None else self.bias.reshape(-1),
            learns,
            self.momentum,
            self.eps,
        )
        if learns:
            self.num_batches_tracked += 1
        return out.view(x.shape[1], count, -1).transpose(0, 1)


@final
class BatchedDropout(Batched):
    """``nn.Dropout`` with a probability for each candidate.

    An input is dropped where its random number is below the probability.  Candidates of one seed have the same numbers, so what
    a candidate drops does not depend on the others.
    """

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)
        self.probabilities = torch.tensor([float(layer.p) for layer in layers])
        self._generators: dict[int, torch.Generator] = {}
        self._seeds: list[int] = []

    def seed(self, seeds: Sequence[int], place: int) -> None:
        """Sets the seed of each candidate, and the place of this layer among those with random numbers."""
        self._seeds = list(seeds)
        self._generators = {
            one: torch.Generator().manual_seed((one * 1009 + place + 1) % 2**63) for one in seeds
        }

    def keep(self, candidates: Tensor) -> None:
        self.probabilities = self.probabilities[candidates]
        self._seeds = [self._seeds[i] for i in candidates.tolist()]

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.probabilities.any():
            return x
        if x.dim() == 2:
            x = x.expand(len(self.probabilities), *x.shape)
        drops = self.probabilities.view(-1, *[1] * (x.dim() - 1))
        drawn = {
            one: torch.rand(x.shape[1:], generator=self._generators[one])
            for one in dict.fromkeys(self._seeds)
        }
        numbers = (
            next(iter(drawn.values())) if len(drawn) == 1 else torch.stack([drawn[s] for s in self._seeds])
        )
        scale = torch.where(drops < 1, 1 / (1 - drops), 0.0)
        return x * ((numbers >= drops) * scale)


@final
class BatchedActivation(Batched):
    """Activations without weights, one for each candidate."""

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)
        self.kinds = {repr(layer): layer for layer in layers}
        self.names = [repr(layer) for layer in layers]

    def keep(self, candidates: Tensor) -> None:
        self.names = [self.names[i] for i in candidates.tolist()]

    def forward(self, x: Tensor) -> Tensor:
        used = dict.fromkeys(self.names)
        if len(used) == 1:
            out: Tensor = self.kinds[self.names[0]](x)
            return out
        if x.dim() == 2:
            x = x.expand(len(self.names), *x.shape)
        places = [[i for i, name in enumerate(self.names) if name == one] for one in used]
        parts = [self.kinds[one](x[index]) for one, index in zip(used, places, strict=True)]
        order = torch.tensor([place for index in places for place in index]).argsort()
        return torch.cat(parts)[order]


@final
class BatchedFlatten(Batched):
    """``nn.Flatten()`` of inputs that all candidates share, which are flat already."""

    def forward(self, x: Tensor) -> Tensor:
        return x


@final
class BatchedPiecewiseLinear(Batched):
    """``PiecewiseLinear``; the edges, set by the training data, are the same for all candidates."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)
        self.encode: Callable[[Tensor], Tensor] = layers[0].encode

    def forward(self, x: Tensor) -> Tensor:
        return _map_columns(self.encode(x), self.weight, self.bias).relu().flatten(-2)


@final
class BatchedPeriodic(Batched):
    """``Periodic``."""

    weight: Tensor

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)
        self.linear = BatchedLinear([layer.linear for layer in layers])

    def forward(self, x: Tensor) -> Tensor:
        angles = 2 * math.pi * self.weight.unsqueeze(1) * x.unsqueeze(-1)
        out: Tensor = self.linear(torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1, 2)).relu()
        return out.view(len(self.weight), -1, x.shape[-1] * out.shape[-1])


@final
class BatchedCategories(Batched):
    """``Categories``."""

    weight: Tensor
    offsets: Tensor

    def forward(self, x: Tensor) -> Tensor:
        count, codes, width = self.weight.shape
        table = self.weight.reshape(count * codes, width)
        first = torch.arange(count).view(-1, 1, 1) * codes
        return nn.functional.embedding(x + self.offsets[0] + first, table).flatten(-2)


def _map_columns(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Applies the linear layer of each column and candidate to (rows, columns, inputs) or (candidates, rows, columns, inputs)."""
    text = "rci,kcio->krco" if x.dim() == 3 else "krci,kcio->krco"
    return torch.einsum(text, x, weight) + bias.unsqueeze(1)


@dataclass(frozen=True, slots=True)
class Rule:
    """How layers of a class become one.

    Attributes:
      make: the batched layer; None for a module whose ``forward`` runs as it is with batched layers inside.
      describe: what must be equal in all of the layers.
    """

    make: Callable[[Layers], nn.Module] | None
    describe: Callable[[Any], Hashable] = lambda layer: ()


_ACTIVATION = Rule(BatchedActivation)
_AS_IT_IS = Rule(None)

_RULES: Final[dict[type[nn.Module], Rule]] = {
    nn.Linear: Rule(BatchedLinear, lambda one: (one.in_features, one.out_features, one.bias is None)),
    nn.LayerNorm: Rule(
        BatchedLayerNorm,
        lambda one: (one.normalized_shape, one.eps, one.elementwise_affine, one.bias is None),
    ),
    nn.BatchNorm1d: Rule(BatchedBatchNorm, lambda one: (one.num_features, one.eps, one.momentum, one.affine)),
    nn.Dropout: Rule(BatchedDropout),
    nn.Flatten: Rule(BatchedFlatten, lambda one: (one.start_dim, one.end_dim)),
    PiecewiseLinear: Rule(BatchedPiecewiseLinear, lambda one: one.weight.shape),
    Periodic: Rule(BatchedPeriodic, lambda one: (one.weight.shape, one.linear.out_features)),
    Categories: Rule(BatchedCategories, lambda one: (tuple(one.offsets.tolist()), one.weight.shape)),
    Plain: _AS_IT_IS,
    **dict.fromkeys(zoo_layers.ACTIVATIONS.values(), _ACTIVATION),
    **dict.fromkeys(
        (
            nn.Sequential,
            nn.ModuleList,
            zoo_layers.Stage,
            mlp.Perceptron,
            Columns,
            OneHot,
            Residual,
            TableNetwork,
        ),
        _AS_IT_IS,
    ),
}


def find_rule(layer: nn.Module) -> Rule | None:
    """Returns the rule of a layer's class; of a subclass too, if it has the same ``forward``.

    >>> find_rule(nn.Linear(2, 3)).make.__name__, find_rule(nn.Conv2d(1, 1, 1))
    ('BatchedLinear', None)
    """
    for kind in type(layer).__mro__:
        if kind in _RULES:
            same = getattr(type(layer), "forward", None) is kind.forward
            hooked = layer._forward_hooks or layer._forward_pre_hooks
            tracked = not isinstance(layer, nn.BatchNorm1d) or (
                layer.track_running_stats and layer.momentum is not None
            )
            return _RULES[kind] if same and not hooked and tracked else None
    return None
