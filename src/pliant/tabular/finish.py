"""What follows a search: the best networks are trained longer, averaged if that helps, and trained again on all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pliant.launch.base import Launcher

from .encoded import Encoded
from .task import Task
from .training.train import train_networks
from .training.trained import Trained

LONGER = 3
"""How many times more epochs the best networks get."""

ROUNDS = 10
"""Networks that are averaged, at most; one may count several times."""

MAX_REFIT = 50_000
"""Rows up to which the chosen networks are trained again on all of them."""


@final
@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Encoded rows with their targets, and which of them are for training and for validation."""

    encoded: Encoded
    targets: NDArray[Any]
    weights: NDArray[np.float32] | None
    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    launcher: Launcher | None = None  # whose workers train; this process where there is none

    def train(
        self, programs: Sequence[Any], task: Task, *, epochs: int, seed: int, should_stop: Callable[[], bool]
    ) -> list[Trained]:
        """Trains networks on the training rows, scored on the validation rows."""
        return train_networks(
            programs,
            self.encoded.take(self.training),
            self.targets[self.training],
            task,
            validation=self.encoded.take(self.validation),
            validation_targets=self.targets[self.validation],
            epochs=epochs,
            seed=seed,
            weights=None if self.weights is None else self.weights[self.training],
            validation_weights=None if self.weights is None else self.weights[self.validation],
            should_stop=should_stop,
            launcher=self.launcher,
        )


@final
@dataclass(frozen=True, eq=False, slots=True)
class Chosen:
    """The networks that predict together.

    Attributes:
      members: networks with their shares, which sum to 1.
      score: on the validation rows.
      is_refit: whether they were trained again on all rows after they were scored.
    """

    members: tuple[tuple[Trained, float], ...]
    score: float
    is_refit: bool = False


def train_longer(
    found: Sequence[Trained],
    rows: Rows,
    task: Task,
    *,
    epochs: int,
    seed: int,
    should_stop: Callable[[], bool],
) -> list[Trained]:
    """Returns networks and what they become with more epochs and other initial weights, those with a score."""
    longer = rows.train(
        [one.program for one in found], task, epochs=LONGER * epochs, seed=seed + 1, should_stop=should_stop
    )
    return [one for one in (*found, *longer) if one.score is not None]


@torch.no_grad()
def average(found: Sequence[Trained], rows: Rows, task: Task) -> Chosen:
    """Returns the networks whose mean outputs score best on the validation rows, chosen one after the other.

    Greedy selection with replacement, which starts with the best network and ends where no other one helps: Caruana et al.,
    "Ensemble Selection from Libraries of Models", ICML 2004.  Equal scores are ordered by the loss.
    """
    validation = rows.encoded.take(rows.validation)
    targets = torch.from_numpy(rows.targets[rows.validation])
    weights = None if rows.weights is None else torch.from_numpy(rows.weights[rows.validation])
    outputs = [one.predict(validation) for one in found]

    def rate(sum_: Tensor, count: int) -> tuple[float, float]:
        mean = sum_ / count
        return float(task.score(mean, targets, weights)), -float(task.loss(mean, targets, weights))

    counts = [0] * len(found)
    total, best = torch.zeros_like(outputs[0]), (-np.inf, -np.inf)
    for count in range(1, ROUNDS + 1):
        rates = [rate(total + one, count) for one in outputs]
        place = max(range(len(found)), key=lambda i: rates[i])
        if rates[place] <= best:
            break
        best, total = rates[place], total + outputs[place]
        counts[place] += 1
    size = sum(counts)
    members = tuple([(one, count / size) for one, count in zip(found, counts) if count])
    return Chosen(members, best[0])


def refit(chosen: Chosen, rows: Rows, task: Task, *, seed: int, should_stop: Callable[[], bool]) -> Chosen:
    """Returns the networks trained again on all rows, each for its best number of epochs; as they were where time is short."""
    members = []
    for trained, share in chosen.members:
        epochs = trained.best_epoch
        (again,) = train_networks(
            [trained.program],
            rows.encoded,
            rows.targets,
            task,
            validation=rows.encoded,
            validation_targets=rows.targets,
            epochs=epochs,
            seed=trained.seed,
            patience=epochs,
            weights=rows.weights,
            validation_weights=rows.weights,
            should_stop=should_stop,
            launcher=rows.launcher,
        )
        if again.score is None or again.reason == "stopped":
            return chosen
        members.append((again, share))
    return Chosen(tuple(members), chosen.score, is_refit=True)
