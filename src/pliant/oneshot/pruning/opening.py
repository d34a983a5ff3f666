"""Checks a network before it is opened as a space, and maps its modules to the nodes of its program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import Node, children
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.path import Path

from ..choices.evaluation import call_network, evaluating
from ..choices.nested import find_leaves


def check_network(network: object) -> nn.Module:
    """Returns a module that can be opened.

    Raises:
      FieldTypeError: it is not a module, or is scripted, exported, compiled or quantized.
      FieldValueError: it has lazy parameters, or weights on several devices.
    """
    if not isinstance(network, nn.Module):
        raise FieldTypeError(f"a network to shrink is an nn.Module; got {quote_typed(network)}.")
    if hasattr(network, "_orig_mod"):
        raise FieldTypeError(
            "the network is compiled by torch.compile, so its layers cannot be changed. Give the module that was compiled, "
            "`network._orig_mod`, and compile the result."
        )
    for name, module in network.named_modules():
        place = f"the module at {name!r}" if name else "the network"
        kind = type(module)
        if isinstance(module, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
            raise FieldTypeError(
                f"{place} is a TorchScript module, whose layers cannot be changed. Give the module that was scripted or traced."
            )
        if ".quantized" in kind.__module__ and kind.__module__.startswith("torch."):
            raise FieldTypeError(
                f"{place} is quantized ({kind.__name__}), and its weights cannot be cut. Shrink the network before it is quantized."
            )
    weights: list[tuple[str, Any]] = list(network.named_parameters())
    lazy = [name for name, tensor in weights if nn.parameter.is_lazy(tensor)]
    if lazy:
        raise FieldValueError(
            f"the weight {lazy[0]!r} has no size yet, because its layer is lazy. Run the network once on an input, "
            "`network(example)`, and train it."
        )
    devices = sorted({str(tensor.device) for tensor in network.parameters()})
    if len(devices) > 1:
        raise FieldValueError(
            f"the weights of the network are on {len(devices)} devices ({', '.join(devices)}). Move it to one: `network.to({devices[0]!r})`."
        )
    return network


def check_example(network: nn.Module, example: object) -> tuple[Any, ...]:
    """Returns the inputs of an example as a tuple, on which the network was run twice with equal outputs.

    Raises:
      FieldTypeError: the example is not made of tensors.
      FieldValueError: the network fails on it, or returns something else the second time.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    if not any(isinstance(x, Tensor) for x in inputs):
        raise FieldTypeError(
            f"an example is an input of the network, a tensor with the batch first (or a tuple of inputs); got {quote_typed(example)}. "
            "For images that is `torch.zeros(1, 3, 224, 224)`."
        )
    try:
        with torch.random.fork_rng(devices=[]):  # around both, so that random numbers differ
            first, second = _run(network, inputs), _run(network, inputs)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        shapes = ", ".join(f"{quote(x.dtype)} {tuple(x.shape)}" for x in inputs if isinstance(x, Tensor))
        raise FieldValueError(
            f"the network fails on the example ({shapes}): {error} Give an input of the shape and type that it takes, with the batch first."
        ) from error
    if not all(torch.equal(a, b) for a, b in zip(first, second, strict=True)):
        raise FieldValueError(
            "the network is not deterministic: two runs on the example in evaluation mode return different outputs, so widths cannot "
            "be compared. Switch off what is random in `forward` when `self.training` is False, or set a seed there."
        )
    return inputs


def run_once(network: nn.Module, inputs: object) -> list[Tensor]:
    """Runs a network in evaluation mode, without effects on the global random state; returns the tensors of its output."""
    with torch.random.fork_rng(devices=[]):
        return _run(network, inputs)


def _run(network: nn.Module, inputs: object) -> list[Tensor]:
    with torch.no_grad(), evaluating(network):
        return [x for x in find_leaves(call_network(network, inputs)) if isinstance(x, Tensor)]


def find_nodes(program: Any) -> Iterator[tuple[Path, Any, nn.Module]]:
    """Yields the modules of an opened program: the path and the node of each, and the module that it is a copy of."""

    def walk(value: Any, path: Path) -> Iterator[tuple[Path, Any, nn.Module]]:
        for key, item in children(value) or ():
            if isinstance(item, Ref):
                if isinstance(value, nn.Module) and isinstance(item.value, nn.Module):
                    yield path, value, item.value
            elif isinstance(item, Node):
                yield from walk(item, path + key)

    yield from walk(program, Path())
