"""Augmentation policies: the spaces of AutoAugment and of RandAugment, for images in PyTorch.

Cubuk et al., "AutoAugment: Learning Augmentation Strategies From Data", CVPR 2019, section 3; Cubuk et al., "RandAugment:
Practical Automated Data Augmentation with a Reduced Search Space", NeurIPS 2020, section 3.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from pliant.hyper import oneof
from pliant.symbolic.objects.object import Object

from ..sizes import checked
from .image_operations import OPERATIONS

PROBABILITIES = tuple(i / 10 for i in range(11))
MAGNITUDES = tuple(range(10))
"""The candidates of AutoAugment: 11 probabilities and 10 magnitudes; a magnitude of 9 is the full strength."""

OP_HINT, PROBABILITY_HINT, MAGNITUDE_HINT = "op", "probability", "magnitude"
"""The hints of the holes."""


@final
class Step(Object):
    """An operation on images, with a probability and a magnitude from 0 to 9."""

    op: str
    probability: float
    magnitude: float

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Returns images, of which each is changed with the probability; directions are random."""
        changes = torch.rand(len(x), generator=generator) < self.probability
        sign = 1 - 2 * int(torch.randint(2, (), generator=generator))
        changed = OPERATIONS[self.op](x, sign * self.magnitude / MAGNITUDES[-1])
        return torch.where(changes.to(x.device)[:, None, None, None], changed, x)


@final
class AutoAugment(Object):
    """A policy: for each image one of its sub-policies, whose steps are applied in turn."""

    policies: list[list[Step]]

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Returns images (batch, 3, rows, columns) of floats from 0 to 1."""
        choice = torch.randint(len(self.policies), (len(x),), generator=generator)
        out = x.clone()
        for place, steps in enumerate(self.policies):
            rows = (choice == place).nonzero().flatten().to(x.device)
            part = x[rows]
            for step in steps if len(rows) else ():
                part = step.apply(part, generator)
            out[rows] = part
        return out


@final
class RandAugment(Object):
    """A policy with two numbers: how many operations are drawn for each batch, and their magnitude from 0 to 9."""

    count: int
    magnitude: float

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Returns images (batch, 3, rows, columns) of floats from 0 to 1."""
        names = [name for name in OPERATIONS if name not in ("invert", "cutout")]
        for place in torch.randint(len(names), (self.count,), generator=generator).tolist():
            x = Step(names[place], 1.0, self.magnitude).apply(x, generator)
        return x


@checked()
def make_space(*, policies: int = 5, steps: int = 2) -> Any:
    """Returns the space of AutoAugment: (16 * 10 * 11) ** 10 policies, about 2.9 * 10**32, as published.

    >>> import pliant as pg
    >>> f"{pg.abstract_search_space(make_space()).size:.1e}"
    '2.9e+32'

    Args:
      policies: the number of sub-policies.
      steps: the operations of each.
    """

    def make_step() -> Any:
        return Step(
            oneof(list(OPERATIONS), hints=OP_HINT),
            oneof(PROBABILITIES, hints=PROBABILITY_HINT),
            oneof(MAGNITUDES, hints=MAGNITUDE_HINT),
        )

    return AutoAugment([[make_step() for _ in range(steps)] for _ in range(policies)])


@checked()
def make_small_space(*, counts: int = 3) -> Any:
    """Returns the space of RandAugment: the number of operations and one magnitude.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_small_space()).size
    30

    Args:
      counts: the largest number of operations.
    """
    return RandAugment(
        oneof(list(range(1, counts + 1)), hints=OP_HINT), oneof(MAGNITUDES, hints=MAGNITUDE_HINT)
    )
