"""Predicts multiply-adds and parameters of smaller networks from the widths of their layers; no network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import nn

from pliant.cost.rules import find_count_rule, price_layer
from pliant.hyper.hole import DerivedHole, OneOf
from pliant.space import Choice, Decisions, Space

from ..elastic.widths import find_widths, is_depthwise
from .decisions import change, compose, largest, smallest
from .groups import find_holes
from .opening import find_nodes, run_once
from .space import BLOCK_NAME, FoundSpace

TOLERANCE = 1e-9  # of the cost: counts are whole numbers


@dataclass(frozen=True, slots=True)
class Width:
    """A width as a linear function of searched numbers.

    Attributes:
      whole: its largest value.
      constant: what no number decides.
      factors: by the name of a hole, what its number is multiplied with.
      most: the largest numbers, by the name of their holes.
    """

    whole: float
    constant: float
    factors: Mapping[str, float]
    most: Mapping[str, int]

    def share(self, numbers: Mapping[str, Any]) -> float:
        """Returns the width for some numbers as a share of the largest one; a number that is not given is the largest."""
        if not self.factors:
            return 1.0
        terms = (factor * numbers.get(name, self.most[name]) for name, factor in self.factors.items())
        return float((self.constant + sum(terms)) / self.whole)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer: its widths in the space, and the parts of its cost that are products of these.

    Attributes:
      path: in the network.
      sizes: the widths of the input and of the output.
      parts: the cost of the layer in the largest network, with the numbers of the widths in ``sizes`` that it is a multiple of.
    """

    path: str
    sizes: tuple[Width, Width]
    parts: list[tuple[float, tuple[int, ...]]]


@final
class CostPrediction:
    """A cost as a sum over layers, each a product of its widths, plus a rest to which each decision contributes alone.

    Args:
      found: the space.
      cost: ``"multiply_adds"`` or ``"parameters"``.
      measure: counts the cost of a network; called for the largest network, for some others to check with, and for one candidate of each
        decision if layers do not explain the whole cost.
      space: of the super-network.
    """

    def __init__(
        self, found: FoundSpace, cost: str, measure: Callable[[Decisions], float], space: Space
    ) -> None:
        self.space = space
        self.layers = list(_find_layers(found, cost))
        full = largest(space)
        self.rest, self.slopes = measure(full) - self._sum_layers(full), dict[str, tuple[float, float]]()
        if abs(self.rest) > TOLERANCE * measure(full):
            values: dict[str, Any] = full.to_dict()
            for path in values:
                index = 0 if _is_number(space.point(path)) else 1
                one = change(space, values, path, index)
                rest = measure(one) - self._sum_layers(one)
                self.slopes[path] = self._measure_change(path, one.to_dict()), rest - self.rest
        narrow = compose(space, lambda point: 0)
        checks = (full, narrow, smallest(space))
        self.is_exact = all(abs(self(one) - measure(one)) <= TOLERANCE * measure(full) for one in checks)

    def __call__(self, decisions: Decisions) -> float:
        """Returns the cost of a network."""
        rest, values = self.rest, decisions.to_dict()
        for path, (step, effect) in self.slopes.items():
            if path in values:
                rest += effect * self._measure_change(path, values) / step
        return float(round(self._sum_layers(decisions) + rest))  # a count

    def _measure_change(self, path: str, values: Mapping[str, Any]) -> float:
        """Returns how far a decision is from that of the largest network: by its number, or its index."""
        point: Any = self.space.point(path)
        index = values[path]
        return float(point.values[-1] - point.values[index]) if point.values else float(index)

    def _read(self, decisions: Decisions) -> dict[str, Any]:
        """Returns the numbers of decisions by the names of their holes; True by the name of a block that is left out."""
        found: dict[str, Any] = {}
        for path, index in decisions.to_dict().items():
            point: Any = self.space.point(path)
            found[str(point.name)] = point.values[index] if point.values else index == 1
        return found

    def _sum_layers(self, decisions: Decisions) -> float:
        numbers, total = self._read(decisions), 0.0
        gone = [n.removeprefix(BLOCK_NAME) for n, value in numbers.items() if value is True]
        for one in self.layers:
            if any(one.path == name or one.path.startswith(name + ".") for name in gone):
                continue
            shares = [size.share(numbers) for size in one.sizes]
            for part, roles in one.parts:
                for role in roles:
                    part *= shares[role]
                total += part
        return total


def _is_number(point: object) -> bool:
    return isinstance(point, Choice) and bool(point.values)


def _find_layers(found: FoundSpace, cost: str) -> Iterator[_Layer]:
    names = {id(module): name for name, module in found.network.named_modules()}
    priced = _price_layers(found) if cost == "multiply_adds" else {}
    met = set[int]()
    for _, node, module in find_nodes(found.space):
        widths, path = find_widths(module), names.get(id(module))
        if widths is None or path is None:
            continue
        given: Mapping[str, Any] = node.sym_init_args
        sizes = _to_linear(given.get(widths.reads or "")), _to_linear(given.get(widths.writes or ""))
        both: tuple[int, ...]
        both, last = ((0,), (0,)) if widths.writes is None or is_depthwise(module) else ((0, 1), (1,))
        parts: list[tuple[float, tuple[int, ...]]] = [(priced[path], both)] if path in priced else []
        for tensor in module._parameters.values() if cost == "parameters" else ():
            if tensor is not None and id(tensor) not in met:
                met.add(id(tensor))
                parts.append((float(tensor.numel()), both if tensor.dim() > 1 else last))
        yield _Layer(path, sizes, parts)


def _price_layers(found: FoundSpace) -> dict[str, float]:
    """Returns the multiply-adds of the layers of the network, by path."""
    costs: dict[str, float] = {}

    def note(path: str) -> Any:
        def hook(layer: nn.Module, args: Any, output: Any) -> None:
            costs[path] = costs.get(path, 0.0) + float(
                price_layer(layer, args, output, path=path, inside=0.0)
            )

        return hook

    hooks = [
        module.register_forward_hook(note(name))
        for name, module in found.network.named_modules()
        if find_widths(module) is not None and find_count_rule(module) is not None
    ]
    try:
        with torch.no_grad():
            run_once(found.network, found.example)
    finally:
        for hook in hooks:
            hook.remove()
    return costs


def _to_linear(value: Any) -> Width:
    """Returns a width as a linear function of searched numbers."""
    holes = {str(hole.name): hole for hole in find_holes(value)}
    most = {name: max(hole.candidates) for name, hole in holes.items()}
    whole, factors = _evaluate(value, most), dict[str, float]()
    for name, hole in holes.items():
        less = min(hole.candidates)
        if less < most[name]:
            factors[name] = (whole - _evaluate(value, {**most, name: less})) / (most[name] - less)
    constant = whole - sum(factor * most[name] for name, factor in factors.items())
    return Width(float(whole), constant, factors, most)


def _evaluate(value: Any, numbers: Mapping[str, int]) -> int:
    if isinstance(value, OneOf):
        return numbers[str(value.name)]
    if isinstance(value, DerivedHole):
        inner: Any = value.inner()
        is_list = isinstance(inner, list)
        return int(
            value.build([_evaluate(x, numbers) for x in inner] if is_list else _evaluate(inner, numbers))
        )
    return value if isinstance(value, int) else 0
