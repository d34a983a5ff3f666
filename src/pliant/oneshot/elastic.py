"""A module that comes in several sizes, all of them parts of one maximal weight.

How: for each combination of its values the module is built by its own constructor, once, as a *skeleton*: the
containers, attributes and forward code that the concrete network would have.  Skeletons own no weights.  Layers that
stand at the same place in several skeletons share one maximal tensor per parameter, and before a skeleton runs, the
parts that its layers use (by ``rules``) are put in their places.  So whatever a concrete network computes, the
super-network computes with the same code, and nothing has to be known of the module's class.

Not here: which modules become elastic (``rewrite``), and which values are selected (``Selection``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper.template import Template
from pliant.space import Choice, Decisions, Float, Int, Space
from pliant.symbolic.realize import realize
from pliant.values.errors import FieldTypeError, FieldValueError

from .rules import find_rule, missing_rule
from .selection import Selection

ENUMERATED = 256  # so many combinations are all measured; of more, the ends of each value

Table = dict[str, Any]  # the _parameters or _buffers of a module


@dataclass(slots=True)
class Binding:
    """One tensor of a skeleton that is a part of a shared one.

    Attributes:
      layer: the module in the skeleton that has it.
      name: under which name.
      key: the name of the shared tensor.
      table: where the layer keeps it.
      rule: takes the layer's part; None where it is the whole.
    """

    layer: nn.Module
    name: str
    key: str
    table: Table
    rule: Any = None


@dataclass(slots=True)
class Variant:
    """A skeleton, with what it borrows when it runs.

    Attributes:
      module: the skeleton; its own tensors stand for shapes only.
      bindings: its shared tensors.
      places: for each of them, where it is: the path of its layer in the skeleton.
    """

    module: nn.Module
    bindings: list[Binding] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


@final
class Elastic(nn.Module):
    """A module with values to be decided, over one maximal weight.  Made by ``supernet``.

    Args:
      program: what becomes the module: a symbolic program whose only holes are values.
      keys: by path in ``program``, under which key each of its values is decided.
      selection: where the present values are read.
      path: where the module stands in the space, for messages.
      parts: the modules that all sizes have in common, by name.
      own_statistics: whether normalization layers keep weights and statistics of their own for each width,
        instead of using parts of the widest one's.

    Raises:
      FieldValueError: a layer comes in several sizes, and its class has no rule.
    """

    def __init__(
        self,
        program: Any,
        keys: dict[str, str],
        selection: Selection,
        *,
        path: str,
        parts: dict[str, nn.Module],
        own_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.selection, self.path, self.own_statistics = selection, path, own_statistics
        self.parts = nn.ModuleDict({name.replace(".", "/"): part for name, part in parts.items()})
        self.shared = nn.ParameterDict()
        self.statistics = nn.Module()  # holds the shared buffers
        self._template = Template(program)
        self.keys = [keys[point.path] for point in self.space.points]
        self._variants: dict[tuple[Any, ...], Variant] = {}
        self._classes: dict[str, type[nn.Module]] = {}  # by place, of the first layer that was met there
        self._share()

    @property
    def space(self) -> Space:
        """The decision points of this module alone, in the order of ``keys``."""
        return self._template.space

    def values(self, selection: Selection | None = None) -> tuple[Any, ...]:
        """Returns the decisions of this module as they are selected now, as a vector of its own ``space``."""
        chosen = self.selection if selection is None else selection
        points, found = self.space.points, []

        def walk(indices: tuple[int, ...]) -> None:
            for index in indices:
                value = chosen.value(self.keys[index])
                found.append(value)
                point = points[index]
                if isinstance(point, Choice) and point.branches[value]:
                    walk(point.branches[value])

        walk(self.space.top)
        return tuple(found)

    def variant(self, values: tuple[Any, ...]) -> Variant:
        """Returns the skeleton for some values of ``space``; made when it is first asked for."""
        found = self._variants.get(values)
        if found is None:
            found = self._make(values)
            self._bind(found)
            self._strip(found)
            self._variants[values] = found
        return found

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Runs the module in the size that is selected."""
        variant = self.variant(self.values())
        stand_ins = [b.table[b.name] for b in variant.bindings]
        try:
            for binding, tensor in zip(variant.bindings, self.tensors(variant)):
                binding.table[binding.name] = tensor
            return variant.module(*args, **fields)
        finally:
            for binding, stand_in in zip(variant.bindings, stand_ins):
                binding.table[binding.name] = stand_in

    def tensors(self, variant: Variant) -> list[Tensor]:
        """Returns what a skeleton uses of the shared tensors, in the order of its bindings."""
        shared, buffers = self.shared._parameters, self.statistics._buffers
        found = []
        for binding in variant.bindings:
            full: Any = shared.get(binding.key)
            if full is None:
                full = buffers[binding.key]
            found.append(full if binding.rule is None else binding.rule(binding.layer, binding.name, full))
        return found

    def train(self, mode: bool = True) -> Elastic:  # as in PyTorch
        """Sets the mode of all sizes."""
        super().train(mode)
        for variant in self._variants.values():
            variant.module.train(mode)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Any:  # as in PyTorch
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # as PyTorch has it
        for variant in self._variants.values():
            bound = {(id(b.table), b.name) for b in variant.bindings}
            for _, layer in self._layers(variant.module):
                for name, tensor in layer._buffers.items():
                    if tensor is not None and (id(layer._buffers), name) not in bound:
                        layer._buffers[name] = fn(tensor)
        return self

    def extra_repr(self) -> str:
        return f"{self.path!r}, {len(self.keys)} values to decide"

    # ------------------------------------------------------------------ making

    def _make(self, values: tuple[Any, ...]) -> Variant:
        """Builds the module for some values as its class does; nothing random outside is touched."""
        program = self._template.materialize(Decisions(self.space, values))
        with torch.random.fork_rng():
            module = realize(program) if not isinstance(program, nn.Module) else program
            if isinstance(module, nn.Module):
                module.train(self.training)
        if not isinstance(module, nn.Module):
            raise FieldTypeError(
                f"what stands at {self.path!r} is {module!r:.80} of type {type(module).__name__}, and no module."
            )
        next(module.parameters(), None)  # realizes it, if nothing did so far
        return Variant(module)

    def _layers(self, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        """Yields the modules of a skeleton by path, without those that all sizes have in common."""
        common = {id(part) for part in self.parts.values()}
        seen: set[int] = set()

        def walk(place: str, layer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
            if id(layer) in common or id(layer) in seen:
                return
            seen.add(id(layer))
            yield place, layer
            for name, child in layer._modules.items():
                if child is not None:
                    yield from walk(f"{place}.{name}" if place else name, child)

        yield from walk("", module)

    def _share(self) -> None:
        """Measures the module in its sizes, and makes the shared tensors."""
        measured = [(values, self._make(values)) for values in self._sweep()]
        for _, variant in measured:
            self._bind(variant)
        found: dict[str, list[tuple[Binding, Tensor, str]]] = {}
        for _, variant in measured:
            for binding, place in zip(variant.bindings, variant.places):
                found.setdefault(binding.key, []).append((binding, binding.table[binding.name], place))
        for key, uses in found.items():
            self._share_tensor(key, uses)
        for values, variant in measured:
            self._check(variant)
            self._strip(variant)
            self._variants[values] = variant

    def _share_tensor(self, key: str, uses: list[tuple[Binding, Tensor, str]]) -> None:
        """Makes one shared tensor, as large as its largest use in every dimension."""
        shapes = sorted({tuple(tensor.shape) for _, tensor, _ in uses})
        layer, place = uses[0][0].layer, uses[0][2]
        full_shape = tuple(map(max, *shapes)) if len(shapes) > 1 else shapes[0]
        if len(shapes) > 1 and find_rule(layer) is None:
            raise missing_rule(layer, f"{self.path}.{place}" if place else self.path, shapes)
        largest = max((tensor for _, tensor, _ in uses), key=lambda tensor: tensor.numel())
        full = (
            largest.detach().clone() if tuple(largest.shape) == full_shape else _spread(largest, full_shape)
        )
        if isinstance(largest, nn.Parameter):
            self.shared[key] = nn.Parameter(full, requires_grad=largest.requires_grad)
        else:
            self.statistics.register_buffer(key, full)

    def _sweep(self) -> Iterator[tuple[Any, ...]]:
        """Yields the values to measure: all, or the ends of each with the others at their largest."""
        space = self.space
        if not math.isinf(space.size) and space.size <= ENUMERATED:
            for decisions in space.iterate():
                yield decisions.values
            return
        best, most = space.sample(0), -1
        seen = set()
        for _ in range(2):
            for index, point in enumerate(space.points):
                for end in _ends(point):
                    tried = _with(best, index, end)
                    if tried is None or tried.values in seen:
                        continue
                    seen.add(tried.values)
                    yield tried.values
                    size = sum(p.numel() for p in self._make(tried.values).module.parameters())
                    if size > most:
                        best, most = tried, size

    # ------------------------------------------------------------------ sharing

    def _bind(self, variant: Variant) -> None:
        """Finds which tensors of a skeleton are shared, and under which names."""
        owners: dict[int, str] = {}  # a tensor that two layers of one module share stays one
        for place, layer in self._layers(variant.module):
            rule, prefix = find_rule(layer), self._prefix(place, layer)
            for table in (layer._parameters, layer._buffers):
                for name, tensor in table.items():
                    if tensor is None or (
                        table is layer._buffers and rule is None and not self._is_state(layer)
                    ):
                        continue
                    key = owners.setdefault(id(tensor), f"{prefix}{name}")
                    variant.bindings.append(Binding(layer, name, key, table, rule))
                    variant.places.append(place)

    def _prefix(self, place: str, layer: nn.Module) -> str:
        """Returns the start of the names under which a layer's tensors are shared."""
        kind = type(layer)
        first = self._classes.setdefault(place, kind)
        named = place.replace(".", "/") + ("" if first is kind else f"({kind.__name__})")
        if self.own_statistics and hasattr(layer, "running_mean"):
            named += f"({layer.num_features})"
        return f"{named}:" if named else ""

    def _is_state(self, layer: nn.Module) -> bool:
        """Whether a layer's buffers are state that training changes, rather than tables of constants."""
        return any(name in layer._buffers for name in ("running_mean", "num_batches_tracked"))

    def _check(self, variant: Variant) -> None:
        """Checks that each layer finds its part, and notes which ones use the whole."""
        for binding in variant.bindings:
            wanted = tuple(binding.table[binding.name].shape)
            full: Any = self.shared._parameters.get(binding.key)
            if full is None:
                full = self.statistics._buffers[binding.key]
            if tuple(full.shape) == wanted:
                binding.rule = None
                continue
            if binding.rule is None or any(a > b for a, b in zip(wanted, full.shape)):
                raise FieldValueError(
                    f"the {type(binding.layer).__name__} at {self.path!r} needs {binding.name} of shape {wanted}, and the "
                    f"largest that was measured has {tuple(full.shape)}. List the candidates with pg.oneof, largest included."
                )

    def _strip(self, variant: Variant) -> None:
        """Replaces a skeleton's own tensors by stand-ins that hold shapes only."""
        self._check(variant)
        for binding in variant.bindings:
            tensor = binding.table[binding.name]
            stand_in = torch.empty_like(tensor, device="meta")
            binding.table[binding.name] = (
                nn.Parameter(stand_in, requires_grad=tensor.requires_grad)
                if isinstance(tensor, nn.Parameter)
                else stand_in
            )


def _ends(point: Any) -> list[Any]:
    if isinstance(point, Choice):
        return list(range(point.count))
    assert isinstance(point, (Int, Float))
    return [point.min_value, point.last if isinstance(point, Int) else point.max_value]


def _with(decisions: Decisions, index: int, value: Any) -> Decisions | None:
    """Returns decisions with the one at a point of the space changed; None where that point is inactive."""
    active, space = decisions.active, decisions.space
    if index not in active:
        return None
    at = active.index(index)
    point = space.points[index]
    if isinstance(point, Choice) and (point.group is not None or any(point.branches)):
        return decisions if decisions.values[at] == value else None
    return Decisions(space, (*decisions.values[:at], value, *decisions.values[at + 1 :]))


def _spread(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Returns a tensor of a larger shape with entries drawn as those of ``tensor`` are distributed."""
    flat = tensor.detach().flatten().float()
    if flat.numel() == 0 or not tensor.is_floating_point():
        return torch.zeros(shape, dtype=tensor.dtype)
    picked = torch.arange(math.prod(shape)) * 7919 % flat.numel()  # deterministic, and mixes rows and columns
    return flat[picked].reshape(shape).to(tensor.dtype)
