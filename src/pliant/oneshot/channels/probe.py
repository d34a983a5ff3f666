"""A network run with widths that do not fit, to see which layers a width reaches: the measurements of ``follow``.

While it is probed, each layer of a known class takes what comes in as if it were built for it, and may give out more
channels than it has.  Tensors of different widths that are added are made alike, and noted.  Only shapes mean
anything in such a run.  What follows from them is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..elastic.widths import Widths, find_widths, input_width, is_depthwise

Spot = tuple[int, int]  # which operation on several tensors, as they run, and which dimension, from the end


@final
@dataclass(slots=True)
class Probe:
    """What was seen in one run.

    Attributes:
      widths: by layer, how wide its input was.
      built_for: by layer, for how wide an input it is built.
      joins: by spot, the sizes that two or more tensors have there which are computed with each other.
    """

    widths: dict[int, int] = field(default_factory=dict)
    built_for: dict[int, int] = field(default_factory=dict)
    joins: dict[Spot, tuple[int, ...]] = field(default_factory=dict)


def probe(network: nn.Module, example: tuple[Any, ...], outputs: Mapping[int, int]) -> Probe:
    """Runs a network on an example.

    Args:
      network: is as before when this returns.
      example: its inputs, on its device.
      outputs: by ``id`` of a layer, how wide its output is to be instead.
    """
    found = Probe()
    mode = _Joins(found)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), _adapted(network, found, outputs, mode), mode:
        network(*example)
    return found


@contextmanager
def _adapted(network: nn.Module, found: Probe, outputs: Mapping[int, int], mode: _Joins) -> Iterator[None]:
    """Lets the known layers of a network take any width, for a while."""
    adapted: list[nn.Module] = []
    was_training = {module: module.training for module in network.modules()}
    network.eval()
    try:
        for layer in was_training:
            widths = find_widths(layer)
            if widths is not None and "forward" not in layer.__dict__:
                adapted.append(layer)
                layer.__dict__["forward"] = _adapt(layer, widths, found, outputs.get(id(layer)), mode)
        yield
    finally:
        for layer in adapted:
            del layer.__dict__["forward"]
        for layer, mode_before in was_training.items():
            layer.training = mode_before


def _adapt(layer: nn.Module, widths: Widths, found: Probe, output: int | None, mode: _Joins) -> Any:
    run = layer.forward
    follows = widths.writes is None or is_depthwise(layer)

    def forward(*args: Any, **fields: Any) -> Any:
        with mode.paused():
            own, first = input_width(layer, widths), args[0] if args else next(iter(fields.values()))
            width = own
            if own is not None and first.dim() >= abs(widths.dim):
                width = int(first.shape[widths.dim])
                found.widths[id(layer)], found.built_for[id(layer)] = width, own
                args = tuple(_resize(x, widths.dim, own) for x in args)
                fields = {name: _resize(x, widths.dim, own) for name, x in fields.items()}
            given = run(*args, **fields)
            if follows and own is not None and width is not None and width != own:
                dim = widths.dim
                return _each(given, lambda y: _resize(y, dim, y.shape[dim] // own * width))
            if output is not None:
                return _each(given, lambda y: _resize(y, widths.dim, output))
            return given

    return forward


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, tuple):  # an attention or recurrent layer: the output, and what else it tells
        return (change(value[0]), *value[1:])
    return change(value)


def _resize(x: Any, dim: int, width: int) -> Any:
    """Cuts a tensor, or fills it up."""
    if not isinstance(x, Tensor) or x.dim() < (dim + 1 if dim >= 0 else -dim) or x.shape[dim] == width:
        return x
    if x.shape[dim] > width:
        return x.narrow(dim, 0, width)
    shape = list(x.shape)
    shape[dim] = width - x.shape[dim]
    return torch.cat([x, x.new_zeros(shape)], dim)


@final
class _Joins(TorchFunctionMode):
    """Makes tensors alike that are computed with each other, and notes their sizes."""

    def __init__(self, found: Probe) -> None:
        super().__init__()
        self.found, self.count, self.is_paused = found, 0, 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.is_paused += 1
        try:
            yield
        finally:
            self.is_paused -= 1

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        fields = kwargs or {}
        tensors = [x for x in args if isinstance(x, Tensor)] if not self.is_paused else []
        name = getattr(func, "__name__", "")
        if len(tensors) < 2 or name not in _POINTWISE:
            return func(*args, **fields)
        self.count += 1
        alike = list(tensors)
        for dim in range(-1, -1 - max(t.dim() for t in tensors), -1):
            sizes = tuple(int(t.shape[dim]) for t in tensors if t.dim() >= -dim)
            joined = [size for size in sizes if size != 1]
            if len(joined) > 1:
                self.found.joins[(self.count, dim)] = tuple(joined)
                if len(set(joined)) > 1:
                    alike = [
                        t if t.dim() < -dim or t.shape[dim] == 1 else _resize(t, dim, max(joined))
                        for t in alike
                    ]
        again = iter(alike)
        return func(*(next(again) if isinstance(x, Tensor) else x for x in args), **fields)


_POINTWISE = frozenset(
    name
    for base in ("add", "sub", "mul", "div", "true_divide", "pow", "maximum", "minimum", "where", "lerp")
    for name in (base, base + "_", f"__{base}__", f"__i{base}__", f"__r{base}__")
) | frozenset({"__truediv__", "__itruediv__", "__rtruediv__", "addcmul", "rsub"})
