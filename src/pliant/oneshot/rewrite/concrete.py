"""From a network whose choices were written by hand to the concrete network of what is selected: no choice is left in it.

What is selected is decided elsewhere; networks that were made of a program are made by their ``Template`` instead.
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
    """Returns the concrete network of what is selected in a network with choices in it; that one stays as it is.

    A copy, in which the candidate stands at the place of its ``LayerChoice``, an ``InputChoice`` has its inputs, and a
    ``ValueChoice`` its value.  Where a mutator selected several candidates, or a mixture, these run together.  Candidates that
    are not selected are not copied.

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
      inherit: whether the copy has the weights; otherwise its layers are initialized anew, by their own ``reset_parameters``.

    Raises:
      DecisionError: a choice that is reached has nothing selected.
      SpaceError: weights are to be new, and a layer has no ``reset_parameters``.
    """
    memo: dict[int, Any] = {}
    for _, choice in reversed(list(find_mutables(network))):  # those inside come first
        if choice.is_decided:
            memo[id(choice)] = _fix(choice, memo)
    with unwatched(network):
        made: Network = copy.deepcopy(network, memo)
    for _, choice in find_mutables(made):
        choice.selection.value(choice.key)  # says that nothing is selected
    if not inherit:
        _initialize(made)
    return made


def fix_if_open(network: nn.Module) -> nn.Module:
    """Returns the concrete network of one with choices in it; any other as it is."""
    return fix_choices(network) if next(find_mutables(network), None) is not None else network


@final
class Joined(nn.Module):
    """Several candidates of a ``LayerChoice`` that run together, or one that says what ran.

    Attributes:
      candidates: by name.
      mask: which of the candidates of the choice these are, or their weights.
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
    """What is left of a ``ValueChoice``: call it to get its value."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def forward(self) -> Any:
        """Returns the value."""
        return self.value

    def extra_repr(self) -> str:
        return repr(self.value)


def _fix(choice: Mutable, memo: dict[int, Any]) -> nn.Module:
    """Returns what stands at the place of a choice; ``memo`` has what stands at those inside."""
    selected = choice.selected
    if isinstance(choice, LayerChoice):
        return _fix_layer(choice, selected, memo)
    if isinstance(choice, InputChoice):
        mask = to_mask(selected, len(choice))
        if mask.dtype != torch.bool:
            raise SpaceError(
                f"a mixture of inputs is selected at {choice.key!r}, and a concrete network has no such thing. Select inputs: "
                "activate decisions, or give booleans."
            )
        return choice.fix(mask.nonzero().flatten().tolist())
    assert isinstance(choice, ValueChoice)
    with torch.no_grad():
        return FixedValue(choice())


def _fix_layer(choice: LayerChoice, selected: Any, memo: dict[int, Any]) -> nn.Module:
    mask = to_mask(selected, len(choice))
    names = list(choice.candidates)
    found = {
        names[i]: copy.deepcopy(choice.candidates[names[i]], memo) for i in mask.nonzero().flatten().tolist()
    }
    is_one = not isinstance(selected, Tensor)  # one index: its output is not joined
    if is_one and not choice.return_mask:
        return next(iter(found.values()))
    return Joined(found, mask, "sum" if is_one else choice.reduction, return_mask=choice.return_mask)


def _initialize(network: nn.Module) -> None:
    """Gives all layers new weights."""
    for name, module in network.named_modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()
        elif next(module.parameters(recurse=False), None) is not None:
            raise SpaceError(
                f"the {type(module).__name__} at {name or 'the root'!r} has weights and no `reset_parameters`, so it cannot be initialized "
                "anew. Write that method; or make the network once more by its class, and select the decisions there (FixedMutator)."
            )
