"""Runs a network without lasting effects: contexts that restore modes, buffers and selections, and input conversion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from .mutable import Mutable, check_module
from .selection import Selection


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """A context in which a network is in evaluation mode; afterwards each module has its own mode again."""
    was_training, modes = (
        check_module(network).training,
        [(module, module.training) for module in network.modules()],
    )
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
        for module, mode in modes:
            module.training = mode


@contextmanager
def keep_buffers(*modules: nn.Module) -> Iterator[None]:
    """A context after which the buffers of modules (running statistics, mostly) have their old values, bit by bit."""
    kept = [(buffer, buffer.clone()) for module in modules for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, before in kept:
            buffer.data.copy_(before)  # by data: a backward pass may follow, and needs none of these values


@contextmanager
def keep_selection(network: nn.Module, selection: Selection) -> Iterator[None]:
    """A context in which choices run what is selected, without handlers; afterwards the old selection is back."""
    handlers = [(m, m.handler) for m in network.modules() if isinstance(m, Mutable) and m.handler is not None]
    with selection.borrowed():
        for module, _ in handlers:
            module.handler = None
        try:
            yield
        finally:
            for module, handler in handlers:
                module.handler = handler


def adapt_inputs(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns inputs on the device and in the precision of a network's weights."""
    like = next((p for p in network.parameters() if p.is_floating_point()), None)
    if like is None:
        return inputs
    return tuple(
        x.to(like.device, like.dtype if x.is_floating_point() else x.dtype) if isinstance(x, Tensor) else x
        for x in inputs
    )


def call_network(network: nn.Module, inputs: object) -> Any:
    """Runs a network on the inputs of a batch: a tuple or list is positional arguments, a mapping named ones.

    >>> call_network(nn.Bilinear(2, 2, 1), (Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]))).shape
    torch.Size([1, 1])
    """
    if isinstance(inputs, (tuple, list)):
        return network(*inputs)
    return network(**inputs) if isinstance(inputs, Mapping) else network(inputs)
