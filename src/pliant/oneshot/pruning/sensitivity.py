"""Sensitivity of a network to each decision alone, and the decisions that one price of cost makes.

Each width and depth is measured alone on a few batches, as FastNAS does (NVIDIA Model Optimizer).  A candidate then has its
damage plus its cost times a price, and the price is bisected until the network meets the limits: the multiplier of Lagrange, with costs
and damages taken to be sums over decisions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pliant.space import Choice, Decisions, Space

from ..choices.evaluation import call_network, evaluating
from ..choices.nested import find_leaves
from ..normalization import BatchStatistics
from ..rewrite.network import Supernet
from .decisions import change, compose, largest
from .importance import inputs_of
from .reuse import OutputReuse

Damage = Callable[[Decisions], float]
"""Takes the decisions of a network; returns how far its outputs are from those of the network that was given."""


class OutputDamage:
    """How far the outputs of a network of a super-network are from those of the network that was given.

    For outputs of shape (N, classes) the mean Kullback-Leibler divergence of the softmax; for others the squared error relative to
    the variance.  Batch normalization uses the statistics of the batch.  Modules run again only where something changed against the
    first network that was measured.

    Args:
      supernet: of the space.
      network: that was given.
      batches: inputs, or pairs of inputs and targets.
      is_class: whether outputs are logits of classes.
    """

    def __init__(
        self, supernet: Supernet, network: nn.Module, batches: Sequence[Any], *, is_class: bool
    ) -> None:
        self.supernet, self.batches, self.is_class = supernet, batches, is_class
        self.runs, self.reuse = 0, OutputReuse(len(batches))
        with torch.no_grad(), evaluating(network):
            self.wanted = [_tensors(call_network(network, inputs_of(batch))) for batch in batches]

    def __call__(self, decisions: Decisions) -> float:
        """Returns the damage of some decisions."""
        self.supernet.activate(decisions)
        total, self.runs = 0.0, self.runs + 1
        statistics = BatchStatistics().applied(self.supernet, lambda: (), lambda batch: None)
        with torch.no_grad(), evaluating(self.supernet), statistics:
            for index, (batch, wanted) in enumerate(zip(self.batches, self.wanted, strict=True)):
                with self.reuse.applied(self.supernet, index):
                    found = _tensors(call_network(self.supernet, inputs_of(batch)))
                total += sum(self._compare(a, b) for a, b in zip(found, wanted, strict=True))
        return total / len(self.batches)

    def _compare(self, found: Tensor, wanted: Tensor) -> float:
        if self.is_class and wanted.dim() == 2:
            logs = nn.functional.log_softmax(found, 1), nn.functional.log_softmax(wanted, 1)
            return float(nn.functional.kl_div(*logs, reduction="batchmean", log_target=True))
        return float((found - wanted).square().mean() / wanted.var().clamp_min(1e-12))


def _tensors(output: Any) -> list[Tensor]:
    """Returns the first tensor of an output; others, such as hidden states, repeat what it says."""
    return [x for x in find_leaves(output) if isinstance(x, Tensor) and x.is_floating_point()][:1]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The damage of each candidate of each decision alone.

    Attributes:
      damage: by path of a decision, one number for each candidate; 0 for that of the network as it was given.
      runs: how many networks were measured.
    """

    damage: Mapping[str, tuple[float, ...]]
    runs: int


def measure_sensitivity(space: Space, damage: Damage, *, points: int = 3) -> Sensitivity:
    """Measures each decision alone, with all others as in the network that was given.

    Args:
      space: of the network.
      damage: see ``Damage``.
      points: how many smaller sizes of each decision are measured; between these the damage is interpolated.
    """
    full: dict[str, Any] = largest(space).to_dict()
    base, runs = damage(largest(space)), 1
    found: dict[str, tuple[float, ...]] = {}
    for point in space.points:
        assert isinstance(point, Choice)
        if point.path not in full:
            continue
        own, measured = full[point.path], dict[int, float]()
        others = [index for index in range(point.count) if index != own]
        step = max(1, -(-len(others) // points))
        for index in others[::step]:
            measured[index] = max(damage(change(space, full, point.path, index)) - base, 0.0)
            runs += 1
        measured[own] = 0.0
        found[point.path] = _interpolate(measured, point.count)
    return Sensitivity(found, runs)


def _interpolate(measured: Mapping[int, float], count: int) -> tuple[float, ...]:
    known = sorted(measured)
    values = []
    for index in range(count):
        below = max((k for k in known if k <= index), default=known[0])
        above = min((k for k in known if k >= index), default=known[-1])
        part = 0.0 if above == below else (index - below) / (above - below)
        values.append(measured[below] * (1 - part) + measured[above] * part)
    for index in range(count - 2, -1, -1):  # more channels never do more damage, apart from noise
        if count > 2:
            values[index] = max(values[index], values[index + 1])
    return tuple(values)


def measure_burdens(
    space: Space, share: Callable[[Decisions], float], *, is_polynomial: bool = False
) -> dict[str, tuple[float, ...]]:
    """Returns by path of a decision what each candidate alone leaves of the cost of the network, as ``share`` counts it.

    Args:
      space: of the network.
      share: the cost of decisions.
      is_polynomial: whether the cost is at most quadratic in each size, as multiply-adds and parameters are: a width is at most once in the
        inputs and once in the outputs of a layer. Then three sizes of each decision are counted.
    """
    full: dict[str, Any] = largest(space).to_dict()
    found: dict[str, tuple[float, ...]] = {}
    for point in space.points:
        if point.path not in full:
            continue
        assert isinstance(point, Choice)
        sizes = [float(v) for v in point.values or () if isinstance(v, int)]
        count = point.count

        def measure(index: int, path: str = point.path) -> float:
            return share(change(space, full, path, index))

        if is_polynomial and len(sizes) == count > 3:
            known = {index: measure(index) for index in (0, count // 2, count - 1)}
            found[point.path] = tuple(
                _fit([(sizes[i], cost) for i, cost in known.items()], size) for size in sizes
            )
        else:
            found[point.path] = tuple(map(measure, range(count)))
    return found


def _fit(known: Sequence[tuple[float, float]], x: float) -> float:
    """Returns the value at x of the polynomial through some points (Lagrange)."""
    total = 0.0
    for i, (a, value) in enumerate(known):
        others = [b for j, (b, _) in enumerate(known) if j != i]
        total += value * math.prod((x - b) / (a - b) for b in others)
    return total


def decide(
    space: Space, sensitivity: Sensitivity, burdens: Mapping[str, Sequence[float]], price: float
) -> Decisions:
    """Returns the decisions with the least damage plus cost times a price, each alone; among equals the smaller cost."""

    def choose(point: Choice) -> int:
        damage = sensitivity.damage.get(point.path)
        if damage is None:
            return point.count - 1 if point.values else 0
        costs = burdens[point.path]
        return min(range(point.count), key=lambda i: (damage[i] + price * costs[i], costs[i]))

    return compose(space, choose)


PRICES = (1e-9, 1e9)
"""Between these the price is sought: damages are about 0.001 to 10, and costs are shares of a limit."""


def bisect(
    space: Space,
    sensitivity: Sensitivity,
    burdens: Mapping[str, Sequence[float]],
    excess: Callable[[Decisions], float],
) -> Decisions | None:
    """Returns the decisions of the smallest price that meets the limits, to one part in a million; None if none does."""
    low, high = PRICES
    if excess(decide(space, sensitivity, burdens, high)) > 1:
        return None
    while high / low > 1 + 1e-6:
        middle = math.sqrt(low * high)
        if excess(decide(space, sensitivity, burdens, middle)) <= 1:
            high = middle
        else:
            low = middle
    return decide(space, sensitivity, burdens, high)
