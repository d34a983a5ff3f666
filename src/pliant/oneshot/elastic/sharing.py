"""Weight sharing: maximal tensors, and skeletons of each size that borrow parts of them.

A *skeleton* is a module as its own class builds it, except that its tensors are stand-ins without content.
``SharedTensors`` has one maximal tensor for each place that several skeletons have in common, and lends its parts to
the skeleton that runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.values.errors import FieldValueError

from .rules import Rule, find_rule, missing_rule
from .slices import SlicedRule, slice_rule

Table = dict[str, Any]  # the _parameters or _buffers of a module


@dataclass(slots=True)
class Binding:
    """One tensor of a skeleton that is a part of a maximal tensor.

    Attributes:
      layer: the module in the skeleton that has the tensor.
      name: its name in the layer.
      key: the name of the maximal tensor.
      place: the path of the layer in the skeleton.
      table: the layer's ``_parameters`` or ``_buffers``.
      rule: slices the part; None if it is the whole maximal tensor.
      stand_in: a tensor of the same shape without content, for when nothing is borrowed.
    """

    layer: nn.Module
    name: str
    key: str
    place: str
    table: Table
    rule: Rule | None = None
    stand_in: Any = None


@dataclass(slots=True)
class Skeleton:
    """A module of one size, and the tensors that it borrows while it runs."""

    module: nn.Module
    bindings: list[Binding] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)  # which bindings are buffers whose parts are copies

    def borrow(self, tensors: list[Tensor]) -> None:
        """Puts tensors in the places of ``bindings``.

        They stay after a forward pass, for code that runs again in the backward pass (checkpointing).
        """
        for binding, tensor in zip(self.bindings, tensors):
            binding.table[binding.name] = tensor

    def give_back(self) -> None:
        """Puts the stand-ins in their places again."""
        for binding in self.bindings:
            binding.table[binding.name] = binding.stand_in


@final
class SharedTensors(nn.Module):
    """The maximal tensors of a module with several sizes.

    Args:
      path: the path of the module in its space, for messages.
      common: modules below it that all sizes have in common; they are not shared here.
      own_statistics: whether normalization layers have separate weights and statistics for each width.
    """

    def __init__(self, path: str, common: list[nn.Module], *, own_statistics: bool = False) -> None:
        super().__init__()
        self.path, self.own_statistics = path, own_statistics
        self._common = list(common)  # a plain list: their owner registers them
        self._classes: dict[str, str] = {}  # by place: the class of the first layer there
        self._unshared: set[str] = set()  # buffers that are separate for each size
        self._is_made = False

    def full(self, key: str) -> Tensor:
        """Returns a maximal tensor."""
        found: Any = self._parameters.get(key)
        if found is None:
            found = self._buffers[key]
        return found  # type: ignore[no-any-return]  # neither table has None

    def take(self, skeleton: Skeleton) -> list[Tensor]:
        """Returns the parts of the maximal tensors that a skeleton uses, in the order of its bindings."""
        parameters, buffers = self._parameters, self._buffers
        found = []
        for binding in skeleton.bindings:
            full: Any = parameters.get(binding.key)
            if full is None:
                full = buffers[binding.key]
            found.append(full if binding.rule is None else binding.rule(binding.layer, binding.name, full))
        return found

    def write_copies(self, skeleton: Skeleton, tensors: list[Tensor] | None = None) -> None:
        """Writes the buffers of a skeleton that are copies of parts into the maximal ones.

        Args:
          skeleton: a module of one size.
          tensors: what ``take`` returned; if None, what the skeleton borrowed.
        """
        for i in skeleton.copies:
            binding = skeleton.bindings[i]
            part = binding.table[binding.name] if tensors is None else tensors[i]
            full: Any = self._buffers[binding.key]
            if isinstance(binding.rule, SlicedRule):
                binding.rule.write(full, part)

    def share(self, skeletons: list[Skeleton]) -> None:
        """Makes the maximal tensors from those of some skeletons, which become stand-ins.

        Raises:
          FieldValueError: a layer has several sizes, and its class has no sharing rule.
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
        """Makes one maximal tensor, in each dimension as large as the largest part.

        Returns False for a buffer of constants that are different in each size.
        """
        tensors = [use.table[use.name] for use in uses]
        shapes = sorted({tuple(tensor.shape) for tensor in tensors})
        is_weight = isinstance(tensors[0], nn.Parameter)
        is_constant = not is_weight and not _is_state(uses[0].layer, uses[0].name)
        if is_constant and not all(torch.equal(tensors[0], other) for other in tensors[1:]):
            return False
        if len({len(shape) for shape in shapes}) > 1:
            raise FieldValueError(
                f"the {type(uses[0].layer).__name__} at {_join(self.path, uses[0].place)!r} has {uses[0].name} with different numbers "
                f"of dimensions, {' and '.join(map(str, shapes))}, which cannot be parts of one weight. Choose between whole layers: "
                "put pg.oneof at the place of the layer, not into its arguments."
            )
        if len(shapes) > 1 and uses[0].rule is None:
            raise missing_rule(uses[0].layer, _join(self.path, uses[0].place), shapes)
        full_shape = tuple(map(max, *shapes)) if len(shapes) > 1 else shapes[0]
        largest = max(tensors, key=lambda tensor: tensor.numel())
        is_full = tuple(largest.shape) == full_shape
        full = largest.detach().clone() if is_full else _spread(largest, full_shape)
        if is_weight:
            self._parameters[key] = nn.Parameter(full, requires_grad=largest.requires_grad)
        else:
            self.register_buffer(key, full)
        return True

    def bind(self, skeleton: Skeleton) -> None:
        """Finds the tensors of a skeleton that are shared, and their keys."""
        owners: dict[int, str] = {}  # two layers of one module may share a tensor
        for place, layer in self.layers(skeleton.module):
            rule, prefix = find_rule(layer), self._prefix(place, layer)
            for table in (layer._parameters, layer._buffers):
                for name, tensor in table.items():
                    is_stored = table is layer._parameters or name not in layer._non_persistent_buffers_set
                    if tensor is None or not is_stored:
                        continue
                    key = owners.setdefault(id(tensor), f"{prefix}{name}")
                    is_known = not self._is_made or key in self._parameters or key in self._buffers
                    if key not in self._unshared and (is_known or _is_state(layer, name)):
                        skeleton.bindings.append(Binding(layer, name, key, place, table, rule))

    def strip(self, skeleton: Skeleton) -> None:
        """Checks that each tensor of a skeleton is a part of its maximal tensor, and replaces it by a stand-in.

        Raises:
          FieldValueError: a tensor is larger than the maximal tensor or has none, or the rule fails.
        """
        for binding in skeleton.bindings:
            if binding.key not in self._parameters and binding.key not in self._buffers:
                raise FieldValueError(
                    f"the {type(binding.layer).__name__} at {_join(self.path, binding.place)!r} has {binding.name} for a combination of decisions "
                    "that was not tried when the super-network was made: too many are decided together. Divide the module into several "
                    "symbolized ones, or list fewer candidates."
                )
            tensor, full = binding.table[binding.name], self.full(binding.key)
            wanted = tuple(tensor.shape)
            if tuple(full.shape) == wanted:
                binding.rule = None
            elif binding.rule is None or not _fits(wanted, tuple(full.shape)):
                raise FieldValueError(
                    f"the {type(binding.layer).__name__} at {_join(self.path, binding.place)!r} needs {binding.name} of shape "
                    f"{wanted}, and the maximal tensor has {tuple(full.shape)}. List the sizes with pg.oneof, including the "
                    "largest; for lazy layers, pass an example that reaches the largest."
                )
            else:
                binding.rule = slice_rule(
                    binding.rule, binding.layer, binding.name, part=wanted, full=tuple(full.shape)
                )
                self._check_rule(binding, full, wanted)
        skeleton.copies = [
            i
            for i, b in enumerate(skeleton.bindings)
            if isinstance(b.rule, SlicedRule) and b.table is b.layer._buffers
        ]
        for binding in skeleton.bindings:
            tensor = binding.table[binding.name]
            stand_in = torch.empty_like(tensor, device="meta")
            if isinstance(tensor, nn.Parameter):
                stand_in = nn.Parameter(stand_in, requires_grad=tensor.requires_grad)
            binding.stand_in = binding.table[binding.name] = stand_in

    def _check_rule(self, binding: Binding, full: Tensor, wanted: tuple[int, ...]) -> None:
        """Checks that the sharing rule of a layer returns a part with the layer's own shape."""
        assert binding.rule is not None
        kind = type(binding.layer).__name__
        where = f"the rule of {kind} for {binding.name} of the layer at {_join(self.path, binding.place)!r}"
        advice = f"Return the part of the tensor `full` that has the shape `layer.{binding.name}.shape`."
        try:
            with torch.no_grad():
                part: Any = binding.rule(binding.layer, binding.name, full)
        except Exception as error:
            raise FieldValueError(
                f"{where} fails on the maximal tensor of shape {tuple(full.shape)} for a part of shape {wanted}: {error}. {advice}"
            ) from error
        if not isinstance(part, Tensor) or tuple(part.shape) != wanted:
            given = tuple(part.shape) if isinstance(part, Tensor) else f"a {type(part).__name__}"
            raise FieldValueError(
                f"{where} returns {given} of the maximal tensor of shape {tuple(full.shape)}; expected {wanted}. {advice}"
            )

    def layers(self, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        """Yields the modules of a skeleton by path, without the common modules of all sizes."""
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
        """Returns the prefix of the keys of a layer's tensors."""
        kind = type(layer)
        own = f"{kind.__module__}.{kind.__qualname__}"
        is_first = self._classes.setdefault(place, own) == own
        named = place.replace(".", "/") + ("" if is_first else f"({kind.__name__})")
        if self.own_statistics and hasattr(layer, "running_mean"):
            named += f"({layer.num_features})"
        return f"{named}:" if named else ""


def _is_state(layer: nn.Module, name: str) -> bool:
    """Returns whether a tensor is a weight or a buffer that training changes, and not a table of constants."""
    return name in layer._parameters or "running_mean" in layer._buffers


def _fits(part: tuple[int, ...], full: tuple[int, ...]) -> bool:
    return len(part) == len(full) and all(a <= b for a, b in zip(part, full))


def _join(path: str, place: str) -> str:
    return f"{path}.{place}" if path and place else path or place


def _spread(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Returns a tensor of a larger shape with the entries of ``tensor``, repeated in mixed order."""
    flat = tensor.detach().flatten()
    if flat.numel() == 0 or not tensor.is_floating_point():
        return torch.zeros(shape, dtype=tensor.dtype, device=tensor.device)
    mixed = torch.arange(math.prod(shape), device=tensor.device) * 7919 % flat.numel()  # of rows and columns
    return flat[mixed].reshape(shape)
