"""A module that comes in several sizes, all of them parts of one maximal weight.

How: for each combination of its values the module is built by its own constructor, once, as a skeleton that borrows
its weights (``sharing``).  So whatever a concrete network computes, the super-network computes with the same code, and
nothing has to be known of the module's class.

Not here: which modules become elastic (``rewrite``), and which values are selected (``Selection``).
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from pliant.hyper.template import Template
from pliant.space import Choice, Decisions, Space
from pliant.symbolic.realize import realize
from pliant.values.errors import FieldTypeError

from .inferred import Inferred, infer_layers
from .selection import Selection
from .sharing import SharedTensors, Skeleton
from .sweep import sweep

KEPT = 4096  # so many skeletons are kept


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
        self.selection, self.path = selection, path
        self.parts = nn.ModuleDict({name.replace(".", "/"): part for name, part in parts.items()})
        self.shared = SharedTensors(path, list(parts.values()), own_statistics=own_statistics)
        self._template = Template(program)
        self.keys = [keys[point.path] for point in self.space.points]
        self.lazy = nn.ModuleDict()  # by place, the tensors of layers that learn their width from their input
        measured = {found.values: self._make(found.values) for found in sweep(self.space, self._measure)}
        self.shared.share(list(measured.values()))
        self._skeletons = measured if len(measured) <= KEPT else {}

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

    def skeleton(self, values: tuple[Any, ...]) -> Skeleton:
        """Returns the module for some values of ``space``; made when it is first asked for, the last few thousand are kept."""
        found = self._skeletons.get(values)
        if found is None:
            with torch.random.fork_rng(devices=[]):  # what is drawn here is thrown away
                found = self._make(values)
            self.shared.bind(found)
            self.shared.strip(found)
            if len(self._skeletons) >= KEPT:
                self._skeletons.clear()
            self._skeletons[values] = found
        if found.module.training is not self.training:  # it was made in another mode
            found.module.train(self.training)
        return found

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Runs the module in the size that is selected."""
        skeleton = self.skeleton(self.values())
        return skeleton.run(self.shared.take(skeleton), args, fields)

    def train(self, mode: bool = True) -> Elastic:
        """Sets the mode of all sizes."""
        super().train(mode)
        for skeleton in self._skeletons.values():
            skeleton.module.train(mode)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Any:  # as in PyTorch
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # as PyTorch has it
        for skeleton in self._skeletons.values():
            bound = {(id(b.table), b.name) for b in skeleton.bindings}
            for _, layer in self.shared.layers(skeleton.module):
                for name, tensor in layer._buffers.items():
                    if tensor is not None and (id(layer._buffers), name) not in bound:
                        layer._buffers[name] = fn(tensor)
        return self

    def extra_repr(self) -> str:
        return f"{self.path!r}, {len(self.keys)} values to decide"

    # ------------------------------------------------------------------ making

    def _make(self, values: tuple[Any, ...]) -> Skeleton:
        """Builds the module for some values, as its class does."""
        module = realize(self._template.materialize(Decisions(self.space, values)))
        if not isinstance(module, nn.Module):
            raise FieldTypeError(
                f"what stands at {self.path!r} is {module!r:.80} of type {type(module).__name__}, and no module."
            )
        next(module.parameters(), None)  # realizes it, if nothing did so far
        module = infer_layers(module, self.path, self._lazy_tensors)
        return Skeleton(module.train(self.training))

    def _lazy_tensors(self, place: str) -> SharedTensors:
        key = place.replace(".", "/") or "self"
        if key not in self.lazy:
            self.lazy[key] = SharedTensors(f"{self.path}.{place}" if place else self.path, [])
        found = self.lazy[key]
        assert isinstance(found, SharedTensors)
        return found

    def inferred(self) -> list[Inferred]:
        """Returns the layers of all sizes that learn their width from their input."""
        return [
            layer
            for skeleton in self._skeletons.values()
            for _, layer in self.shared.layers(skeleton.module)
            if isinstance(layer, Inferred)
        ]

    def _measure(self, decisions: Decisions) -> int:
        with torch.random.fork_rng(devices=[]):
            found = self._make(decisions.values).module
            return sum(p.numel() for p in found.parameters() if not isinstance(p, UninitializedParameter))
