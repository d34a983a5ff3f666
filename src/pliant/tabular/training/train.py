"""``train_networks``: trains networks for tables; those of one structure as one batched model (PyTorch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pliant.launch.base import Launcher
from pliant.values.errors import FieldValueError

from ..encoded import Encoded
from ..task import Task
from .batches import read_rows
from .group import group_programs, train_group
from .loop import Plan
from .trained import Trained
from .workers import train_in_workers


def train_networks(
    programs: Sequence[Any],
    train: Encoded,
    targets: Any,
    task: Task,
    *,
    validation: Encoded,
    validation_targets: Any,
    epochs: int,
    seed: int | Sequence[int],
    patience: int = 16,
    weights: Any = None,
    validation_weights: Any = None,
    should_stop: Callable[[], bool] | None = None,
    launcher: Launcher | None = None,
) -> list[Trained]:
    """Trains networks for a table, and returns them with the weights of their best epochs.

    Networks that differ only in learning rate, weight decay, dropout, activations, seed and weights train as one batched model.
    What a network becomes depends on its program and seed, up to rounding.  Torch's global random state stays as it is.

    >>> import numpy as np
    >>> from pliant.zoo.tabular import make_model
    >>> numbers = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    >>> rows = Encoded(numbers, np.zeros((200, 0), np.int64), ())
    >>> targets = (numbers[:, 0] > numbers[:, 1]).astype(np.int64)
    >>> some, others = np.arange(150), np.arange(150, 200)
    >>> (best,) = train_networks(
    ...     [make_model(3)], rows.take(some), targets[some], Task("binary", 1), epochs=20, seed=0,
    ...     validation=rows.take(others), validation_targets=targets[others],
    ... )
    >>> best.score > 0.9
    True

    Args:
      programs: such as samples of ``pliant.zoo.tabular.make_space``: each has a ``network`` and its ``training``.
      train: the rows to train on.
      targets: of these rows, as ``Task`` describes them.
      task: what is predicted.
      validation: the rows to score on.
      validation_targets: of these rows.
      epochs: passes over the rows, at most.
      seed: of the weights, the order of the rows, and dropout; one for all, or one for each program.
      patience: epochs without a better score after which a network stops.
      weights: of the training rows in the loss; None for equal ones.
      validation_weights: of the validation rows in the score; None for equal ones.
      should_stop: called before each step; when it returns True, what is trained so far is returned.
      launcher: whose workers train, such as ``Processes(preload=workers.PRELOAD)``; None trains in this process.

    Raises:
      FieldValueError: targets, weights or seeds of another number, or epochs or patience below 1.
    """
    if epochs < 1 or patience < 1:
        raise FieldValueError(f"epochs and patience are at least 1; got {epochs} and {patience}.")
    seeds = _spread(seed, len(programs))
    rows = read_rows(train, targets, task, name="training", weights=weights)
    scored = read_rows(validation, validation_targets, task, name="validation", weights=validation_weights)
    plan = Plan(rows, scored, task, epochs, patience, should_stop or _never)
    results = _train_all(programs, seeds, plan, launcher)
    return [results[i] for i in range(len(programs))]


def _train_all(
    programs: Sequence[Any], seeds: Sequence[int], plan: Plan, launcher: Launcher | None
) -> dict[int, Trained]:
    """Returns the networks by the indices of their programs."""
    if launcher is not None:
        return train_in_workers(programs, seeds, plan, launcher)
    results: dict[int, Trained] = {}
    for group in group_programs(programs, seeds, len(plan.rows)):
        found = train_group([programs[i] for i in group], [seeds[i] for i in group], plan)
        results.update(zip(group, found, strict=True))
    return results


def _spread(seed: int | Sequence[int], count: int) -> list[int]:
    seeds = [seed] * count if isinstance(seed, int) else list(seed)
    if len(seeds) != count:
        raise FieldValueError(f"seed is a number, or one for each of the {count} programs; got {len(seeds)}.")
    return seeds


def _never() -> bool:
    return False
