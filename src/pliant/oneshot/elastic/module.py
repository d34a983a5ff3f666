"""``Elastic``: a module with searched sizes, all of which are parts of one maximal weight.

For each combination of values, the module's own constructor builds a skeleton once; the skeleton borrows its weights
from the maximal tensors (``sharing``).  So the super-network runs the same code as the concrete network, for any class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from pliant.hyper.template import Template
from pliant.space import Decisions, Space, walk_points
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.realize import realize
from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, quote_typed
from pliant.values.path import Path

from ..choices.runtime_holes import check_no_holes, explain_runtime_hole
from ..choices.selection import Selection
from .coverage import cover_sizes
from .lazy import LazyLayer, replace_lazy_layers
from .mixture import SizeMixture
from .sharing import SharedTensors, Skeleton, Table

MAX_SKELETONS = 4096  # so many skeletons are cached


class UndecidedAttributeError(PliantError, AttributeError):
    """An attribute of an elastic module is read before a size is selected."""


def refuse_tool(tool: str) -> FieldTypeError:
    """Returns the error for a tool of PyTorch that a super-network cannot be given to."""
    return FieldTypeError(
        f"{tool} reads the code of one network, and a super-network has that of many. Use it on one of them: "
        "`net.materialize(decisions)`."
    )


@final
@dataclass(frozen=True)
class CommonPart:
    """The modules at one place of a program that all sizes have in common.

    Attributes:
      modules: by name: the path of the module in the space.
      is_list: whether the place has a list of modules instead of one module.
    """

    modules: dict[str, nn.Module]
    is_list: bool = False

    def value(self, wrap: Callable[[nn.Module], Any]) -> Any:
        """Returns what to put at the place, with each module wrapped."""
        found = [wrap(module) for module in self.modules.values()]
        return found if self.is_list else found[0]


@final
class Elastic(nn.Module):
    """A module with values to decide over one maximal weight.  Made by ``supernet``.

    Args:
      program: a symbolic module whose only holes are values.
      keys: the decision key of each hole, by path in ``program``.
      selection: what the module reads the current values from.
      path: the path of the module in the space, for messages.
      parts: the modules that all sizes have in common, by place in ``program``.
      own_statistics: whether normalization layers have separate weights and statistics for each width, instead of parts
        of the widest.

    Raises:
      FieldValueError: a layer has several sizes, and its class has no sharing rule.
    """

    def __init__(
        self,
        program: object,
        keys: dict[str, str],
        selection: Selection,
        *,
        path: str,
        parts: Mapping[Path, CommonPart],
        own_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.selection, self.path = selection, path
        named = {name: module for part in parts.values() for name, module in part.modules.items()}
        self.parts = nn.ModuleDict({name.replace(".", "/"): module for name, module in named.items()})
        self.shared = SharedTensors(path, list(named.values()), own_statistics=own_statistics)
        self._places = {place: (tuple(part.modules), part.is_list) for place, part in parts.items()}
        self._template = self._fill(program)
        self._running: Skeleton | None = None
        self._mixture: SizeMixture | None = None
        self._kept: dict[tuple[Any, ...], list[Tensor]] = {}  # buffers of skeletons that are not rebuilt yet
        self.register_buffer("_place", torch.empty(0), persistent=False)  # has the device and dtype
        self._first_dtype = torch.get_default_dtype()
        self.keys = [keys[point.path] for point in self.space.points]
        self.lazy = nn.ModuleDict()  # by place, the tensors of lazy layers
        covered = cover_sizes(self.space, self._measure)
        measured = {found.values: self._make(found.values) for found in covered}
        self.shared.share(list(measured.values()))
        self._skeletons = measured if len(measured) <= MAX_SKELETONS else {}

    @property
    def space(self) -> Space:
        """The decision points of this module, in the order of ``keys``."""
        return self._template.space

    @property
    def program(self) -> Any:
        """The symbolic module that this was made from; its only holes are values."""
        return self._template.program

    def values(self, selection: Selection | None = None) -> tuple[Any, ...]:
        """Returns the selected decisions of this module, as a vector of its ``space``."""
        chosen = self.selection if selection is None else selection
        return tuple(walk_points(self.space, lambda index, _: chosen.value(self.keys[index])))

    def made(self) -> list[nn.Module]:
        """Returns the modules that were built so far, some of all sizes."""
        return [skeleton.module for skeleton in self._skeletons.values()]

    def skeleton(self, values: tuple[Any, ...]) -> Skeleton:
        """Returns the module for some values of ``space``; builds it at the first call and caches it."""
        found = self._skeletons.get(values)
        if found is None:
            with torch.random.fork_rng(devices=[]):  # initial weights are discarded
                found = self._make(values)
            self.shared.bind(found)
            self.shared.strip(found)
            own = list(self._own_buffers(found))
            kept = self._kept.pop(values, None) or [self._to_place(tensor) for *_, tensor in own]
            for (table, name, _), tensor in zip(own, kept):
                table[name] = tensor
            if len(self._skeletons) >= MAX_SKELETONS:
                self._skeletons.clear()
            self._skeletons[values] = found
        if found.module.training is not self.training:  # it was built, or ran last, in another mode
            self._set_mode(found.module)
        return found

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Runs the selected size, or the selected mixture of sizes."""
        if not torch.compiler.is_compiling():
            if torch._C._get_tracing_state() is not None:  # it would store all shared weights, and no shapes
                raise refuse_tool("torch.jit.trace")
            self.selection.check_turn()
        if self.selection.weights and self.is_mixed:
            return self.mixture.run(args, fields)
        output = self._borrow()(*args, **fields)
        if self._running is not None and self._running.copies:
            self.shared.write_copies(self._running)
        return output

    @property
    def is_mixed(self) -> bool:
        """Whether a mixture of sizes is selected."""
        return not self.selection.weights.keys().isdisjoint(self.keys)

    @property
    def mixture(self) -> SizeMixture:
        """Runs mixtures of sizes."""
        if self._mixture is None:
            self._mixture = SizeMixture(
                self.space, self.keys, self.selection, self.shared, skeleton=self.skeleton
            )
        return self._mixture

    def running(self) -> list[Skeleton]:
        """Returns the sizes that run with the current selection: one, or several of a mixture."""
        return self.mixture.running() if self.is_mixed else [self.skeleton(self.values())]

    def __getattr__(self, name: str) -> Any:
        """Returns an attribute of the selected size (``stride``, ``weight``) that this module itself does not have."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_") or "keys" not in self.__dict__:
                raise
        if self.is_mixed:
            return self._read_common(name)
        if not all(key in self.selection.values for key in self.keys):
            raise UndecidedAttributeError(
                f"{name!r} of the module at {self.path!r} is read before its values are decided. Read it in forward, "
                "or pass the value to the constructor, as a hole of the same name."
            )
        return getattr(self._borrow(), name)

    def _read_common(self, name: str) -> Any:
        """Returns an attribute that has one value in all sizes of the selected mixture."""
        found = [getattr(size.module, name) for size in self.mixture.sizes()]
        if any(isinstance(one, Tensor) or one != found[0] for one in found):
            raise UndecidedAttributeError(
                f"{name!r} of the module at {self.path!r} is read while a mixture of its sizes runs, and the sizes have different values. "
                "Use a sampler that runs single paths, such as SPOS."
            )
        return found[0]

    def _borrow(self) -> nn.Module:
        """Returns the module of the selected size, with its weights in place."""
        skeleton = self.skeleton(self.values())
        if self._running is not skeleton and self._running is not None:
            self._running.give_back()
        self._running = skeleton
        skeleton.borrow(self.shared.take(skeleton))
        return skeleton.module

    _place: Tensor

    def train(self, mode: bool = True) -> Elastic:
        """Sets the mode; a size gets it when it is used, and those of mixtures, which are kept elsewhere, here."""
        super().train(mode)
        if self._mixture is not None:
            for skeleton in self._skeletons.values():
                self._set_mode(skeleton.module)
        return self

    def _set_mode(self, module: nn.Module) -> None:
        """Sets the mode of the module of a size, but not of common parts, which may have another one."""
        modes = [(part, part.training) for part in self.parts.modules()]
        module.train(self.training)
        for part, mode in modes:
            part.training = mode

    def _apply(self, fn: Any, recurse: bool = True) -> Any:  # as in PyTorch
        self._release()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # as PyTorch has it
        for skeleton in self._skeletons.values():
            for table, name, tensor in self._own_buffers(skeleton):
                table[name] = fn(tensor)
        self._kept = {values: [fn(tensor) for tensor in found] for values, found in self._kept.items()}
        return self

    def __getstate__(self) -> dict[str, Any]:
        self._release()
        kept = {values: [b for *_, b in self._own_buffers(s)] for values, s in self._skeletons.items()}
        return {
            **self.__dict__,
            "_template": Ref(self._template.program),  # a Ref: a deep copy would realize it
            "_mixture": None,
            "_skeletons": {},  # they are built again; their own buffers are kept
            "_kept": {**self._kept, **{values: found for values, found in kept.items() if found}},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # as PyTorch has it
        self._template = self._fill(state["_template"].value)

    def extra_repr(self) -> str:
        return f"{self.path!r}, {len(self.keys)} values to decide"

    # ------------------------------------------------------------------ making

    def _fill(self, program: object) -> Template:
        """Returns the template of a program with the common modules at their places."""
        updates: dict[Path, Any] = {}
        for place, (names, is_list) in self._places.items():
            modules = {name: self.parts[name.replace(".", "/")] for name in names}
            # a Ref: each size holds the module itself
            updates[place] = CommonPart(modules, is_list).value(Ref)
        return Template(rebind(clone(program), updates) if updates else program)

    def _release(self) -> None:
        if self._running is not None:
            self._running.give_back()
        if self._mixture is not None:
            self._mixture.give_back()
        self._running = None

    def _own_buffers(self, skeleton: Skeleton) -> Iterator[tuple[Table, str, Tensor]]:
        """Yields the buffers of a skeleton that are not shared."""
        bound = {(id(b.table), b.name) for b in skeleton.bindings}
        for _, layer in self.shared.layers(skeleton.module):
            for name, tensor in layer._buffers.items():
                if tensor is not None and (id(layer._buffers), name) not in bound:
                    yield layer._buffers, name, tensor

    def _make(self, values: tuple[Any, ...]) -> Skeleton:
        """Builds the module for some values by its own constructor."""
        decisions = Decisions(self.space, values)
        try:
            module = realize(self._template.materialize(decisions))
        except UndecidedAttributeError:
            raise
        except Exception as error:
            if isinstance(error.__cause__, UndecidedAttributeError):
                raise error.__cause__ from None
            if (explained := explain_runtime_hole(error, self.path)) is not None:
                raise explained from error
            raise FieldValueError(
                f"the module at {self.path or 'the root'!r} cannot be built with the values {decisions.to_dict()}: {error}"
            ) from error
        if not isinstance(module, nn.Module):
            raise FieldTypeError(f"a module is expected at {self.path!r}; got {quote_typed(module)}.")
        check_no_holes(module, self.path)
        next(module.parameters(), None)  # realizes the module
        module = replace_lazy_layers(module, self.path, self._lazy_tensors)
        self._set_mode(module)
        return Skeleton(module)

    def _to_place(self, tensor: Tensor) -> Tensor:
        """Moves and converts a new tensor to the device and dtype of this module."""
        place = self._place
        converts = place.dtype != self._first_dtype and tensor.is_floating_point()
        return tensor.to(place.device, place.dtype if converts else tensor.dtype)

    def _lazy_tensors(self, place: str) -> SharedTensors:
        key = place.replace(".", "/") or "self"
        if key not in self.lazy:
            self.lazy[key] = SharedTensors(f"{self.path}.{place}" if place else self.path, [])
        found = self.lazy[key]
        assert isinstance(found, SharedTensors)
        return found

    def lazy_layers(self) -> list[LazyLayer]:
        """Returns the lazy layers of all sizes."""
        return [
            layer
            for skeleton in self._skeletons.values()
            for _, layer in self.shared.layers(skeleton.module)
            if isinstance(layer, LazyLayer)
        ]

    def _measure(self, decisions: Decisions) -> int:
        with torch.random.fork_rng(devices=[]):
            found = self._make(decisions.values).module
            return sum(p.numel() for p in found.parameters() if not isinstance(p, UninitializedParameter))
