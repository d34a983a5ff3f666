"""``NetworkCosts``: multiply-adds and parameters of the networks of a space, as the inspector takes them."""

from __future__ import annotations

from typing import Any, Final, final

from pliant.values.errors import FieldTypeError

from .counting import count, count_part
from .example import check_inputs
from .tensors import find_tensors

COUNTED: Final = 100
"""How many programs of a space the inspector counts."""


@final
class NetworkCosts:
    """Cost function for ``pg.inspect``: multiply-adds and parameters of each network, and of each candidate where it stands.

    A new mobile network takes about ten milliseconds, so only the first hundred valid programs of an inspection are
    counted, and all of them if the count of one of these fails.

    >>> import torch, pliant as pg
    >>> from torch import nn
    >>> Sequential, Linear, Identity = map(pg.symbolize, (nn.Sequential, nn.Linear, nn.Identity))
    >>> space = Sequential(Linear(4, 8), pg.oneof([Linear(8, 8), Identity()]), Linear(8, 2))
    >>> found = pg.inspect(space, cost=NetworkCosts(torch.zeros(1, 4)))
    >>> found.programs.quantiles[0], found.programs.quantiles[-1]
    (48.0, 112.0)
    >>> [candidate.cost for candidate in found.decisions[0].candidates]
    [64.0, 0.0]

    Args:
      *inputs: positional arguments of each network; a batch of one gives multiply-adds per example.

    Raises:
      FieldTypeError: no input, or one that is a shape instead of a tensor.
    """

    limit = COUNTED

    def __init__(self, *inputs: Any) -> None:
        check_inputs("NetworkCosts", inputs)
        if not find_tensors(inputs, []):
            raise FieldTypeError(
                "pg.cost.NetworkCosts takes an example input of the networks, such as `torch.zeros(1, 3, 224, 224)`; got none."
            )
        self.inputs = inputs

    def __call__(self, program: Any) -> dict[str, float]:
        """Returns the costs of a network by name."""
        found = count(program, *self.inputs)
        return {"multiply-adds": found.multiply_adds, "parameters": found.parameters}

    def of_part(self, program: Any, path: str) -> float:
        """Returns the multiply-adds of the part at a path, inside of the network."""
        return count_part(program, path, *self.inputs).multiply_adds
