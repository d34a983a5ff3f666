"""Maximal tensors, and skeletons that borrow parts of them: how modules of several sizes share weights.

A *skeleton* is a module as its own class builds it: containers, attributes, forward code; its tensors are stand-ins
that hold shapes.  ``SharedTensors`` finds which of them stand at the same place in several skeletons, keeps one
maximal tensor for each, and puts the parts in while a skeleton runs.  Which skeleton runs is not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.values.errors import FieldValueError

from .rules import find_rule, missing_rule

Table = dict[str, Any]  # the _parameters or _buffers of a module


@dataclass(slots=True)
class Binding:
    """One tensor of a skeleton that is a part of a shared one.

    Attributes:
      layer: the module in the skeleton that has it.
      name: under which name.
      key: the name of the shared tensor.
      place: the path of the layer in the skeleton.
      table: where the layer keeps it.
      rule: takes the layer's part; None where it is the whole.
      stand_in: what is there when nothing is borrowed: a tensor of this shape without content.
    """

    layer: nn.Module
    name: str
    key: str
    place: str
    table: Table
    rule: Any = None
    stand_in: Any = None


@dataclass(slots=True)
class Skeleton:
    """A module, with what it borrows while it runs."""

    module: nn.Module
    bindings: list[Binding] = field(default_factory=list)

    def borrow(self, tensors: list[Tensor]) -> None:
        """Puts ``tensors`` in the places of ``bindings``.

        They stay there after a forward pass, for code that runs again in the backward pass (checkpointing).
        """
        for binding, tensor in zip(self.bindings, tensors):
            binding.table[binding.name] = tensor

    def give_back(self) -> None:
        """Puts the stand-ins there instead."""
        for binding in self.bindings:
            binding.table[binding.name] = binding.stand_in


@final
class SharedTensors(nn.Module):
    """The maximal tensors of a module that comes in several sizes.

    Args:
      path: where the module stands in its space, for messages.
      common: modules below it that all sizes have in common, which are left alone.
      own_statistics: whether normalization layers keep weights and statistics of their own for each width.
    """

    def __init__(self, path: str, common: list[nn.Module], *, own_statistics: bool = False) -> None:
        super().__init__()
        self.path, self.own_statistics = path, own_statistics
        self._common = list(common)  # a plain list: they are registered by their owner
        self._classes: dict[str, str] = {}  # by place, of the first layer that was met there
        self._unshared: set[str] = set()  # buffers that each size has for itself
        self._is_made = False

    def _has(self, key: str) -> bool:
        return key in self._parameters or key in self._buffers

    def full(self, key: str) -> Tensor:
        """Returns a maximal tensor."""
        found: Any = self._parameters.get(key)
        if found is None:
            found = self._buffers[key]
        return found  # type: ignore[no-any-return]  # None is in neither table

    def take(self, skeleton: Skeleton) -> list[Tensor]:
        """Returns what a skeleton uses of the maximal tensors, in the order of its bindings."""
        parameters, buffers = self._parameters, self._buffers
        found = []
        for binding in skeleton.bindings:
            full: Any = parameters.get(binding.key)
            if full is None:
                full = buffers[binding.key]
            found.append(full if binding.rule is None else binding.rule(binding.layer, binding.name, full))
        return found

    def share(self, skeletons: list[Skeleton]) -> None:
        """Makes the maximal tensors of some skeletons, whose own tensors they take over.

        Raises:
          FieldValueError: a layer comes in several sizes, and its class has no rule.
        """
        uses: dict[str, list[Binding]] = {}
        for skeleton in skeletons:
            self.bind(skeleton)
            for binding in skeleton.bindings:
                uses.setdefault(binding.key, []).append(binding)
        for key, found in uses.items():
            if not self._share_tensor(key, found):
                self._unshared.add(key)
        self._is_made = True
        for skeleton in skeletons:
            skeleton.bindings = [b for b in skeleton.bindings if b.key not in self._unshared]
        for skeleton in skeletons:
            self.strip(skeleton)

    def _share_tensor(self, key: str, uses: list[Binding]) -> bool:
        """Makes one maximal tensor, as large as its largest use in every dimension.

        Returns False for a buffer that is a table of constants, which differs from size to size.
        """
        tensors = [use.table[use.name] for use in uses]
        shapes = sorted({tuple(tensor.shape) for tensor in tensors})
        is_weight = isinstance(tensors[0], nn.Parameter)
        if not is_weight and not _is_state(uses[0].layer, uses[0].name) and not _are_parts(tensors):
            return False
        if len({len(shape) for shape in shapes}) > 1:
            raise FieldValueError(
                f"the {type(uses[0].layer).__name__} at {_join(self.path, uses[0].place)!r} has {uses[0].name} of several numbers of "
                f"dimensions, {' and '.join(map(str, shapes))}, which are no parts of one weight. Choose between whole layers: "
                "pg.oneof at the place of the layer, not in its arguments."
            )
        if len(shapes) > 1 and uses[0].rule is None:
            raise missing_rule(uses[0].layer, _join(self.path, uses[0].place), shapes)
        full_shape = tuple(map(max, *shapes)) if len(shapes) > 1 else shapes[0]
        largest = max(tensors, key=lambda tensor: tensor.numel())
        full = (
            largest.detach().clone() if tuple(largest.shape) == full_shape else _spread(largest, full_shape)
        )
        if is_weight:
            self._parameters[key] = nn.Parameter(full, requires_grad=largest.requires_grad)
        else:
            self.register_buffer(key, full)
        return True

    def bind(self, skeleton: Skeleton) -> None:
        """Finds which tensors of a skeleton are shared, and under which names."""
        owners: dict[int, str] = {}  # a tensor that two layers of one module share stays one
        for place, layer in self.layers(skeleton.module):
            rule, prefix = find_rule(layer), self._prefix(place, layer)
            for table in (layer._parameters, layer._buffers):
                for name, tensor in table.items():
                    if tensor is None or (
                        table is layer._buffers and name in layer._non_persistent_buffers_set
                    ):
                        continue
                    key = owners.setdefault(id(tensor), f"{prefix}{name}")
                    if key in self._unshared or (
                        self._is_made and not self._has(key) and not _is_state(layer, name)
                    ):
                        continue
                    skeleton.bindings.append(Binding(layer, name, key, place, table, rule))

    def strip(self, skeleton: Skeleton) -> None:
        """Checks that each layer finds its part, and replaces a skeleton's own tensors by stand-ins.

        Raises:
          FieldValueError: a layer needs more than there is.
        """
        for binding in skeleton.bindings:
            tensor, full = binding.table[binding.name], self.full(binding.key)
            wanted = tuple(tensor.shape)
            if tuple(full.shape) == wanted:
                binding.rule = None
            elif (
                binding.rule is None
                or len(wanted) != full.dim()
                or any(a > b for a, b in zip(wanted, full.shape))
            ):
                raise FieldValueError(
                    f"the {type(binding.layer).__name__} at {_join(self.path, binding.place)!r} needs {binding.name} of shape "
                    f"{wanted}, and the largest that was measured has {tuple(full.shape)}. List the sizes with pg.oneof, the "
                    "largest included; where layers find their sizes from their input, pass an example that reaches the largest."
                )
            else:
                self._check_rule(binding, full, wanted)
        for binding in skeleton.bindings:
            tensor = binding.table[binding.name]
            stand_in = torch.empty_like(tensor, device="meta")
            is_weight = isinstance(tensor, nn.Parameter)
            binding.stand_in = (
                nn.Parameter(stand_in, requires_grad=tensor.requires_grad) if is_weight else stand_in
            )
            binding.table[binding.name] = binding.stand_in

    def _check_rule(self, binding: Binding, full: Tensor, wanted: tuple[int, ...]) -> None:
        """Checks that the rule of a layer's class gives a part of the layer's own shape.

        Raises:
          FieldValueError: it gives something else, or fails.
        """
        kind = type(binding.layer).__name__
        where = f"the rule of {kind} for {binding.name} of the layer at {_join(self.path, binding.place)!r}"
        advice = f"The layer's own is `layer.{binding.name}.shape`: return the part of the tensor `full` that has it."
        try:
            with torch.no_grad():
                part = binding.rule(binding.layer, binding.name, full)
        except Exception as error:
            raise FieldValueError(
                f"{where} fails on the maximal tensor of shape {tuple(full.shape)}, of which {wanted} is wanted: {error}. {advice}"
            ) from error
        if not isinstance(part, Tensor) or tuple(part.shape) != wanted:
            given = tuple(part.shape) if isinstance(part, Tensor) else f"a {type(part).__name__}"
            raise FieldValueError(
                f"{where} returns {given} of the maximal tensor of shape {tuple(full.shape)}, where {wanted} is wanted. {advice}"
            )

    def layers(self, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        """Yields the modules of a skeleton by path, without those that all sizes have in common."""
        seen = {id(part) for part in self._common}

        def walk(place: str, layer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
            if id(layer) in seen:
                return
            seen.add(id(layer))
            yield place, layer
            for name, child in layer._modules.items():
                if child is not None:
                    yield from walk(f"{place}.{name}" if place else name, child)

        yield from walk("", module)

    def _prefix(self, place: str, layer: nn.Module) -> str:
        """Returns the start of the names under which a layer's tensors are shared."""
        kind = type(layer)
        first = self._classes.setdefault(place, f"{kind.__module__}.{kind.__qualname__}")
        is_first = first == f"{kind.__module__}.{kind.__qualname__}"
        named = place.replace(".", "/") + ("" if is_first else f"({kind.__name__})")
        if self.own_statistics and hasattr(layer, "running_mean"):
            named += f"({layer.num_features})"
        return f"{named}:" if named else ""


def _is_state(layer: nn.Module, name: str) -> bool:
    """Whether a tensor is a weight, or a buffer that training changes; not so a table of constants, as far as is known."""
    return name in layer._parameters or "running_mean" in layer._buffers


def _are_parts(tensors: list[Tensor]) -> bool:
    """Whether buffers of several layers have one shape and one content."""
    return all(torch.equal(tensors[0], other) for other in tensors[1:])


def _join(path: str, place: str) -> str:
    return f"{path}.{place}" if path and place else path or place


def _spread(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Returns a tensor of a larger shape with entries drawn as those of ``tensor`` are distributed."""
    flat = tensor.detach().flatten()
    if flat.numel() == 0 or not tensor.is_floating_point():
        return torch.zeros(shape, dtype=tensor.dtype, device=tensor.device)
    picked = (
        torch.arange(math.prod(shape), device=tensor.device) * 7919 % flat.numel()
    )  # mixes rows and columns
    return flat[picked].reshape(shape)
