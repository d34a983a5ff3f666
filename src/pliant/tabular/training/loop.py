"""Training loop of networks that train together: mini-batches, AdamW, early stopping, the best epoch's weights (PyTorch)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor

from ..task import Task
from .batches import Batches, Rows
from .optimizer import AdamW
from .stack import Networks

EVALUATED = 1 << 16  # rows times candidates that are evaluated at once


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What networks are trained on, and for how long.

    Attributes:
      rows: to train on.
      validation: to score on.
      task: has the loss and the score.
      epochs: passes over the rows, at most.
      patience: epochs without a better score after which a network stops.
      should_stop: called before each step; True ends the training.
    """

    rows: Rows
    validation: Rows
    task: Task
    epochs: int
    patience: int
    should_stop: Callable[[], bool]


@final
@dataclass(slots=True)
class Progress:
    """How far a network is.

    Attributes:
      state: of its best epoch: the one with the highest score; of several, the one with the lowest loss on the validation rows.
      curve: the score after each epoch.
      losses: the mean loss of the training rows in each epoch.
      best: score and negative loss of its best epoch.
      best_epoch: its number, from 1.
      reason: why it ended.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best: tuple[float, float] | None = None
    best_epoch: int = 0
    reason: str = "epochs"

    def add(self, score: float, loss: float, validation_loss: float) -> bool:
        """Adds an epoch; returns whether it is the best one so far."""
        self.losses.append(loss)
        self.curve.append(score)
        found = score, -validation_loss
        if not all(map(math.isfinite, found)):
            self.reason = "not finite"
        elif self.best is None or found > self.best:
            self.best, self.best_epoch = found, len(self.curve)
            return True
        return False

    def ends(self, patience: int) -> bool:
        """Whether its training ends after the last epoch that was added."""
        if self.reason == "epochs" and len(self.curve) - self.best_epoch >= patience:
            self.reason = "patience"
        return self.reason != "epochs"


def train_together(
    networks: Networks, settings: Sequence[Any], seeds: Sequence[int], plan: Plan
) -> list[Progress]:
    """Trains networks with one batch size, and returns how it went for each.

    Args:
      networks: initial; they are changed.
      settings: the ``Training`` of each.
      seeds: of the order of the batches for each.
      plan: what they are trained on.
    """
    progress = [Progress() for _ in settings]
    active = list(progress)
    optimizer = AdamW(networks, [s.learning_rate for s in settings], [s.weight_decay for s in settings])
    batches = Batches(plan.rows, settings[0].batch_size, seeds)
    for _ in range(plan.epochs):
        losses, steps = _train_epoch(networks, optimizer, batches, plan)
        if steps:
            values = (losses / steps).tolist(), *evaluate(networks, plan.validation, plan.task)
            for place, (one, loss, score, missed) in enumerate(zip(active, *values, strict=True)):
                if one.add(score, loss, missed):
                    one.state = networks.state(place)
        remaining = [place for place, one in enumerate(active) if not one.ends(plan.patience)]
        if len(remaining) < len(active):
            active = [active[place] for place in remaining]
            if active:
                for part in (networks, optimizer, batches):
                    part.keep(remaining)
        if steps < batches.count or not active:
            for one in active:
                one.reason = "stopped"
            break
    return progress


@torch.no_grad()
def evaluate(networks: Networks, rows: Rows, task: Task) -> tuple[list[float], list[float]]:
    """Returns the score and the loss of each network."""
    networks.train(False)
    size = max(1, EVALUATED // len(networks.weights))
    starts = range(0, len(rows), size)
    outputs = torch.cat(
        [networks.run(rows.numbers[i : i + size], rows.categories[i : i + size]) for i in starts], dim=1
    )
    score = task.score(outputs, rows.targets, rows.weights)
    return score.tolist(), task.loss(outputs, rows.targets, rows.weights).tolist()


def _train_epoch(networks: Networks, optimizer: AdamW, batches: Batches, plan: Plan) -> tuple[Tensor, int]:
    """Performs the steps of a pass; returns the sum of the losses of each network, and the number of steps."""
    networks.train(True)
    total = torch.zeros(len(networks.weights))
    steps = 0
    for numbers, categories, targets, weights in batches.read():
        if plan.should_stop():
            break
        losses = plan.task.loss(networks.run(numbers, categories), targets, weights)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += losses.detach()
        steps += 1
    return total, steps
