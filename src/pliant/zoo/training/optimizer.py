"""A space of optimizers and schedules of the learning rate, for any network (PyTorch).

Section 2 of the PyGlove paper (Peng et al., NeurIPS 2020) puts a choice of optimizers with their own learning rates beside a space of
networks; schedules are those of Loshchilov and Hutter, "SGDR", ICLR 2017, and others in use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.object import Object
from pliant.values.errors import FieldValueError, quote, suggest

RATES: Final = {
    "sgd": (0.01, 0.03, 0.1, 0.3, 1.0),
    "adam": (0.0003, 0.001, 0.003, 0.01),
    "rmsprop": (0.0003, 0.001, 0.003, 0.01),
}
"""The candidates for the peak of the learning rate of each kind of optimizer."""

MOMENTA, WEIGHT_DECAYS = (0.0, 0.9, 0.95), (0.0, 1e-5, 1e-4, 1e-3)
"""The candidates for momentum (the first beta of Adam) and for weight decay."""

SCHEDULES, WARMUPS = ("constant", "cosine", "linear", "steps"), (0.0, 0.05, 0.1)
"""The candidates for the schedule and for the share of the training in which the rate rises to its peak."""

KIND_HINT, RATE_HINT, SCHEDULE_HINT, DECAY_HINT = "optimizer", "rate", "schedule", "decay"
"""The hints of the holes."""


@final
class Optimizer(Object):
    """An optimizer.

    Attributes:
      kind: ``"sgd"``, ``"adam"`` (with decoupled weight decay, AdamW) or ``"rmsprop"``.
      rate: the peak of the learning rate.
      momentum: of the steps; Adam's first beta.
      weight_decay: the factor of the weights that each step subtracts, times the rate.
    """

    kind: str = "sgd"
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4

    def make(self, network: nn.Module) -> torch.optim.Optimizer:
        """Returns PyTorch's optimizer of a network's weights.

        Raises:
          FieldValueError: the kind is unknown.
        """
        if self.kind not in RATES:
            raise FieldValueError(
                f"the optimizers are {', '.join(RATES)}; got {quote(self.kind)}{suggest(self.kind, RATES) or '.'}"
            )
        weights, decay = network.parameters(), self.weight_decay
        if self.kind == "adam":
            return torch.optim.AdamW(weights, self.rate, betas=(self.momentum, 0.999), weight_decay=decay)
        make: Any = torch.optim.SGD if self.kind == "sgd" else torch.optim.RMSprop
        made: torch.optim.Optimizer = make(weights, self.rate, momentum=self.momentum, weight_decay=decay)
        return made


@final
class Schedule(Object):
    """How the learning rate changes: a linear rise to the peak, then a decay.

    Attributes:
      kind: ``"constant"``, ``"cosine"``, ``"linear"`` (both to 0), or ``"steps"`` (a tenth after half of the training, and a
        hundredth after three quarters).
      warmup: the share of the training in which the rate rises.
    """

    kind: str = "cosine"
    warmup: float = 0.05

    def find_factor(self, done: float) -> float:
        """Returns the learning rate relative to its peak after a share of the training.

        >>> schedule = Schedule("cosine", warmup=0.2)
        >>> schedule.find_factor(0.1), round(schedule.find_factor(0.6), 6), schedule.find_factor(1.0)
        (0.5, 0.5, 0.0)

        Raises:
          FieldValueError: the kind is unknown, or the warm-up is the whole training.
        """
        if self.kind not in SCHEDULES:
            raise FieldValueError(
                f"the schedules are {', '.join(SCHEDULES)}; got {quote(self.kind)}{suggest(self.kind, SCHEDULES) or '.'}"
            )
        if not 0 <= self.warmup < 1:
            raise FieldValueError(f"Schedule(warmup=...) is a share from 0 to below 1; got {self.warmup}.")
        if done < self.warmup:
            return done / self.warmup
        if self.kind == "constant":
            return 1.0
        if self.kind == "steps":
            return 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01
        left = (1 - done) / (1 - self.warmup)
        return left if self.kind == "linear" else (1 - math.cos(math.pi * left)) / 2


@final
class Training(Object):
    """How to train: an optimizer and a schedule.

    Attributes:
      optimizer: with the peak of the learning rate.
      schedule: of the learning rate.
    """

    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()


def train(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], training: Training, *, steps: int
) -> Iterator[float]:
    """Trains a network that classifies, and yields the loss after each step.

    Args:
      network: from inputs to logits.
      batches: inputs and labels; it starts from the beginning after the last.
      training: how to train.
      steps: the number of steps, which the schedule needs.

    Raises:
      FieldValueError: ``steps`` is not positive, or ``batches`` is empty.
    """
    if steps < 1:
        raise FieldValueError(f"train(steps=...) is at least 1; got {steps}.")
    return _run(network, batches, training, steps)


def _run(network: nn.Module, batches: Any, training: Training, steps: int) -> Iterator[float]:
    optimizer, step = training.optimizer.make(network), 0
    while step < steps:
        before = step
        for inputs, labels in batches:
            if step == steps:
                return
            for group in optimizer.param_groups:
                group["lr"] = training.optimizer.rate * training.schedule.find_factor((step + 0.5) / steps)
            loss = nn.functional.cross_entropy(network(inputs), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step += 1
            yield loss.item()
        if step == before:
            raise FieldValueError(
                "train needs batches that can be passed over several times, such as a list or a DataLoader; it found none."
            )


def make_space() -> Any:
    """Returns optimizers and schedules: (5 + 4 + 4) rates * 3 momenta * 4 weight decays * 4 schedules * 3 warm-ups.

    The kind decides which rates there are: a conditional space.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size
    1872
    """
    momentum = oneof(list(MOMENTA), hints=DECAY_HINT)
    decay = oneof(list(WEIGHT_DECAYS), hints=DECAY_HINT)
    optimizers = [
        Optimizer(kind, oneof(list(rates), hints=RATE_HINT), clone(momentum), clone(decay))
        for kind, rates in RATES.items()
    ]
    schedule = Schedule(
        oneof(list(SCHEDULES), hints=SCHEDULE_HINT), oneof(list(WARMUPS), hints=SCHEDULE_HINT)
    )
    return Training(oneof(optimizers, hints=KIND_HINT), schedule)
