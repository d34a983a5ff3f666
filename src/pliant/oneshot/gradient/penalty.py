"""Cost penalties in the loss of the architecture parameters: added, or as a power of the logarithm.

A cost is a function from weights by key (one per candidate, for each decision) to a differentiable scalar, such as the expected
latency or multiply-adds.  A key is the path of a hole or its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import final

import torch
from torch import Tensor

from pliant.algorithms.options import check_number
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed

Cost = Callable[[Mapping[str, Tensor]], Tensor]


class Penalty(ABC):
    """Base class of penalties: how a cost enters the loss.

    Args:
      cost: from the weights of the candidates by key (float64, on the CPU) to the cost; for one-hot weights it is the
        cost of that network.
    """

    def __init__(self, cost: Cost) -> None:
        if not callable(cost):
            raise FieldTypeError(
                f"{type(self).__name__} takes a function of the candidates' weights by key, such as "
                f"`lambda weights: weights['op'] @ latencies`; got {quote_typed(cost)}."
            )
        self.cost = cost

    def measure(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Returns the cost of weights, as a scalar.

        Raises:
          FieldTypeError: the cost function returned something else.
        """
        found: object = self.cost(weights)
        if not isinstance(found, Tensor) or found.numel() != 1:
            raise FieldTypeError(
                f"the cost function of {type(self).__name__} returned {quote(found)}. Return a tensor with one number that is computed from "
                "the given weights, so that gradients flow."
            )
        return found.reshape(())

    @abstractmethod
    def join(self, loss: Tensor, cost: Tensor) -> Tensor:
        """Returns the loss combined with the cost."""


@final
class AddedCost(Penalty):
    """Additive penalty: ``loss + weight * (cost - reference) / reference``; ``add#linear`` in ProxylessNAS's code.

    >>> penalty = AddedCost(lambda weights: weights["op"] @ torch.tensor([10.0, 30.0]), reference=20.0)
    >>> penalty.join(torch.tensor(1.0), penalty.measure({"op": torch.tensor([0.0, 1.0])}))
    tensor(1.0500)

    Args:
      cost: see ``Penalty``.
      weight: of the cost.
      reference: the cost without a penalty; in the unit of the cost.
    """

    def __init__(self, cost: Cost, *, weight: float = 0.1, reference: float = 1.0) -> None:
        super().__init__(cost)
        self.weight = check_number(weight, "weight", self)
        self.reference = check_number(reference, "reference", self, above=0.0)

    def join(self, loss: Tensor, cost: Tensor) -> Tensor:
        """Returns the sum."""
        return loss + self.weight * (cost - self.reference) / self.reference


@final
class LogCost(Penalty):
    """Logarithmic penalty: ``loss * scale * (log(cost) / log(reference)) ** exponent``.

    The exponent is that of the logarithm, not of the cost.  Without a reference, ``loss * scale * log(cost) ** exponent``, it is Wu et al., "FBNet", CVPR 2019,
    equation 2, with its numbers as defaults (costs in microseconds); with one, ``mul#log`` in ProxylessNAS's code, which
    has 0.2 and 0.3.

    Args:
      cost: see ``Penalty``; above 1.
      scale: the ``alpha`` of the papers.
      exponent: the ``beta`` of the papers.
      reference: the usual cost, above 1; in the unit of the cost.
    """

    def __init__(
        self, cost: Cost, *, scale: float = 0.2, exponent: float = 0.6, reference: float | None = None
    ) -> None:
        super().__init__(cost)
        self.scale = check_number(scale, "scale", self, above=0.0)
        self.exponent = check_number(exponent, "exponent", self)
        self.reference = None if reference is None else check_number(reference, "reference", self, above=1.0)

    def join(self, loss: Tensor, cost: Tensor) -> Tensor:
        """Returns the product.

        Raises:
          FieldValueError: the cost is 1 or less, so that its logarithm is not positive.
        """
        if not cost.item() > 1.0:
            raise FieldValueError(
                f"LogCost takes a power of the logarithm of the cost, which must be above 1; got {cost.item():g}. "
                "Use a smaller unit (microseconds, as in FBNet), or AddedCost."
            )
        scaled = torch.log(cost)
        if self.reference is not None:
            scaled = scaled / torch.log(torch.tensor(self.reference, dtype=cost.dtype))
        return loss * self.scale * scaled**self.exponent
