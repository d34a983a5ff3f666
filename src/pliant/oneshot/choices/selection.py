"""What a super-network has decided just now, by key: the one thing that changes between two forward passes.

All choices and elastic layers of a super-network read one ``Selection``; mutators and ``Supernet.activate``
write it.  It holds no weights of the network and samples nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor

from pliant.values.errors import DecisionError, listing, suggest


@final
class Selection:
    """The current answer to every decision of a super-network.

    Attributes:
      values: by key, what is selected: the index of a candidate, a number, or for an input choice a list
        of indices.
      owner: which mutator says what is selected: a list with its name, which is compared by identity; None without one.
      weights: by key, a weight per candidate, where a mixture of them is to be run instead.
    """

    __slots__ = ("_numbers", "owner", "values", "weights")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.weights: dict[str, Tensor] = {}
        self.owner: list[str] | None = None
        self._numbers: dict[str, tuple[Tensor, int, list[float]]] = {}

    def replace(self, values: Mapping[str, Any]) -> None:
        """Selects ``values``, by key, and no mixtures; keys that are not named keep what they had."""
        self.values.update(values)
        self.weights.clear()

    def value(self, key: str) -> Any:
        """Returns what is selected under ``key``.

        Raises:
          DecisionError: nothing was ever selected there.
        """
        try:
            return self.values[key]
        except KeyError:
            raise DecisionError(
                f"nothing is selected for {key!r} yet{suggest(key, self.values) or '.'} Call `supernet.activate(decisions)` "
                f"or a mutator's `reset()` before the forward pass. Selected: {listing(self.values) or 'nothing'}."
            ) from None

    def numbers(self, key: str) -> list[float]:
        """Returns the weights of ``key`` as numbers; a device is asked for them once, however many modules want them."""
        weights = self.weights[key]
        known = self._numbers.get(key)
        if known is None or known[0] is not weights or known[1] != weights._version:
            known = self._numbers[key] = (weights, weights._version, weights.tolist())
        return known[2]

    def set_numbers(self, numbers: Mapping[str, list[float]]) -> None:
        """Takes the present weights as numbers too, so that no device has to be asked for them."""
        self._numbers = {
            key: (weights, weights._version, numbers[key])
            for key, weights in self.weights.items()
            if key in numbers
        }
