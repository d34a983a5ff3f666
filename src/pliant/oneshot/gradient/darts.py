"""DARTS: the softmax over candidates is learned on validation data while the weights are learned on training data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.algorithms.options import check_number, refuse_unknown
from pliant.values.errors import FieldValueError

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class DARTS(GradientSampler):
    """Runs all candidates, weighted by a softmax, and descends the validation loss in its parameters.

    Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, algorithm 1, with the numbers of
    the published code: before each step of the weights, the parameters take one on a validation batch.  First order
    takes the weights as they are; second order, as they will be after their next step (``differentiate_unrolled``),
    for about twice the time.

    The published rule for a cell keeps two edges per node: give it as ``derivation=CellRule(...)``.  A candidate
    ``Zero`` competes in the softmax and need not run.  Ours: the steps of the parameters leave the running statistics
    of normalization layers as they are (the published code lets the validation data into them).

    >>> from torch import nn
    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> darts = DARTS(order=2)
    >>> darts.bind(net, seed=0)
    >>> net.selection.weights["act"].round(decimals=1)
    tensor([0.5000, 0.5000])

    All options that are not here are those of ``GradientSampler``.

    Args:
      order: 1, or 2 for the gradient through a step of the weights.
      epsilon: the length of the finite difference of the second order.
      learning_rate: of Adam, for the architecture parameters.
      betas: of Adam.
      weight_decay: of Adam, in the L2 form.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["DARTS"]

    order: int = 1
    epsilon: float = 0.01
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.order, bool) or self.order not in (1, 2):
            raise FieldValueError(
                f"DARTS(order=...) is 1 (the weights as they are) or 2 (after their next step); got {self.order!r:.80}."
            )
        self.epsilon = check_number(self.epsilon, "epsilon", self, above=0.0)

    def _draw(self, step: Step) -> Draw:
        soft = self._chosen(self._architecture.probabilities())
        return Draw({key: row.detach() for key, row in soft.items()}, soft)

    def before_weights(self, step: Step) -> None:
        """Lets the parameters take a step, and then selects the mixture."""
        if self._is_due(step):
            self._learn(step)
        super().before_weights(step)

    def after_weights(self, step: Step) -> None:
        """Counts."""
        self._steps += 1

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
    """Returns the gradient of ``valid`` after the weights took one step on ``train``.

    With ``w' = w - eta * (momentum * buffer + grad_w L_train(w, a) + decay * w)`` it is
    ``grad_a L_valid(w', a) - eta * (grad_a L_train(w+, a) - grad_a L_train(w-, a)) / (2 * e)`` where
    ``w+- = w +- e * grad_w' L_valid(w', a)`` and ``e = epsilon / |grad_w' L_valid|``.  The weights are put back,
    bit by bit.  Both ``w+`` and ``w-`` see the same random numbers, so that dropout does not drown their difference.

    SGD is looked ahead as it steps, with its own rate, momentum, dampening, Nesterov's form and decay for each group of
    weights; of any other optimizer, the step is taken to be that of plain SGD with the rate and decay of its groups.

    Args:
      train: the loss of the training batch, from the present weights and ``leaf``.
      valid: the loss of the validation batch, and leaves of its own that it depends on as well.
      leaf: what the gradient is by.
      weights: what is stepped; others stay.
      optimizer: what steps them; plain SGD when None.
      learning_rate: for weights that are in no group of the optimizer.
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
            with _same_random(leaf.device):
                upper = _slopes(train(), [leaf])[0]
            _put(weights, [old - size * part for old, part in zip(before, direction)])
            lower = _slopes(train(), [leaf])[0]
            if upper is not None and lower is not None:
                gradient -= rate * (upper - lower) / (2.0 * size)
        return gradient, direct
    finally:
        _put(weights, before)


def _slopes(loss: Tensor, inputs: Sequence[Tensor]) -> list[Tensor | None]:
    """Returns gradients; None for what the loss does not depend on."""
    return list(torch.autograd.grad(loss, list(inputs), allow_unused=True))


def _fill(slopes: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Returns gradients with zeros where there is none."""
    return [torch.zeros_like(one) if slope is None else slope for slope, one in zip(slopes, like)]


def _put(weights: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for weight, value in zip(weights, values):
            weight.copy_(value)


def _groups(optimizer: Optimizer | None) -> dict[int, tuple[dict[str, Any], Any]]:
    """Returns by the ``id`` of a weight the options that it is stepped with, and its momentum buffer."""
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
    """Returns the step that SGD would take, and how much of it is the slope."""
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


@contextmanager
def _same_random(device: torch.device) -> Iterator[None]:
    """Puts the random numbers back to where they were, so that what follows draws the same."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
