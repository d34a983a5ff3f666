"""Layers that learn the width of their input when they first see one (``nn.LazyConv2d``, ``nn.LazyLinear``, ...).

Alone, such a layer takes one width and keeps it.  In a super-network the width changes with the decisions, so here it
is elastic over the width of whatever comes in.  The widths that occur are measured with an example input, once.
"""

from __future__ import annotations

import copy
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedBuffer

from pliant.values.errors import FieldValueError

from .sharing import SharedTensors, Skeleton


@final
class LazyLayer(nn.Module):
    """A lazy layer over one maximal weight, of which each input uses the part that fits it.

    Args:
      prototype: the lazy layer, which has seen no input.
      shared: the tensors; those of other layers at the same place, or None for tensors of its own.
      path: where it stands, for messages.
    """

    def __init__(self, prototype: nn.Module, shared: SharedTensors | None, path: str) -> None:
        super().__init__()
        self.path = path
        self._hidden = _Prototype(prototype)
        self._store: list[SharedTensors] = [] if shared is None else [shared]
        self.own = SharedTensors(path, []) if shared is None else None
        self._skeletons: dict[int, Skeleton] = {}
        self.last: int | None = None
        self._running: Skeleton | None = None

    @property
    def layer(self) -> nn.Module:
        """The layer as it was before it saw an input."""
        return self._hidden.layer

    @property
    def shared(self) -> SharedTensors:
        """The maximal tensors."""
        return self._store[0] if self.own is None else self.own

    @property
    def is_measured(self) -> bool:
        """Whether the maximal tensors were made."""
        return bool(self.shared._parameters or self.shared._buffers)

    def forward(self, x: Tensor, *args: Any, **fields: Any) -> Any:
        """Runs the layer in the width of ``x``."""
        width = self.last = int(x.shape[-1] if isinstance(self._hidden.layer, nn.LazyLinear) else x.shape[1])
        skeleton = self._skeletons.get(width)
        if skeleton is None:
            skeleton = self._make(x, args, fields)
            if self.is_measured:
                self.shared.bind(skeleton)
                self.shared.strip(skeleton)
            self._skeletons[width] = skeleton
        if not self.is_measured:
            return skeleton.module(x, *args, **fields)
        if skeleton.module.training is not self.training:
            skeleton.module.train(self.training)
        if self._running is not None and self._running is not skeleton:
            self._running.give_back()
        self._running = skeleton
        skeleton.borrow(self.shared.take(skeleton))
        return skeleton.module(x, *args, **fields)

    def __getstate__(self) -> dict[str, Any]:
        if self._running is not None:
            self._running.give_back()
        return {
            **self.__dict__,
            "_running": None,
            **({"_skeletons": {}, "last": None} if self.is_measured else {}),
        }

    def current(self) -> Skeleton | None:
        """Returns the layer as it last ran."""
        return None if self.last is None else self._skeletons[self.last]

    def measured(self) -> list[Skeleton]:
        """Returns the layers of all widths that were seen."""
        return list(self._skeletons.values())

    def _make(self, x: Tensor, args: tuple[Any, ...], fields: dict[str, Any]) -> Skeleton:
        module = copy.deepcopy(self._hidden).layer.train(self.training)
        with torch.no_grad():
            if self.is_measured:
                with torch.random.fork_rng(devices=[]):
                    module.to(x.device, x.dtype)(x, *args, **fields)
            else:
                module(x, *args, **fields)
        return Skeleton(module)

    def extra_repr(self) -> str:
        return f"{type(self._hidden.layer).__name__} at {self.path!r}"


@final
class _Prototype:
    """A lazy layer that saw no input, kept where it counts as no part of a network.

    It can be copied: PyTorch's uninitialized buffers alone cannot.
    """

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __deepcopy__(self, memo: dict[int, Any]) -> _Prototype:
        for buffer in self.layer.buffers():
            if isinstance(buffer, UninitializedBuffer):
                kind: Any = UninitializedBuffer  # whose stub knows no arguments
                fresh = kind(device=buffer.device, dtype=buffer.dtype)
                memo.setdefault(id(buffer), fresh)
        return _Prototype(copy.deepcopy(self.layer, memo))


def is_lazy(module: nn.Module) -> bool:
    """Returns whether a layer has yet to see an input."""
    return isinstance(module, LazyModuleMixin) and module.has_uninitialized_params()


def replace_lazy_layers(module: nn.Module, path: str, shared: Any = None) -> nn.Module:
    """Replaces the lazy layers of a module by layers that follow their input; returns it, or what replaces it.

    Args:
      module: changed in place.
      path: where it stands.
      shared: a function from the path of a layer in ``module`` to its ``SharedTensors``; None gives each its own.
    """
    if is_lazy(module):
        return LazyLayer(module, None if shared is None else shared(""), path)
    for place, holder in list(module.named_modules()):
        for name, child in list(holder.named_children()):
            if is_lazy(child):
                at = f"{place}.{name}" if place else name
                known = None if shared is None else shared(at)
                setattr(holder, name, LazyLayer(child, known, f"{path}.{at}" if path else at))
    return module


def finish(layers: list[LazyLayer]) -> None:
    """Makes the maximal tensors of layers, after all their widths were seen.

    Raises:
      FieldValueError: one of them saw no input.
    """
    groups: dict[int, list[LazyLayer]] = {}
    for layer in layers:
        groups.setdefault(id(layer.shared), []).append(layer)
    for group in groups.values():
        found = [skeleton for layer in group for skeleton in layer.measured()]
        if not found:
            raise FieldValueError(
                f"the {type(group[0]._hidden.layer).__name__} at {group[0].path!r} saw no input, so its width is not known. "
                "Pass an example that reaches it, or give the layer its width."
            )
        group[0].shared.share(found)
