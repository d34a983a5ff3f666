"""The training recipe of the PyGlove paper's MobileNetV2 study, and a space of optimizers and schedules (PyTorch).

Peng et al., "PyGlove", NeurIPS 2020, table 6: RMSProp, cosine decay with a linear warm-up, weight decay, dropout, and an
average of weights.  The recipe needs the data and the hardware of its user; ``train`` runs any batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pliant.hyper import floatv, oneof
from pliant.symbolic.objects.object import Object
from pliant.values.errors import FieldValueError

OPTIMIZER_HINT, RATE_HINT, SCHEDULE_HINT, DECAY_HINT = "optimizer", "rate", "schedule", "decay"
"""The hints of the holes."""


@final
class RMSProp(torch.optim.Optimizer):
    """RMSProp with epsilon inside the square root, and the learning rate inside the momentum, as TensorFlow has it.

    v = decay v + (1 - decay) g^2;  m = momentum m + rate g / sqrt(v + epsilon);  w = w - m.  With the large epsilon of
    the recipe this differs much from ``torch.optim.RMSprop``.

    Args:
      params: parameters or groups of them.
      lr: the learning rate.
      decay: of the mean of squared gradients, which starts at 1.
      momentum: of the steps.
      eps: epsilon.
      weight_decay: times half the squared weights is added to the loss (L2).
    """

    def __init__(
        self,
        params: Any,
        lr: float,
        *,
        decay: float = 0.9,
        momentum: float = 0.9,
        eps: float = 1.0,
        weight_decay: float = 0.0,
    ) -> None:
        fields = {"lr": lr, "decay": decay, "momentum": momentum, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, fields)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Performs a step; returns the loss of the closure, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                gradient = weight.grad.add(weight, alpha=group["weight_decay"])
                state = self.state[weight]
                if not state:
                    state["square"], state["moved"] = torch.ones_like(weight), torch.zeros_like(weight)
                square, moved = state["square"], state["moved"]
                square.mul_(group["decay"]).addcmul_(gradient, gradient, value=1 - group["decay"])
                moved.mul_(group["momentum"]).addcdiv_(
                    gradient, (square + group["eps"]).sqrt_(), value=group["lr"]
                )
                weight.sub_(moved)
        return loss


@final
class Recipe(Object):
    """How to train a network for image classification; the defaults are those of table 6.

    Attributes:
      epochs: passes over the data.
      batch_size: images of a step; for smaller ones scale ``rate`` with it.
      rate: the peak of the learning rate.
      warmup: epochs of linear rise to the peak; cosine decay to 0 follows.
      momentum, decay, epsilon: of ``RMSProp``.
      weight_decay: L2 on all weights.
      dropout: the probability of all dropout layers.
      norm_momentum: share of the running statistics of batch normalization that a step keeps.
      norm_epsilon: of batch normalization.
      average: share of the averaged weights that a step keeps.
    """

    epochs: int = 360
    batch_size: int = 4096
    rate: float = 2.64
    warmup: float = 5.0
    momentum: float = 0.9
    decay: float = 0.9
    epsilon: float = 1.0
    weight_decay: float = 2e-5
    dropout: float = 0.15
    norm_momentum: float = 0.99
    norm_epsilon: float = 0.001
    average: float = 0.9999

    def find_rate(self, epoch: float) -> float:
        """Returns the learning rate after so many epochs, which may be a fraction.

        >>> recipe = Recipe()
        >>> recipe.find_rate(2.5), recipe.find_rate(5), recipe.find_rate(360)
        (1.32, 2.64, 0.0)
        """
        if epoch < self.warmup:
            return self.rate * epoch / self.warmup
        share = (epoch - self.warmup) / max(self.epochs - self.warmup, 1e-9)
        return self.rate * (1 + math.cos(math.pi * min(share, 1.0))) / 2

    def prepare(self, network: nn.Module) -> nn.Module:
        """Sets dropout and batch normalization of a network, and returns it."""
        for part in network.modules():
            if isinstance(part, nn.Dropout):
                part.p = self.dropout
            elif isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.momentum, part.eps = 1 - self.norm_momentum, self.norm_epsilon
        return network

    def make_optimizer(self, network: nn.Module) -> RMSProp:
        """Returns the optimizer of a network's weights."""
        return RMSProp(
            network.parameters(),
            0.0,
            decay=self.decay,
            momentum=self.momentum,
            eps=self.epsilon,
            weight_decay=self.weight_decay,
        )


def train(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], recipe: Recipe, *, steps_per_epoch: int
) -> Iterator[tuple[float, AveragedModel]]:
    """Trains a network by a recipe, and yields after each step the loss and the network with averaged weights.

    Dropout and batch normalization are set by ``recipe.prepare`` first.

    Args:
      network: from images to logits.
      batches: images and labels, as many as are to be trained on: one pass is one epoch.
      recipe: how to train.
      steps_per_epoch: the number of batches in an epoch, which the schedule needs.

    Raises:
      FieldValueError: ``steps_per_epoch`` is not positive.
    """
    if steps_per_epoch < 1:
        raise FieldValueError(f"train(steps_per_epoch=...) is at least 1; got {steps_per_epoch}.")
    return _run(network, batches, recipe, steps_per_epoch)


def _run(
    network: nn.Module, batches: Any, recipe: Recipe, per_epoch: int
) -> Iterator[tuple[float, AveragedModel]]:
    optimizer = recipe.make_optimizer(recipe.prepare(network))
    average: Any = get_ema_multi_avg_fn
    averaged = AveragedModel(network, multi_avg_fn=average(recipe.average), use_buffers=True)
    step = 0
    for epoch in range(recipe.epochs):
        for images, labels in batches:
            network.train()
            for group in optimizer.param_groups:
                group["lr"] = recipe.find_rate((step + 1) / per_epoch)
            loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            averaged.update_parameters(network)
            step += 1
            yield loss.item(), averaged
        if step != (epoch + 1) * per_epoch:
            raise FieldValueError(
                f"epoch {epoch} had {step - epoch * per_epoch} batches, but steps_per_epoch is {per_epoch}: the schedule needs the "
                "right number. Give batches that can be passed over several times, such as a list or a DataLoader."
            )


def make_space() -> Any:
    """Returns a recipe with holes for the peak of the learning rate, its schedule, weight decay, dropout and momentum.

    >>> import pliant as pg
    >>> len(pg.abstract_search_space(make_space()).points)
    5
    """
    return Recipe(
        rate=floatv(0.01, 10.0, scale="log", hints=RATE_HINT),
        warmup=oneof([0.0, 2.0, 5.0, 10.0], hints=SCHEDULE_HINT),
        weight_decay=floatv(1e-6, 1e-3, scale="log", hints=DECAY_HINT),
        dropout=oneof([0.0, 0.1, 0.15, 0.2, 0.3], hints=DECAY_HINT),
        momentum=oneof([0.0, 0.8, 0.9, 0.95], hints=OPTIMIZER_HINT),
    )
