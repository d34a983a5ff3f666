"""Checks that a network can be opened: modules that are compiled, scripted, exported, quantized or without weights are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.parameter import is_lazy

from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, quote_typed


def check_openable(network: object, what: str) -> nn.Module:
    """Returns a module that can be opened; it stays as it is.

    >>> check_openable(nn.Linear(2, 2), "open_network takes a module")
    Linear(in_features=2, out_features=2, bias=True)

    Args:
      network: any value.
      what: the start of the message for a value that is not a module.

    Raises:
      FieldTypeError: it is not a module, or is scripted, exported, compiled or quantized.
      FieldValueError: it has lazy parameters, or only some of its weights have values.
    """
    if not isinstance(network, nn.Module):
        is_class = isinstance(network, type) and issubclass(network, nn.Module)
        remedy = f" Make an instance: `{network.__name__}(...)`." if is_class else ""  # type: ignore[attr-defined]  # a class
        raise FieldTypeError(f"{what}; got {quote_typed(network)}.{remedy}")
    for name, module in network.named_modules():
        if (error := _find_fault(name, module)) is not None:
            raise error
    tensors = dict(_list_tensors(network))
    bare = [name for name, tensor in tensors.items() if tensor.is_meta]
    if bare and len(bare) < len(tensors):
        raise FieldValueError(
            f"{bare[0]!r} and {len(bare) - 1} other tensors of the network are on the meta device, which has no values, and others are "
            "not. Load the weights: `network.to_empty(device='cpu')`, then `network.load_state_dict(...)`."
        )
    return network


def check_weights(network: nn.Module) -> None:
    """Checks that the weights and buffers of a network have values, and are on one device.

    Raises:
      FieldValueError: they are not.
    """
    places: dict[str, str] = {}
    for name, tensor in _list_tensors(network):
        places.setdefault(str(tensor.device), name)
    if len(places) > 1:
        shown = ", ".join(f"{device} ({name!r})" for device, name in sorted(places.items()))
        raise FieldValueError(
            f"the weights of the network are on {len(places)} devices: {shown}. Move it to one: `network.to({min(places)!r})`."
        )
    if "meta" in places:
        raise FieldValueError(
            "the network is on the meta device, so its weights have no values to be kept. Load them: "
            "`network.to_empty(device='cpu')`, then `network.load_state_dict(...)`."
        )


def is_exported(module: nn.Module) -> bool:
    """Returns whether ``torch.export`` made a module: its code is a graph of operations on fixed shapes."""
    if not isinstance(module, fx.GraphModule):
        return type(module).__module__.startswith("torch.export")
    return any(isinstance(node.target, torch._ops.OpOverload) for node in module.graph.nodes)


def _find_fault(name: str, module: nn.Module) -> PliantError | None:
    place = f"the module at {name!r}" if name else "the network"
    kind = type(module)
    if "_orig_mod" in module._modules:
        inner = f"network.get_submodule({name!r})" if name else "network"
        return FieldTypeError(
            f"{place} is compiled by torch.compile, so its layers cannot be changed. Give the module that was compiled, "
            f"`{inner}._orig_mod`, and compile the result."
        )
    if isinstance(module, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        return FieldTypeError(
            f"{place} is a TorchScript module, whose layers cannot be changed. Give the module that was scripted or traced."
        )
    if is_exported(module):
        return FieldTypeError(
            f"{place} was made by torch.export, and its code is a graph for fixed shapes. Give the module that was exported."
        )
    if ".quantized" in kind.__module__ and kind.__module__.startswith("torch."):
        return FieldTypeError(
            f"{place} is quantized ({kind.__name__}), and its weights cannot be cut. Shrink the network before it is quantized."
        )
    own: Any = {**module._parameters, **module._buffers}
    for key, tensor in own.items():
        if is_lazy(tensor):
            path = f"{name}.{key}" if name else key
            return FieldValueError(
                f"the weight {path!r} has no size yet, because its {kind.__name__} is lazy. Run the network once on an input, "
                "`network(example)`, and train it."
            )
    return None


def _list_tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from network.named_parameters()
    yield from network.named_buffers()
