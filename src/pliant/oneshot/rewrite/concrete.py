"""Concrete networks from hand-written choices: ``fix_choices`` replaces each choice by its selected candidate.

The ``Template`` of a symbolic program materializes its concrete networks instead.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar, final

import torch
from torch import Tensor, nn

from pliant.values.errors import SpaceError

from ..choices.choice import InputChoice, LayerChoice, ValueChoice, reduce_outputs, to_mask
from ..choices.mutable import Mutable, find_mutables
from ..choices.scope import unwatched

Network = TypeVar("Network", bound=nn.Module)


def fix_choices(network: Network, *, inherit: bool = True) -> Network:
    """Returns a copy of a network with choices in which each choice is fixed to what is selected.

    The selected candidate replaces its ``LayerChoice``; an ``InputChoice`` keeps its inputs, and a ``ValueChoice`` its value.
    If a mutator selected several candidates or a mixture, these run together.  Other candidates are not copied.

    >>> from pliant.oneshot import FixedMutator
    >>> model = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"), nn.Linear(2, 1))
    >>> mutator = FixedMutator(model, {"act": "Tanh()"})
    >>> fix_choices(model)
    Sequential(
      (0): Tanh()
      (1): Linear(in_features=2, out_features=1, bias=True)
    )

    Args:
      network: a module with choices in it; not a ``Supernet``, which has ``materialize``.
      inherit: whether the copy keeps the weights; otherwise the ``reset_parameters`` of its layers initialize it.

    Raises:
      DecisionError: nothing is selected for a choice.
      SpaceError: without ``inherit``, a layer has weights but no ``reset_parameters``.
    """
    memo: dict[int, Any] = {}
    for _, choice in reversed(list(find_mutables(network))):  # inner ones first
        if choice.is_decided:
            memo[id(choice)] = _fix(choice, memo)
    with unwatched(network):
        made: Network = copy.deepcopy(network, memo)
    for _, choice in find_mutables(made):
        choice.selection.value(choice.key)  # raises DecisionError
    if not inherit:
        _initialize(made)
    return made


def fix_if_open(network: nn.Module) -> nn.Module:
    """Returns the concrete network of a network with choices; any other network as it is."""
    return fix_choices(network) if next(find_mutables(network), None) is not None else network


@final
class Joined(nn.Module):
    """Several candidates of a ``LayerChoice`` that run together, or one that also returns its mask.

    Attributes:
      candidates: by name.
      mask: booleans or weights, with an item per candidate of the choice.
    """

    def __init__(
        self, candidates: Mapping[str, nn.Module], mask: Tensor, reduction: str, *, return_mask: bool
    ) -> None:
        super().__init__()
        self.candidates = nn.ModuleDict(dict(candidates))
        self.reduction, self.return_mask = reduction, return_mask
        self.register_buffer("mask", mask.detach().clone(), persistent=False)
        weights = None if mask.dtype == torch.bool else mask.detach()[mask != 0]
        self.register_buffer("weights", weights, persistent=False)

    mask: Tensor
    weights: Tensor | None

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Joins what the candidates return."""
        found = [module(*args, **fields) for module in self.candidates.values()]
        if self.weights is not None:
            found = [weight * one for weight, one in zip(self.weights, found)]
        out = reduce_outputs(found, self.reduction, type(self).__name__)
        return (out, self.mask) if self.return_mask else out


@final
class FixedValue(nn.Module):
    """A fixed ``ValueChoice``: call it to get its value."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    def forward(self) -> Any:
        """Returns the value."""
        return self.value

    def extra_repr(self) -> str:
        return repr(self.value)


def _fix(choice: Mutable, memo: dict[int, Any]) -> nn.Module:
    """Returns the module that replaces a choice; ``memo`` has those of inner choices."""
    selected = choice.selected
    if isinstance(choice, LayerChoice):
        return _fix_layer(choice, selected, memo)
    if isinstance(choice, InputChoice):
        mask = to_mask(selected, len(choice))
        if mask.dtype != torch.bool:
            raise SpaceError(
                f"a mixture of inputs is selected at {choice.key!r}, which a concrete network does not support. Select inputs: "
                "activate decisions, or use a mask of booleans."
            )
        return choice.fix(mask.nonzero().flatten().tolist())
    assert isinstance(choice, ValueChoice)
    with torch.no_grad():
        return FixedValue(choice())


def _fix_layer(choice: LayerChoice, selected: object, memo: dict[int, Any]) -> nn.Module:
    mask = to_mask(selected, len(choice))
    names = list(choice.candidates)
    found = {
        names[i]: copy.deepcopy(choice.candidates[names[i]], memo) for i in mask.nonzero().flatten().tolist()
    }
    is_one = not isinstance(selected, Tensor)  # an index: nothing is joined
    if is_one and not choice.return_mask:
        return next(iter(found.values()))
    return Joined(found, mask, "sum" if is_one else choice.reduction, return_mask=choice.return_mask)


def _initialize(network: nn.Module) -> None:
    """Initializes all layers with new weights."""
    for name, module in network.named_modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()
        elif next(module.parameters(recurse=False), None) is not None:
            raise SpaceError(
                f"the {type(module).__name__} at {name or 'the root'!r} has weights but no `reset_parameters`, so it cannot get new "
                "weights. Write that method, or build the network again and select the decisions with FixedMutator."
            )
