"""DrNAS: mixtures are drawn from Dirichlet distributions, whose concentrations are learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from pliant.algorithms.options import check_number, refuse_unknown

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler

SMALLEST = 1e-6
"""Of concentrations, so that the distribution exists."""


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class DrNAS(GradientSampler):
    """DrNAS: the weights of candidates are drawn from a Dirichlet distribution per decision.

    Chen, Wang, Cheng, Tang and Hsieh, "DrNAS: Dirichlet Neural Architecture Search", ICLR 2021:
    concentrations ``elu(parameter) + 1``, gradients through the draw, and a distance to the uniform distribution as a penalty,
    by the Kullback-Leibler divergence as in the published code.  The draws explore, and the penalty keeps them
    from collapsing.  The mean of the distribution gives the final network.  Not included: partial channels and the stages in
    which the paper removes candidates.

    >>> from torch import nn
    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> DrNAS().bind(net, seed=0)

    Other options are those of ``GradientSampler``.

    Args:
      regularization: the weight of the distance to the uniform distribution.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["DrNAS"]

    regularization: float = 1e-3
    learning_rate: float = 6e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.regularization = check_number(self.regularization, "regularization", self)

    def _concentrate(self, vector: Tensor) -> Tensor:
        return (torch.nn.functional.elu(vector) + 1.0).clamp_min(SMALLEST)

    def _normalize(self, vector: Tensor) -> Tensor:
        found = self._concentrate(vector)
        return found / found.sum()

    def _regularize(self, step: Step) -> Tensor | None:
        terms = [
            kl_divergence(Dirichlet(self._concentrate(vector)), Dirichlet(torch.ones_like(vector)))
            for vector in self._vectors
            if len(vector) > 1
        ]
        return self.regularization * torch.stack(terms).sum() if terms and self.regularization else None

    def _draw(self, step: Step) -> Draw:
        soft: dict[str, Tensor] = {}
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.random.getrandbits(63))
            for key, vector in self._architecture.parameters.items():
                alone = len(vector) == 1  # Dirichlet takes two and more
                soft[key] = (
                    self._normalize(vector) if alone else Dirichlet(self._concentrate(vector)).rsample()
                )
        soft = self._chosen(soft)
        return Draw({key: row.detach() for key, row in soft.items()}, soft)
