"""Which networks train together, and the training of one such group (PyTorch)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from pliant.zoo.tabular import PiecewiseLinear

from .batches import Rows
from .loop import Plan, train_together
from .stack import Networks, Single, Stack, describe
from .trained import Trained, make_network, run

STACKED_WEIGHTS = 1 << 22
"""Weights of all networks of a batched model: beyond it the caches of a processor are too small."""

STACKED_NETWORKS = 64
"""Networks of a batched model: beyond it there is nothing to gain."""


def group_programs(
    programs: Sequence[Any], seeds: Sequence[int], rows: int, *, largest: int = STACKED_NETWORKS
) -> list[list[int]]:
    """Returns the indices of the programs that train together, in the order of the first of each group.

    Args:
      programs: each has a ``network`` and its ``training``.
      seeds: of each.
      rows: how many there are to train on, which limits the size of batches.
      largest: the largest number of programs in a group.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, (program, seed) in enumerate(zip(programs, seeds, strict=True)):
        network = make_network(program, seed)
        shape = describe(network)
        if shape is None:
            groups["alone", index] = [index]
            continue
        size = sum(value.numel() for value in network.parameters())
        most = max(1, min(largest, STACKED_WEIGHTS // max(size, 1)))
        key = (shape, min(program.training.batch_size, rows))
        groups.setdefault(key, []).append(index)
        if len(groups[key]) == most:
            groups[key, index] = groups.pop(key)
    return sorted(groups.values())


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
    for place, (program, own, one) in enumerate(zip(programs, seeds, found, strict=True)):
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
            network = made[place] if place else make_network(program, own)  # a stack uses up the first one
            network.load_state_dict(one.state)
            outputs = run(network.eval(), plan.validation.numbers, plan.validation.categories)
            scored = plan.task.score(outputs, plan.validation.targets, plan.validation.weights)
            trained = replace(trained, score=float(scored))
        results.append(trained)
    return results


def _prepare(program: Any, seed: int, rows: Rows) -> nn.Module:
    network = make_network(program, seed)
    for part in network.modules():
        if isinstance(part, PiecewiseLinear):
            part.fit(rows.numbers)
    return network
