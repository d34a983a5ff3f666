"""Base class ``Mutable`` of choices in a network: key and selection.  Gives all choices of a network one selection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from pliant.values.errors import FieldTypeError, PliantError, SpaceError, quote, quote_typed

from .selection import Selection


class BindError(PliantError, RuntimeError):
    """A sampler, mutator or choice is not bound to a super-network yet, or is bound already."""


class Mutable(nn.Module):
    """A decision of a super-network; equal keys are one decision.

    Attributes:
      key: the name of the decision.
      names: the text of each candidate.
      is_bound: whether this choice is a decision of a super-network or of a mutator.
      is_open: whether there is something to decide.
      handler: a mutator's function that runs the choice instead of ``run``; takes the choice and its inputs and returns
        ``(output, mask)``.
    """

    is_open = True
    chosen: tuple[int, ...] | None = None  # a fixed decision of an ``InputChoice``
    names: tuple[str, ...]

    def __init__(self, key: str | None) -> None:
        super().__init__()
        given: Any = key
        if key is not None and (not isinstance(given, str) or not given):
            raise FieldTypeError(
                f"the key of a {type(self).__name__} is a non-empty string, the name of its decision; got {quote(key)}."
            )
        self.key: str = key or ""  # empty until the path in the network is known
        self._selection, self.is_bound = Selection(), False
        self.handler: Callable[..., Any] | None = None

    @property
    def selection(self) -> Selection:
        """What this choice reads; its own until a super-network or a mutator sets one that all choices share."""
        return self._selection

    @selection.setter
    def selection(self, selection: Selection) -> None:
        self._selection, self.is_bound = selection, True

    @property
    def selected(self) -> Any:
        """The current or the fixed decision: an index, a list of indices, or the weights of a mixture."""
        if self.chosen is not None:
            return self.chosen
        if not torch.compiler.is_compiling():
            self.selection.check_turn()  # a network that a mutator decides runs without the lock of a super-network
        found = self.selection.weights.get(self.key)
        return self.selection.value(self.key) if found is None else found

    @property
    def is_decided(self) -> bool:
        """Whether anything is selected."""
        return self.key in self.selection.values or self.key in self.selection.weights

    @property
    def kind(self) -> tuple[Any, ...]:
        """What all choices of one key must have in common."""
        return type(self).__name__, len(self)

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def length(self) -> int:
        """The number of candidates."""
        return len(self)


def check_module(network: Any) -> nn.Module:
    """Returns a network; raises FieldTypeError for what is not a module."""
    if not isinstance(network, nn.Module):
        raise FieldTypeError(f"a network is a torch.nn.Module; got {quote_typed(network)}.")
    return network


def find_mutables(network: nn.Module) -> Iterator[tuple[str, Mutable]]:
    """Yields the open choices of a network, each with its path."""
    for name, module in check_module(network).named_modules():
        if isinstance(module, Mutable) and module.is_open:
            yield name, module


def share_selection(network: nn.Module, selection: Selection) -> dict[str, Mutable]:
    """Makes all choices of a network read one selection; returns those that read another one before, by key.

    A choice without a key gets its path as key.

    Raises:
      SpaceError: two choices have one key, but different candidates.
    """
    found: dict[str, Mutable] = {}
    for name, module in find_mutables(network):
        if module.selection is selection:
            continue
        module.key = module.key or name
        module.selection = selection
        first = found.setdefault(module.key, module)
        if first.kind != module.kind:
            raise SpaceError(
                f"two choices have the key {module.key!r} but differ: a {type(first).__name__} of {len(first)} and a "
                f"{type(module).__name__} of {len(module)} candidates. One key is one decision: give them the same kind and number of candidates, or different keys."
            )
    return found
