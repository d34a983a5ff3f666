"""``Selection``: the current decision for each key of a super-network.

All choices and elastic modules of a super-network read one ``Selection``; mutators and ``Supernet.activate`` write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor

from pliant.values.errors import DecisionError, listing, suggest


@final
class Selection:
    """The current decision for each key of a super-network.

    Attributes:
      values: by key: the index of a candidate, a number, or for an input choice a list of indices.
      weights: by key, a weight per candidate, if a mixture of the candidates runs instead.
      owner: the mutator that selects: a list with its name, compared by identity; None without a mutator.
    """

    __slots__ = ("_numbers", "owner", "values", "weights")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.weights: dict[str, Tensor] = {}
        self.owner: list[str] | None = None
        self._numbers: dict[str, tuple[Tensor, int, list[float]]] = {}

    def replace(self, values: Mapping[str, Any]) -> None:
        """Sets the decisions of some keys and removes all mixtures; other keys keep their decisions."""
        self.values.update(values)
        self.weights.clear()

    def value(self, key: str) -> Any:
        """Returns the current decision of ``key``.

        Raises:
          DecisionError: nothing is selected for this key.
        """
        try:
            return self.values[key]
        except KeyError:
            raise DecisionError(
                f"nothing is selected for {key!r} yet{suggest(key, self.values) or '.'} Call `supernet.activate(decisions)` "
                f"or a mutator's `reset()` before the forward pass. Selected: {listing(self.values) or 'nothing'}."
            ) from None

    def numbers(self, key: str) -> list[float]:
        """Returns the weights of ``key`` as Python numbers; cached, so that they are copied from the device once."""
        weights = self.weights[key]
        known = self._numbers.get(key)
        if known is None or known[0] is not weights or known[1] != weights._version:
            known = self._numbers[key] = (weights, weights._version, weights.tolist())
        return known[2]

    def set_numbers(self, numbers: Mapping[str, list[float]]) -> None:
        """Caches the current weights as Python numbers, which saves copies from the device."""
        self._numbers = {
            key: (weights, weights._version, numbers[key])
            for key, weights in self.weights.items()
            if key in numbers
        }
