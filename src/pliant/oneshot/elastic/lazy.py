"""Lazy layers (``nn.LazyConv2d``, ``nn.LazyLinear``, ...) in a super-network: elastic over the width of their input.

PyTorch's lazy layer keeps the width of its first input.  In a super-network the width changes with the decisions, so
``LazyLayer`` has one maximal weight and a layer for each width.  An example input shows once which widths occur.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedBuffer

from pliant.values.errors import FieldValueError

from .sharing import SharedTensors, Skeleton


@final
class LazyLayer(nn.Module):
    """A lazy layer over one maximal weight; each input uses the part for its width.

    Args:
      prototype: the lazy layer before its first input.
      shared: the maximal tensors, shared with other layers at the same place; None for new ones.
      path: the path of the layer, for messages.
    """

    def __init__(self, prototype: nn.Module, shared: SharedTensors | None, path: str) -> None:
        super().__init__()
        self.path = path
        self._hidden = _Prototype(prototype)
        self._store: list[SharedTensors] = [] if shared is None else [shared]
        self.own = SharedTensors(path, []) if shared is None else None
        self._skeletons: dict[int, Skeleton] = {}
        self.last_width: int | None = None
        self._running: Skeleton | None = None

    @property
    def layer(self) -> nn.Module:
        """The lazy layer before its first input."""
        return self._hidden.layer

    @property
    def shared(self) -> SharedTensors:
        """The maximal tensors."""
        return self._store[0] if self.own is None else self.own

    @property
    def is_measured(self) -> bool:
        """Whether the maximal tensors exist."""
        return bool(self.shared._parameters or self.shared._buffers)

    def forward(self, x: Tensor, *args: Any, **fields: Any) -> Any:
        """Runs the layer of the width of ``x``."""
        dim = -1 if isinstance(self._hidden.layer, nn.LazyLinear) else 1
        width = self.last_width = int(x.shape[dim])
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
        state = {**self.__dict__, "_running": None}
        return {**state, "_skeletons": {}, "last_width": None} if self.is_measured else state

    def current(self) -> Skeleton | None:
        """Returns the layer of the last width; None before the first input."""
        return None if self.last_width is None else self._skeletons[self.last_width]

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
    """Holds a lazy layer outside of the module tree; can be copied, unlike PyTorch's uninitialized buffers."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __deepcopy__(self, memo: dict[int, Any]) -> _Prototype:
        for buffer in self.layer.buffers():
            if isinstance(buffer, UninitializedBuffer):
                kind: Any = UninitializedBuffer  # its stub lacks the arguments
                fresh = kind(device=buffer.device, dtype=buffer.dtype)
                memo.setdefault(id(buffer), fresh)
        return _Prototype(copy.deepcopy(self.layer, memo))


def is_lazy(module: nn.Module) -> bool:
    """Returns whether a layer is lazy and has not received an input yet."""
    return isinstance(module, LazyModuleMixin) and module.has_uninitialized_params()


def replace_lazy_layers(
    module: nn.Module, path: str, shared: Callable[[str], SharedTensors] | None = None
) -> nn.Module:
    """Replaces the lazy layers in a module by ``LazyLayer``; returns the module, or what replaces it.

    Args:
      module: changed in place.
      path: the path of the module.
      shared: a function from the path of a layer in ``module`` to its ``SharedTensors``; None for new ones.
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


def share_lazy_weights(layers: list[LazyLayer]) -> None:
    """Makes the maximal tensors of lazy layers, after each has received inputs of all its widths.

    Raises:
      FieldValueError: a layer has received no input.
    """
    groups: dict[int, list[LazyLayer]] = {}
    for layer in layers:
        groups.setdefault(id(layer.shared), []).append(layer)
    for group in groups.values():
        found = [skeleton for layer in group for skeleton in layer._skeletons.values()]
        if not found:
            raise FieldValueError(
                f"the {type(group[0]._hidden.layer).__name__} at {group[0].path!r} received no input, so its width is unknown. "
                "Pass an example that reaches this layer, or give the layer its width."
            )
        group[0].shared.share(found)
