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
      weights: by key, a weight per candidate, where a mixture of them is to be run instead.
    """

    __slots__ = ("values", "weights")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.weights: dict[str, Tensor] = {}

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
