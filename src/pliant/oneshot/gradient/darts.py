"""DARTS: learns a softmax over candidates on validation data, and the weights on training data; first and second order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.algorithms.options import check_number, refuse_unknown
from pliant.values.errors import FieldValueError, quote
from pliant.values.numbers import to_whole

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class DARTS(GradientSampler):
    """DARTS: runs all candidates, weighted by a softmax whose parameters minimize the validation loss.

    Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, algorithm 1, with the numbers of
    the published code: before each step of the weights, the parameters take one on a validation batch.  First order
    uses the present weights; second order the weights after their next step (``differentiate_unrolled``), for about twice
    the time.

    The published rule for a cell keeps two edges per node: give it as ``derivation=CellRule(...)``.  A candidate
    ``Zero`` competes in the softmax and does not run.  Difference: the steps of the parameters do not change the running
    statistics of normalization layers (in the published code the validation data changes them).

    >>> from torch import nn
    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> darts = DARTS(order=2)
    >>> darts.bind(net, seed=0)
    >>> net.selection.weights["act"].round(decimals=1)
    tensor([0.5000, 0.5000])

    Other options are those of ``GradientSampler``.

    Args:
      order: 1, or 2 for the gradient through a step of the weights.
      epsilon: the length of the finite difference of the second order.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["DARTS"]
    learns_first: ClassVar[bool] = True

    order: int = 1
    epsilon: float = 0.01
    weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        order = to_whole(self.order)
        if order not in (1, 2):
            raise FieldValueError(
                f"DARTS(order=...) takes 1 (the present weights) or 2 (the weights after their next step); got {quote(self.order)}."
            )
        self.order = order
        self.epsilon = check_number(self.epsilon, "epsilon", self, above=0.0)

    def _draw(self, step: Step) -> Draw:
        return self._draw_probabilities()

    def _differentiate(
        self, step: Step, draw: Draw, leaf: Tensor
    ) -> tuple[Tensor | None, dict[str, Tensor | None]]:
        if self.order == 1:
            return super()._differentiate(step, draw, leaf)
        batch = step.next_valid()
        priced: dict[str, Tensor] = {}

        def valid() -> tuple[Tensor, list[Any]]:
            total, leaves = self._objective(step.loss(batch), draw)
            priced.update(leaves)
            return total, list(leaves.values())

        gradient, direct = differentiate_unrolled(
            lambda: step.loss(step.batch),
            valid,
            leaf,
            [weight for weight in step.weights if weight.requires_grad],
            optimizer=step.weight_optimizer,
            learning_rate=step.learning_rate,
            epsilon=self.epsilon,
        )
        return gradient, dict(zip(priced, direct))


def differentiate_unrolled(
    train: Callable[[], Tensor],
    valid: Callable[[], tuple[Tensor, Sequence[Tensor]]],
    leaf: Tensor,
    weights: Sequence[nn.Parameter],
    *,
    optimizer: Optimizer | None,
    learning_rate: float,
    epsilon: float = 0.01,
) -> tuple[Tensor, list[Tensor | None]]:
    """Second-order gradient of DARTS (equations 6 to 8): that of ``valid`` after one step of the weights on ``train``.

    With ``w' = w - eta * (momentum * buffer + grad_w L_train(w, a) + decay * w)`` it is
    ``grad_a L_valid(w', a) - eta * (grad_a L_train(w+, a) - grad_a L_train(w-, a)) / (2 * e)`` where
    ``w+- = w +- e * grad_w' L_valid(w', a)`` and ``e = epsilon / |grad_w' L_valid|``.  The weights are restored bit by
    bit.  ``w+`` and ``w-`` use the same random numbers, so that dropout does not hide their difference.

    A step of SGD is computed with the rate, momentum, dampening, Nesterov's form and decay of each group of weights; a
    step of any other optimizer as that of plain SGD with the rate and decay of its groups.

    Args:
      train: the loss of the training batch, from the present weights and ``leaf``.
      valid: the loss of the validation batch, and further leaves that it depends on.
      leaf: the tensor that the gradient is taken by.
      weights: the weights that take the step.
      optimizer: their optimizer; plain SGD when None.
      learning_rate: for weights outside the groups of the optimizer.
      epsilon: the length of the finite difference.

    Returns:
      The gradient by ``leaf``, and the gradients by the leaves of ``valid``.
    """
    before = [weight.detach().clone() for weight in weights]
    try:
        slopes = _fill(_slopes(train(), weights), before)
        groups, alone = _groups(optimizer), ({"lr": learning_rate}, None)
        steps = [_look_ahead(w, slope, *groups.get(id(w), alone)) for w, slope in zip(weights, slopes)]
        _put(weights, [old - step for old, (step, _) in zip(before, steps)])
        total, others = valid()
        found = _slopes(total, [leaf, *others, *weights])
        first, direct, ahead = found[0], list(found[1 : 1 + len(others)]), found[1 + len(others) :]
        gradient = torch.zeros_like(leaf) if first is None else first.clone()
        rate = max((scale for _, scale in steps), default=0.0)
        if rate == 0.0:
            return gradient, direct
        # with one rate for all weights, the direction is the gradient itself
        direction = [slope * (scale / rate) for slope, (_, scale) in zip(_fill(ahead, before), steps)]
        length = torch.stack([part.double().pow(2).sum() for part in direction]).sum().sqrt().item()
        if length > 0.0:
            size = epsilon / length
            _put(weights, [old + size * part for old, part in zip(before, direction)])
            with torch.random.fork_rng(devices=[leaf.device] if leaf.is_cuda else []):  # for the same draws
                upper = _slopes(train(), [leaf])[0]
            _put(weights, [old - size * part for old, part in zip(before, direction)])
            lower = _slopes(train(), [leaf])[0]
            if upper is not None and lower is not None:
                gradient -= rate * (upper - lower) / (2.0 * size)
        return gradient, direct
    finally:
        _put(weights, before)


def _slopes(loss: Tensor, inputs: Sequence[Tensor]) -> list[Tensor | None]:
    """Returns gradients; None for inputs that the loss does not depend on."""
    return list(torch.autograd.grad(loss, list(inputs), allow_unused=True))


def _fill(slopes: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Returns gradients, with zeros for None."""
    return [torch.zeros_like(one) if slope is None else slope for slope, one in zip(slopes, like)]


def _put(weights: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for weight, value in zip(weights, values):
            weight.copy_(value)


def _groups(optimizer: Optimizer | None) -> dict[int, tuple[dict[str, Any], Any]]:
    """Returns by the ``id`` of a weight the options of its optimizer, and its momentum buffer."""
    found: dict[int, tuple[dict[str, Any], Any]] = {}
    for group in [] if optimizer is None else optimizer.param_groups:
        for weight in group["params"]:
            if isinstance(optimizer, torch.optim.SGD):
                found[id(weight)] = group, optimizer.state.get(weight, {}).get("momentum_buffer")
            else:
                options = {"lr": group["lr"], "weight_decay": group.get("weight_decay", 0.0)}
                found[id(weight)] = options, None
    return found


def _look_ahead(weight: Tensor, slope: Tensor, group: dict[str, Any], buffer: Any) -> tuple[Tensor, float]:
    """Returns the next step of SGD, and its derivative by the gradient."""
    rate, momentum = float(group["lr"]), float(group.get("momentum", 0.0))
    slope = slope + float(group.get("weight_decay", 0.0)) * weight.detach()
    share = 1.0
    if momentum and buffer is not None:
        share = 1.0 - float(group.get("dampening", 0.0))
        moved = momentum * buffer + share * slope
    else:
        moved = slope  # the first step, where the buffer starts
    if not momentum:
        return rate * slope, rate
    if group.get("nesterov"):
        return rate * (slope + momentum * moved), rate * (1.0 + momentum * share)
    return rate * moved, rate * share
