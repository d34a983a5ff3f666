"""Weights of one selected network in a super-network, by their names in the concrete network; copies them into it."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ..choices.choice import LayerChoice
from ..choices.selection import Selection
from ..elastic.lazy import LazyLayer
from ..elastic.module import Elastic
from ..elastic.sharing import SharedTensors, Skeleton


def has_trainable_weights(network: nn.Module, selection: Selection) -> bool:
    """Returns whether the selected network, or one network of the selected mixture, has weights with gradients."""
    mixed = {key: [i for i, one in enumerate(selection.numbers(key)) if one] for key in selection.weights}
    for turn in range(max(map(len, mixed.values()), default=1)):
        single = Selection()
        single.replace({**selection.values, **{key: runs[turn % len(runs)] for key, runs in mixed.items()}})
        with torch.enable_grad():  # a view of a weight requires gradients if the weight does
            if any(tensor.requires_grad for _, tensor in name_weights(network, single)):
                return True
    return False


def load_weights(child: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copies weights into a network and gives it their dtypes and devices.

    Raises:
      RuntimeError: the names or shapes do not match.
    """
    state: Any = OrderedDict(weights)
    state._metadata = {name: {"version": module._version} for name, module in child.named_modules()}
    missing, unexpected = child.load_state_dict(state, strict=False)
    wrong = [name for name in missing if not name.endswith("_extra_state")] + unexpected
    if wrong:
        raise RuntimeError(
            f"the weights of a {type(child).__name__} are not those of the super-network: {wrong[:8]}."
        )
    own: dict[str, Tensor] = dict(child.named_parameters(remove_duplicate=False))
    own.update(child.named_buffers(remove_duplicate=False))
    for name, given in weights.items():
        tensor = own[name]
        if (tensor.dtype, tensor.device) != (given.dtype, given.device):
            tensor.data = given.detach().clone()
    given_types = {(t.dtype, t.device) for t in weights.values() if t.is_floating_point()}
    if len(given_types) == 1:  # also moves buffers that are not stored
        dtype, device = given_types.pop()
        for name, tensor in own.items():
            if name not in weights:
                tensor.data = tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype)


def name_weights(network: nn.Module, selection: Selection) -> Iterator[tuple[str, Tensor]]:
    """Yields the tensors of the selected network by name; parts of maximal tensors are views if possible."""
    for prefix, module, borrowed in _name_modules(network, selection):
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                if tensor is not None and name not in module._non_persistent_buffers_set:
                    yield prefix + name, borrowed.get((id(table), name), tensor)


def load_state(child: nn.Module, network: nn.Module, selection: Selection) -> None:
    """Copies the state that layers keep outside their weights: other buffers, extra state, numbers and tensors in attributes."""
    for prefix, module, _ in _name_modules(network, selection):
        own: Any = child.get_submodule(prefix[:-1])
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            own.set_extra_state(copy.deepcopy(module.get_extra_state()))
        if isinstance(module, _NormBase):  # its buffers are weights, its attributes settings
            continue
        for name in module._non_persistent_buffers_set & own._buffers.keys():
            own._buffers[name] = copy.deepcopy(module._buffers[name])
        kept, given = vars(own), vars(module)
        for name in kept.keys() & given.keys() - {"training"}:
            if isinstance(given[name], (int, float, Tensor)):
                kept[name] = given[name].detach().clone() if isinstance(given[name], Tensor) else given[name]


def write_buffers(network: nn.Module, selection: Selection, values: Mapping[str, Tensor]) -> None:
    """Sets buffers of the selected network, by their names in the concrete network, also in the maximal tensors."""
    lent: list[tuple[SharedTensors, Skeleton, list[Tensor]]] = []
    with torch.no_grad():
        for prefix, module, borrowed in _name_modules(network, selection, lent=lent):
            for name, tensor in module._buffers.items():
                if tensor is not None and prefix + name in values:
                    borrowed.get((id(module._buffers), name), tensor).copy_(values[prefix + name])
        for shared, skeleton, tensors in lent:
            shared.write_copies(skeleton, tensors)


_Borrowed = Mapping[tuple[int, str], Tensor]
_NOTHING: _Borrowed = MappingProxyType({})


def _name_modules(
    module: nn.Module,
    selection: Selection,
    prefix: str = "",
    borrowed: _Borrowed = _NOTHING,
    lent: list[tuple[SharedTensors, Skeleton, list[Tensor]]] | None = None,
) -> Iterator[tuple[str, nn.Module, _Borrowed]]:
    """Yields the modules of the selected network, each with the prefix of its names, and the tensors that it borrows.

    Adds to ``lent`` who lends tensors to which part.
    """
    if isinstance(module, LayerChoice):
        index = int(selection.value(module.key))
        if module.return_mask:  # the concrete network keeps the name of the candidate
            prefix += f"candidates.{list(module.candidates)[index]}."
        yield from _name_modules(module[index], selection, prefix, lent=lent)
        return
    if isinstance(module, (Elastic, LazyLayer)):
        values = module.values(selection) if isinstance(module, Elastic) else ()
        skeleton = module.skeleton(values) if isinstance(module, Elastic) else module.current()
        if skeleton is None:  # a lazy layer before its first input
            return
        tensors = module.shared.take(skeleton)
        borrowed = {(id(b.table), b.name): t for b, t in zip(skeleton.bindings, tensors)}
        if lent is not None:
            lent.append((module.shared, skeleton, tensors))
        module = skeleton.module
        if isinstance(module, LazyLayer):  # a lazy layer with other searched values
            yield from _name_modules(module, selection, prefix, lent=lent)
            return
    yield prefix, module, borrowed
    for name, child in module._modules.items():
        if child is not None:
            yield from _name_modules(child, selection, f"{prefix}{name}.", borrowed, lent)
