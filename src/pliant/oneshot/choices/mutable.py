"""What every choice inside a network has: a key, and a selection that it reads; and how a whole network's choices get one.

What a choice chooses among is in ``mutables``; what is selected is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from pliant.values.errors import FieldTypeError, PliantError, SpaceError

from .selection import Selection


class BindError(PliantError, RuntimeError):
    """A sampler, mutator or choice that has no super-network yet, or has one already."""


class Mutable(nn.Module):
    """A decision of a super-network; equal keys are one decision.

    Attributes:
      key: the name of the decision.
      is_bound: whether a super-network or a mutator took this choice into its decisions.
      is_open: whether there is something to decide.
      handler: runs the choice in place of its own way, when a mutator wants to: takes the choice and its inputs,
        returns ``(output, mask)``.
    """

    is_open = True

    def __init__(self, key: str | None) -> None:
        super().__init__()
        given: Any = key
        if key is not None and (not isinstance(given, str) or not given):
            raise FieldTypeError(
                f"the key of a {type(self).__name__} is a name for its decision; got {key!r:.80}."
            )
        self.key: str = key or ""  # without one, the path in the network is used, once there is a network
        self._selection, self.is_bound = Selection(), False
        self.handler: Callable[..., Any] | None = None

    @property
    def selection(self) -> Selection:
        """Where the present answer is read; its own until a super-network or a mutator sets one that all choices read."""
        return self._selection

    @selection.setter
    def selection(self, selection: Selection) -> None:
        self._selection, self.is_bound = selection, True

    @property
    def selected(self) -> Any:
        """What is selected: an index, a list of indices, or a mixture's weights."""
        found = self.selection.weights.get(self.key)
        return self.selection.value(self.key) if found is None else found

    @property
    def is_decided(self) -> bool:
        """Whether anything is selected."""
        return self.key in self.selection.values or self.key in self.selection.weights

    @property
    def kind(self) -> tuple[Any, ...]:
        """What choices of one key must have in common."""
        return type(self).__name__, len(self)

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def length(self) -> int:
        """How many candidates there are."""
        return len(self)


def find_mutables(network: nn.Module) -> Iterator[tuple[str, Mutable]]:
    """Yields the choices of a network that are open, each with its path."""
    for name, module in network.named_modules():
        if isinstance(module, Mutable) and module.is_open:
            yield name, module


def share_selection(network: nn.Module, selection: Selection) -> dict[str, Mutable]:
    """Lets all choices of a network read ``selection``; returns those that did not so far, by key.

    A choice without a key gets its path as key.

    Raises:
      SpaceError: two choices have one key, and are not alike.
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
                f"{type(module).__name__} of {len(module)} candidates. One key is one decision: make them alike, or name them apart."
            )
    return found
