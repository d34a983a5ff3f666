"""``train_networks``: trains networks for tables; those of one structure as one batched model (PyTorch)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from pliant.values.errors import FieldValueError
from pliant.zoo.tabular import PiecewiseLinear

from ..encoded import Encoded
from ..task import Task
from .batches import Rows, read_rows
from .loop import Plan, train_together
from .stack import Networks, Single, Stack, describe
from .trained import Trained, make_network, run

STACKED_WEIGHTS = 1 << 22
"""Weights of all networks of a batched model: beyond it the caches of a processor are too small."""

STACKED_NETWORKS = 64
"""Networks of a batched model: beyond it there is nothing to gain."""


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
    should_stop: Callable[[], bool] | None = None,
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
      should_stop: called before each step; when it returns True, what is trained so far is returned.

    Raises:
      FieldValueError: targets, weights or seeds of another number, or epochs or patience below 1.
    """
    if epochs < 1 or patience < 1:
        raise FieldValueError(f"epochs and patience are at least 1; got {epochs} and {patience}.")
    seeds = _spread(seed, len(programs))
    rows = read_rows(train, targets, task, name="training", weights=weights)
    scored = read_rows(validation, validation_targets, task, name="validation")
    plan = Plan(rows, scored, task, epochs, patience, should_stop or _never)
    results: dict[int, Trained] = {}
    for group in group_programs(programs, seeds, len(rows)):
        found = train_group([programs[i] for i in group], [seeds[i] for i in group], plan)
        results.update(zip(group, found, strict=True))
    return [results[i] for i in range(len(programs))]


def group_programs(programs: Sequence[Any], seeds: Sequence[int], rows: int) -> list[list[int]]:
    """Returns the indices of the programs that train together, in the order of the first of each group.

    Args:
      programs: each has a ``network`` and its ``training``.
      seeds: of each.
      rows: how many there are to train on, which limits the size of batches.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, (program, seed) in enumerate(zip(programs, seeds, strict=True)):
        network = make_network(program, seed)
        shape = describe(network)
        if shape is None:
            groups["alone", index] = [index]
            continue
        size = sum(value.numel() for value in network.parameters())
        most = max(1, min(STACKED_NETWORKS, STACKED_WEIGHTS // max(size, 1)))
        key = (shape, min(program.training.batch_size, rows))
        groups.setdefault(key, []).append(index)
        if len(groups[key]) == most:
            groups[key, index] = groups.pop(key)
    return sorted(groups.values())


def _spread(seed: int | Sequence[int], count: int) -> list[int]:
    seeds = [seed] * count if isinstance(seed, int) else list(seed)
    if len(seeds) != count:
        raise FieldValueError(f"seed is a number, or one for each of the {count} programs; got {len(seeds)}.")
    return seeds


def train_group(programs: list[Any], seeds: list[int], plan: Plan) -> list[Trained]:
    """Trains programs of one group.

    Args:
      programs: each has a ``network`` and its ``training``.
      seeds: of each.
      plan: what they are trained on.
    """
    if plan.should_stop():
        return [Trained(one, own, reason="stopped") for one, own in zip(programs, seeds, strict=True)]
    made = [_prepare(one, own, plan.rows) for one, own in zip(programs, seeds, strict=True)]
    networks: Networks = Single(made[0], seeds[0]) if describe(made[0]) is None else Stack(made, seeds)
    found = train_together(networks, [one.training for one in programs], seeds, plan)
    results = []
    for program, own, one in zip(programs, seeds, found, strict=True):
        trained = Trained(
            program,
            own,
            one.state,
            None if one.best is None else one.best[0],
            tuple(one.curve),
            tuple(one.losses),
            one.best_epoch,
            one.reason,
        )
        if trained.score is not None:  # batched and single networks round differently
            outputs = run(trained.network(), plan.validation.numbers, plan.validation.categories)
            trained = replace(trained, score=float(plan.task.score(outputs, plan.validation.targets)))
        results.append(trained)
    return results


def _prepare(program: Any, seed: int, rows: Rows) -> nn.Module:
    network = make_network(program, seed)
    for part in network.modules():
        if isinstance(part, PiecewiseLinear):
            part.fit(rows.numbers)
    return network


def _never() -> bool:
    return False
