"""Checks a network before it is opened as a space, and maps its modules to the nodes of its program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import Node, children
from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed
from pliant.values.path import Path

from ..choices.evaluation import call_network, evaluating
from ..choices.nested import change_leaves, describe_leaves, find_leaves
from ..rewrite.network import Supernet
from ..rewrite.openable import check_openable, check_weights


def check_network(network: object) -> nn.Module:
    """Returns a module that can be opened.

    Raises:
      FieldTypeError: it is not a module, or is scripted, exported, compiled or quantized; or it is a super-network.
      FieldValueError: it has lazy parameters, weights on several devices, or weights without values.
    """
    found = check_openable(network, "a network to shrink is an nn.Module")
    check_weights(found)
    if any(isinstance(module, Supernet) for module in found.modules()):
        raise FieldTypeError(
            "the network is a super-network, which has the weights of many networks. Give one of them: `supernet.materialize(decisions)`, "
            "or `trainer.network()`."
        )
    return found


def check_example(network: nn.Module, example: object) -> tuple[Any, ...]:
    """Returns the inputs of an example as a tuple, on which the network was run twice with equal outputs.

    Raises:
      FieldTypeError: the example is not made of tensors.
      FieldValueError: the network fails on it, or returns NaN, or something else the second time.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    tensors = [x for x in inputs if isinstance(x, Tensor)]
    if not tensors:
        raise FieldTypeError(
            f"an example is an input of the network, a tensor with the batch first (or a tuple of inputs); got {quote_typed(example)}. "
            "For images that is `torch.zeros(1, 3, 224, 224)`."
        )
    if any(not x.numel() for x in tensors):
        raise FieldValueError(f"the example is empty ({describe_leaves(inputs)}). Give at least one input.")
    with torch.random.fork_rng(devices=[]):  # around both, so that random numbers differ
        first, second = run_on(network, inputs, "the example"), run_on(network, inputs, "the example")
    if not all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, second, strict=True)):
        raise FieldValueError(
            "the network is not deterministic: two runs on the example in evaluation mode return different outputs, so widths cannot "
            "be compared. Switch off what is random in `forward` when `self.training` is False, or set a seed there."
        )
    return inputs


def run_on(network: nn.Module, inputs: object, name: str) -> list[Tensor]:
    """Returns the tensors that a network returns for inputs that a user gave.

    Raises:
      FieldValueError: it fails on them, or returns NaN.
    """
    try:
        found = _run(network, inputs)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, NotImplementedError) as error:
        own = next(network.parameters(), None)
        given = [x for x in find_leaves(inputs) if isinstance(x, Tensor)]
        remedy = "Give an input of the shape and type that it takes, with the batch first."
        if own is not None and any(x.device != own.device for x in given):
            remedy = f"Its weights are on another device: `.to({str(own.device)!r})`."
        elif own is not None and any(x.is_floating_point() and x.dtype != own.dtype for x in given):
            remedy += f" Its weights are of the type {own.dtype}: `.to({own.dtype})`."
        raise FieldValueError(
            f"the network fails on {name} ({describe_leaves(inputs)}): {str(error).rstrip('. ')}. {remedy}"
        ) from error
    if any(x.is_floating_point() and bool(x.isnan().any()) for x in found):
        raise FieldValueError(
            f"the network returns NaN for {name} ({describe_leaves(inputs)}), so smaller networks cannot be compared with it. Give an input like "
            "those that it was trained on, and check its weights."
        )
    return found


def run_once(network: nn.Module, inputs: object) -> list[Tensor]:
    """Runs a network in evaluation mode, without effects on the global random state; returns the tensors of its output."""
    with torch.random.fork_rng(devices=[]):
        return _run(network, inputs)


def list_calls(network: nn.Module, inputs: object) -> list[str]:
    """Returns the paths of the modules that run on some inputs, in this order."""
    calls: list[str] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, args, name=name: calls.append(name))
        for name, module in network.named_modules()
    ]
    try:
        run_once(network, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def find_detours(
    network: nn.Module, inputs: tuple[Any, ...], others: Iterable[Any] = ()
) -> list[tuple[Any, list[Tensor]]]:
    """Returns inputs on which other modules run, and their outputs: then the control flow depends on data.

    Tried are floats with the opposite sign, and tripled, and whole numbers in another order; and ``others``.
    """
    wanted, found = list_calls(network, inputs), []
    for other in [*(change_leaves(inputs, partial(_vary, factor)) for factor in (-1, 3)), *others]:
        try:
            if list_calls(network, other) != wanted:
                found.append((other, run_once(network, other)))
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError):
            continue  # not an input that it takes
    return found


def _vary(factor: int, x: Any) -> Any:
    if not isinstance(x, Tensor):
        return x
    return x * factor if x.is_floating_point() else x.roll(factor, -1) if x.dim() else x


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
