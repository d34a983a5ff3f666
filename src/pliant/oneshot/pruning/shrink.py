"""``shrink``: finds a smaller version of a trained network within limits, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from pliant.algorithms.base import check_seed
from pliant.algorithms.options import check_count
from pliant.space import Choice, Decisions, Space
from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed

from ..choices.nested import change_leaves
from ..normalization import Recalibrated, count_examples, mean_quality, recalibrate
from ..rewrite.network import Supernet, supernet
from ..rewrite.plain import to_plain
from ..training.defaults import default_quality
from .decisions import change, largest, smallest
from .evolution import evolve
from .importance import Activation, Importance, inputs_of
from .limits import CostMeter, Limit, format_cost, read_limits
from .opening import check_network, run_on
from .order import reorder
from .result import Row, Shrunk, read_changes
from .sensitivity import OutputDamage, Sensitivity, bisect, measure_burdens, measure_sensitivity
from .space import WIDTHS, FoundSpace, space_of

PROBED = 128  # examples on which single decisions are measured
FRONT = (0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125)  # shares of the cost that the front shows
Quality = Callable[[nn.Module, Any], float]


def shrink(
    network: nn.Module,
    example: object,
    data: Iterable[Any],
    limit: str | Sequence[str],
    *,
    quality: Quality | None = None,
    valid: Iterable[Any] | None = None,
    importance: Importance | None = None,
    widths: Sequence[float] = WIDTHS,
    heads: bool = True,
    depth: bool = True,
    kernels: Sequence[int] | None = None,
    divisor: int | None = None,
    keep: Sequence[str] = (),
    images: int = 2000,
    search: int = 0,
    seed: int = 0,
) -> Shrunk:
    """Returns a smaller version of a trained network within limits, without training; fine-tune it as any other network.

    Channels and heads are sorted by importance, so that narrow layers keep the most important ones.  Each decision is measured
    alone on a few batches, and one price of cost decides all: each takes the candidate with the least damage plus cost times price.

    >>> _ = torch.manual_seed(0)
    >>> network = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
    >>> result = shrink(network, torch.ones(1, 4), [torch.randn(16, 4) for _ in range(8)], "multiply_adds <= 0.5x")
    >>> result.chosen.shares["multiply_adds"] <= 0.5
    True

    Args:
      network: any module; it stays as it is.
      example: an input of it, or a tuple of inputs; costs are counted for it, so give the batch size that matters.
      data: batches like those of training: inputs, or pairs of inputs and targets; about ``images`` examples are read.
      limit: one or several of ``"COST <= NUMBER"``, joined with ``and``; with an ``x`` behind the number it is relative to the
        network.  Costs: multiply_adds, parameters, weight_bytes, peak_bytes (of activations), latency_ms (on this machine).
      quality: takes a network and a batch, and returns a number; higher is better.  The damage is then the loss of it.  By
        default, the damage is the change of the outputs, which needs no targets.
      valid: batches to measure quality on; by default those of ``data``.
      importance: what sorts the channels; ``Activation()`` by default.
      widths: as in ``space_of``.
      heads: as there.
      depth: as there.
      kernels: as there.
      divisor: as there.
      keep: as there.
      images: how many examples measure batch normalization.
      search: how many further networks an evolution evaluates on 128 examples, starting from those that sensitivities decide.
      seed: of the evolution.

    Raises:
      FieldTypeError, FieldValueError: the network cannot be opened, an argument is wrong, or no network is within the limits.
    """
    tries = check_count(search, "search", "shrink", least=0)
    read_limits(limit)
    batches, few = _check_data(network, data, images)
    sizes: Any = {"widths": widths, "heads": heads, "depth": depth, "kernels": kernels, "divisor": divisor}
    found = space_of(network, example, keep=keep, others=few, **sizes)
    made, how = _Search(found, batches, valid, quality, images), importance or Activation()
    return made.run(limit, how, training=network.training, evolution=(tries, check_seed(seed)))


class _Search:
    """The search of ``shrink``: sorts channels, measures decisions, and meets limits."""

    def __init__(
        self,
        found: FoundSpace,
        batches: list[Any],
        valid: Iterable[Any] | None,
        quality: Quality | None,
        images: int,
    ) -> None:
        self.found, self.quality, self.images = found, quality, images
        self.batches = batches
        self.tested = self.batches if valid is None else _read_batches(valid, 10**9, "valid")
        self.few = _take(self.batches, PROBED)

    def run(
        self,
        limit: str | Sequence[str],
        importance: Importance,
        *,
        training: bool,
        evolution: tuple[int, int],
    ) -> Shrunk:
        """Returns the result, in training mode if ``training``; ``evolution`` has the number of networks, and the seed."""
        found = self.found
        scores = importance.score(found.network, found.groups, self.few)
        reorder(found.network, found.groups, scores, found.example)
        net = supernet(found.space)
        meter = CostMeter(net, found)
        first, last = largest(net.space), smallest(net.space)
        limits = meter.find_limits(limit, first)
        if meter.excess(limits, last) > 1:
            raise _refuse(limits, meter, last, first)
        judge = _make_damage(net, found, self.quality, self.few)
        sensitivity = measure_sensitivity(net.space, judge)
        meet = _Meeting(net.space, sensitivity, meter, limits)
        chosen = meet(limits)
        if evolution[0]:
            repair, (tries, seed) = partial(meet.repair, limits), evolution
            chosen = evolve(net.space, [chosen], judge, repair, tries=tries, seed=seed)
        levels = [[Limit(one.cost, share * meter(one.cost, first)) for one in limits] for share in FRONT]
        able = [level for level in levels if meter.excess(level, last) <= 1]
        shown = [first, *(meet(level) for level in able), last]
        unique = {one.values: one for one in [*shown, chosen]}
        rows, made = {}, None
        for decisions in sorted(unique.values(), key=lambda one: -meter(limits[0].cost, one)):
            is_chosen = decisions.values == chosen.values
            images = self.images if is_chosen else 2 * PROBED
            child = recalibrate(net.materialize(decisions), self.batches, images=images)
            costs = {one.cost: meter(one.cost, decisions) for one in limits}
            shares = {name: cost / meter(name, first) for name, cost in costs.items()}
            measured = _measure_quality(child, self.tested, self.quality)
            facts = MappingProxyType(costs), MappingProxyType(shares), measured, judge(decisions)
            rows[decisions.values] = Row(decisions, *facts)
            made = to_plain(child).train(training) if is_chosen else made
        changes = MappingProxyType(read_changes(found, chosen))
        front = tuple(rows.values())
        return Shrunk(made, chosen, tuple(limits), front, rows[chosen.values], found, changes)


def _check_data(network: nn.Module, data: Iterable[Any], images: int) -> tuple[list[Any], list[Any]]:
    """Returns batches, and inputs of 8 examples, on which the network was run."""
    batches = _read_batches(data, images, "data")
    few = [inputs_of(batch) for batch in _take(batches, 8)]
    run_on(check_network(network), few[0], "a batch of shrink(data=...)")
    return batches, few


def _read_batches(data: Iterable[Any], images: int, name: str) -> list[Any]:
    """Returns the first batches, with about so many examples."""
    given: Any = data
    if isinstance(given, (Tensor, str)) or not hasattr(given, "__iter__"):
        raise FieldTypeError(
            f"shrink({name}=...) takes batches, such as a DataLoader or a list of (inputs, targets); got {quote_typed(given)}."
        )
    found, seen = [], 0
    for batch in data:
        found.append(batch)
        seen += count_examples(batch)
        if seen >= images:
            break
    if not found:
        raise FieldValueError(f"shrink({name}=...) has no batches. Give at least one.")
    return found


def first_example(data: Iterable[Any]) -> tuple[Any, ...]:
    """Returns the first example of batches, as inputs of a network.

    >>> [x.shape for x in first_example([(torch.ones(8, 3), torch.ones(8))])]
    [torch.Size([1, 3])]
    """
    (batch,) = _take(_read_batches(data, 1, "data"), 1)
    return _as_tuple(batch)


def _take(batches: list[Any], examples: int) -> list[Any]:
    """Returns the first examples of batches."""
    found: list[Any] = []
    for batch in batches:
        if examples <= 0:
            break
        size = count_examples(batch)
        found.append(change_leaves(batch, partial(_cut, examples)) if size > examples else batch)
        examples -= size
    return found


def _cut(examples: int, x: Any) -> Any:
    return x[:examples] if isinstance(x, Tensor) and x.dim() else x


def _make_damage(net: Supernet, found: FoundSpace, quality: Quality | None, batches: list[Any]) -> Any:
    if quality is None:
        return OutputDamage(net, found.network, batches, is_class=_has_classes(batches))

    def judge(decisions: Decisions) -> float:
        net.activate(decisions)
        net.eval()
        normalization = Recalibrated(10**9).applied(net, lambda: batches, lambda b: net(*_as_tuple(b)))
        with torch.no_grad(), normalization:
            return -mean_quality(lambda batch: quality(net, batch), batches)

    return judge


def _as_tuple(batch: Any) -> tuple[Any, ...]:
    inputs = inputs_of(batch)
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def _has_classes(batches: list[Any]) -> bool:
    pair = batches[0]
    targets = pair[1] if isinstance(pair, (tuple, list)) and len(pair) == 2 else None
    return isinstance(targets, Tensor) and not targets.is_floating_point()


def _measure_quality(network: nn.Module, batches: list[Any], quality: Quality | None) -> float | None:
    """Returns the mean quality; None if none was given and the batches do not determine one."""
    network.eval()
    judge = quality or default_quality
    with torch.no_grad():
        try:
            return mean_quality(lambda batch: judge(network, batch), batches)
        except (FieldTypeError, FieldValueError):
            if quality is not None:
                raise
            return None


class _Meeting:
    """Finds decisions within limits, for one network and some kinds of cost."""

    def __init__(
        self, space: Space, sensitivity: Sensitivity, meter: CostMeter, limits: Sequence[Limit]
    ) -> None:
        self.space, self.sensitivity, self.meter = space, sensitivity, meter
        first = largest(space)
        # a latency is measured, so its noise would decide between candidates: their multiply-adds stand for it
        counted = {"multiply_adds" if one.cost == "latency_ms" else one.cost for one in limits}
        whole = {cost: max(meter(cost, first), 1.0) for cost in sorted(counted)}
        self.burdens = measure_burdens(
            space,
            lambda one: sum(meter.predict(cost, one) / most for cost, most in whole.items()),
            is_polynomial=counted <= {"multiply_adds", "parameters", "weight_bytes"},
        )

    def __call__(self, limits: list[Limit]) -> Decisions:
        """Returns the decisions of the smallest price that meets limits, with what is left of them used up."""
        found = smallest(self.space)
        for predicted in (True, False):
            excess = partial(self.meter.excess, limits, predicted=predicted)
            chosen = bisect(self.space, self.sensitivity, self.burdens, excess)
            found = fill(self.space, self.sensitivity, chosen or smallest(self.space), excess)
            if self.meter.excess(limits, found) <= 1:  # always, where costs are sums over layers
                break
        return found

    def repair(self, limits: list[Limit], decisions: Decisions) -> Decisions | None:
        """Returns decisions within limits: sizes with the least damage for their cost become smaller, then others larger."""
        excess = partial(self.meter.excess, limits, predicted=True)
        values: dict[str, Any] = decisions.to_dict()
        while excess(decisions) > 1:
            steps = []
            for path, own in values.items():
                damage, point = self.sensitivity.damage.get(path), self.space.point(path)
                assert isinstance(point, Choice)
                lower = own + (-1 if point.values else 1)
                if damage is not None and 0 <= lower < point.count:
                    gain = self.burdens[path][own] - self.burdens[path][lower]
                    steps.append(((damage[lower] - damage[own]) / max(gain, 1e-12), path, lower))
            if not steps:
                return None
            _, path, lower = min(steps)
            decisions = change(self.space, values, path, lower)
            values = decisions.to_dict()
        found = fill(self.space, self.sensitivity, decisions, excess)
        return found if self.meter.excess(limits, found) <= 1 else None


def fill(
    space: Space, sensitivity: Sensitivity, decisions: Decisions, excess: Callable[[Decisions], float]
) -> Decisions:
    """Returns decisions with larger sizes where the limits allow it, those with the largest damage first."""
    values: dict[str, Any] = decisions.to_dict()
    blocked: set[str] = set()
    while True:
        steps = []
        for point in space.points:
            damage = sensitivity.damage.get(point.path)
            if damage is None or point.path in blocked or point.path not in values:
                continue
            assert isinstance(point, Choice)
            better = values[point.path] + (1 if point.values else -1)
            if 0 <= better < point.count:
                steps.append((damage[values[point.path]] - damage[better], point.path, better))
        if not steps:
            return decisions
        _, path, better = max(steps)
        tried = change(space, values, path, better)
        if excess(tried) <= 1:
            decisions, values = tried, tried.to_dict()
        else:
            blocked.add(path)


def _refuse(limits: list[Limit], meter: CostMeter, last: Decisions, first: Decisions) -> FieldValueError:
    worst = next(one for one in limits if meter(one.cost, last) > one.most)
    least, whole = meter(worst.cost, last), meter(worst.cost, first)
    return FieldValueError(
        f"no network of this space has {worst.cost} <= {format_cost(worst.most)}: the smallest has {format_cost(least)}, "
        f"{least / whole:.1%} of the {format_cost(whole)} of the network. Give a limit from there, or smaller sizes, such as "
        "widths=(0.125, 0.25, 0.5, 1.0), or depth=True."
    )
