"""Mixture of the sizes of an elastic module: the weighted sum of their outputs, padded with zeros to the widest.

A size takes the first channels of a wider input.  Tuples and other nested outputs are mixed tensor by tensor.  With all weight on one size, the mixture equals that size.  Sizes of
one layer run as one superkernel where possible, all others one by one.  Sizes with weight zero do not run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from pliant.space import Choice, Decisions, Space
from pliant.values.errors import FieldValueError

from ..choices.nested import NestedError, change_leaves, find_leaves, join_leaves
from ..choices.selection import Selection
from .lazy import LazyLayer
from .sharing import SharedTensors, Skeleton
from .slices import Width, place_channels, take_channels
from .superkernel import Superkernel, find_superkernel
from .widths import find_widths, input_width

MAX_PLANS = 64  # so many plans are cached: one for each set of sizes with weight

Support = tuple[tuple[int, ...], ...]
"""By axis, the places with weight."""


@final
@dataclass(frozen=True, slots=True)
class MixturePlan:
    """How the sizes with weight run.

    Attributes:
      sizes: by the place on each axis, counted among the places with weight.
      superkernel: runs all sizes as one; None if they run one by one.
      dim: the dimension of channels, from the end if negative; None if it is unknown.
      input_channels: by size, how many channels its first layer takes; empty if all sizes take equally many.
    """

    sizes: dict[tuple[int, ...], Skeleton]
    superkernel: Superkernel | None
    dim: int | None
    input_channels: tuple[int | None, ...] = ()

    def running(self) -> list[Skeleton]:
        """Returns the sizes whose layers run: only the largest in a superkernel."""
        return [self.superkernel.largest] if self.superkernel else list(self.sizes.values())


@final
class SizeMixture:
    """Runs an elastic module with the selected weights of its keys.

    The weight of a size is the product of the weights of its values.  Each key is an axis; in a space with conditional
    values, all keys together are one axis.

    Args:
      space: the decision points of the module.
      keys: the key of each point.
      selection: what the module reads.
      shared: the maximal tensors.
      skeleton: returns the module for some values of ``space``.
    """

    def __init__(
        self,
        space: Space,
        keys: Sequence[str],
        selection: Selection,
        shared: SharedTensors,
        *,
        skeleton: Callable[[tuple[Any, ...]], Skeleton],
    ) -> None:
        self._space, self._keys, self._selection, self._shared = space, keys, selection, shared
        self._make = skeleton
        self._is_joint = any(isinstance(point, Choice) and any(point.branches) for point in space.points)
        self._all = list(space.iterate()) if self._is_joint else []
        self._plans: dict[Support, MixturePlan] = {}
        self._running: list[Skeleton] = []

    def run(self, args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
        """Runs the module.

        Raises:
          FieldValueError: the outputs of the sizes are not tensors that differ only in their number of channels.
        """
        rows, numbers = self._rows()
        plan = self.plan(_support(numbers))
        self.give_back()
        self._running = plan.running()
        learned = torch.is_grad_enabled() and any(row.requires_grad for row in rows)
        if len(plan.sizes) == 1 and not learned and all(1.0 in row for row in numbers):
            return self._run_size(self._running[0], args, fields)
        kept = _support(numbers)
        rows = [row if len(axis) == len(row) else row[list(axis)] for row, axis in zip(rows, kept)]
        if plan.superkernel is None:
            return self._sum(plan, rows, args, fields)
        return self._run_superkernel(plan.superkernel, rows, args, fields)

    def running(self) -> list[Skeleton]:
        """Returns the sizes whose layers run for the current weights: only the largest in a superkernel."""
        return self.plan(_support(self._rows()[1])).running()

    def sizes(self) -> list[Skeleton]:
        """Returns the sizes with weight."""
        return list(self.plan(_support(self._rows()[1])).sizes.values())

    def plan(self, support: Support | None = None) -> MixturePlan:
        """Returns how the sizes with weight run; if None, all sizes."""
        counts = [len(self._all)] if self._is_joint else [int(p.count) for p in self._space.points]
        kept = tuple(tuple(range(count)) for count in counts) if support is None else support
        found = self._plans.get(kept)
        if found is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            sizes = {
                place: self._make(self._values([axis[i] for axis, i in zip(kept, place)]))
                for place in itertools.product(*(range(len(axis)) for axis in kept))
            }
            layers = [layer for size in sizes.values() for _, layer in self._shared.layers(size.module)]
            is_lazy = any(isinstance(layer, LazyLayer) for layer in layers)
            inputs = [find_input_channels(size.module) for size in sizes.values()]
            counts_in = tuple(count for _, count in inputs)
            differ = len(set(counts_in)) > 1 or any(isinstance(count, Width) for count in counts_in)
            channels = counts_in if differ else ()
            superkernel = None if is_lazy else find_superkernel(sizes)
            found = self._plans[kept] = MixturePlan(sizes, superkernel, inputs[0][0], channels)
        return found

    def give_back(self) -> None:
        """Removes the borrowed weights from the sizes that ran last."""
        for skeleton in self._running:
            skeleton.give_back()
        self._running = []

    # ------------------------------------------------------------------ weights

    def _rows(self) -> tuple[list[Tensor], list[list[float]]]:
        """Returns the weights of each axis, as tensors and as numbers."""
        selection, keys = self._selection, self._keys
        like = next(selection.weights[key] for key in keys if key in selection.weights)
        rows: list[Tensor] = []
        numbers: list[list[float]] = []
        for key, point in zip(keys, self._space.points):
            if key in selection.weights:
                rows.append(selection.weights[key])
                numbers.append(selection.numbers(key))
            else:  # one value is selected
                value = selection.values.get(key, 0)
                numbers.append([float(i == value) for i in range(int(point.count))])
                rows.append(like.new_tensor(numbers[-1]))
        return self._join(rows, numbers) if self._is_joint else (rows, numbers)

    def _join(self, rows: list[Tensor], numbers: list[list[float]]) -> tuple[list[Tensor], list[list[float]]]:
        """Returns the weights of the joint axis of a module with conditional values."""
        joint, known = [], []
        for decisions in self._all:
            picked = [(i, int(value)) for i, value in zip(decisions.active, decisions.values)]
            joint.append(torch.stack([rows[i][value] for i, value in picked]).prod())
            number = 1.0
            for i, value in picked:
                number *= numbers[i][value]
            known.append(number)
        return [torch.stack(joint)], [known]

    def _values(self, places: Sequence[int]) -> tuple[Any, ...]:
        """Returns the values at places on the axes."""
        if self._is_joint:
            return self._all[places[0]].values
        return Decisions(self._space, places).values

    # ------------------------------------------------------------------ running

    def _lend(self, size: Skeleton) -> nn.Module:
        size.borrow(self._shared.take(size))
        return size.module

    def _run_size(self, size: Skeleton, args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
        output = self._lend(size)(*args, **fields)
        self._shared.write_copies(size)
        return output

    def _run_superkernel(self, superkernel: Superkernel, rows: list[Tensor], args: Any, fields: Any) -> Any:
        tensors = self._shared.take(superkernel.largest)
        for i, binding in enumerate(superkernel.largest.bindings):
            for factor in superkernel.weights.get(binding.name, ()):
                tensors[i] = tensors[i] * factor.compute(rows, tensors[i])
        superkernel.largest.borrow(tensors)
        output = superkernel.largest.module(*args, **fields)
        for factor in superkernel.output:
            mask = factor.compute(rows, output)
            output = output * (mask.reshape(-1, *[1] * (output.dim() - 2)) if mask.dim() else mask)
        return output

    def _sum(
        self, plan: MixturePlan, rows: list[Tensor], args: tuple[Any, ...], fields: dict[str, Any]
    ) -> Any:
        """Runs the sizes one by one."""
        parts: list[Any] = []
        for index, size in enumerate(plan.sizes.values()):
            own, named = _cut_inputs((args, fields), plan, index)
            part = self._run_size(size, own, named)
            parts.append(change_leaves(part, partial(place_outputs, size.module)))
        shares = [torch.stack([row[i] for row, i in zip(rows, place)]).prod() for place in plan.sizes]

        def join(places: list[int], found: list[Tensor]) -> Tensor:
            total: Any = 0.0
            for place, part in zip(places, self._widen(found, plan.dim)):
                total = total + shares[place].to(part.dtype) * part
            return total  # type: ignore[no-any-return]  # there is at least one size

        try:
            return join_leaves(parts, join)
        except NestedError as error:
            raise FieldValueError(
                f"the sizes of the module at {self._shared.path!r} cannot be mixed: {error}."
            ) from None

    def _widen(self, parts: list[Tensor], dim: int | None) -> list[Tensor]:
        """Pads the channels of outputs with zeros to the widest."""
        shapes = sorted({tuple(part.shape) for part in parts})
        if len(shapes) == 1:
            return parts
        count = len(shapes[0])
        dim = None if dim is None else dim % count
        others = {shape[:dim] + shape[dim + 1 :] for shape in shapes} if dim is not None else set(shapes)
        if len(others) > 1 or dim is None:
            raise FieldValueError(
                f"the sizes of the module at {self._shared.path!r} return the shapes {' and '.join(map(str, shapes[:4]))}. In a "
                "mixture only the number of channels may differ: do not search the stride, and give each kernel size its padding."
            )
        widest = max(shape[dim] for shape in shapes)
        behind = [0, 0] * (count - 1 - dim)
        return [functional.pad(part, [*behind, 0, widest - part.shape[dim]]) for part in parts]


def place_outputs(module: nn.Module, output: Any) -> Any:
    """Returns an output of a single layer with its channels at their places in that of the widest layer."""
    widths = find_widths(module)
    if widths is None or not isinstance(output, Tensor) or not -output.dim() <= widths.dim < output.dim():
        return output
    width = input_width(module, widths) if widths.writes is None else getattr(module, widths.writes, None)
    return place_channels(output, widths.dim, width)


def find_input_channels(module: nn.Module) -> tuple[int | None, int | None]:
    """Returns the dimension and number of channels of a module's input, from its first layer with known widths.

    >>> find_input_channels(nn.Sequential(nn.ReLU(), nn.Linear(3, 4)))
    (-1, 3)
    """
    for layer in module.modules():
        is_inferred = isinstance(layer, LazyLayer)
        widths = find_widths(layer.layer if is_inferred else layer)  # type: ignore[arg-type]  # a layer's is a module
        if widths is not None:
            return widths.dim, None if is_inferred else input_width(layer, widths)
    return None, None


def _cut_inputs(given: Any, plan: MixturePlan, index: int) -> Any:
    """Returns inputs with the first channels that a size takes.

    The first tensor has the channels of the widest size, whose first layer may take a part of them (a half, after a split).
    Other tensors with as many dimensions and channels are cut as well.
    """
    take, dim = (plan.input_channels[index] if plan.input_channels else None), plan.dim
    first = next((leaf for leaf in find_leaves(given) if isinstance(leaf, Tensor)), None)
    if take is None or dim is None or first is None or not -first.dim() <= dim < first.dim():
        return given
    width = first.shape[dim]
    most = max(getattr(count, "full", count) for count in plan.input_channels if count is not None)
    times = width // most if width % most == 0 else 1
    kept = take if times == 1 else take * times

    def cut(leaf: Any) -> Any:
        is_alike = isinstance(leaf, Tensor) and leaf.dim() == first.dim() and leaf.shape[dim] == width
        return take_channels(leaf, dim, kept) if is_alike else leaf

    return change_leaves(given, cut) if kept < width else given


def _support(numbers: Sequence[Sequence[float]]) -> Support:
    return tuple(tuple(i for i, n in enumerate(row) if n != 0.0) or (0,) for row in numbers)
