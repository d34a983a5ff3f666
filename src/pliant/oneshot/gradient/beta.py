"""Beta-DARTS: first-order DARTS with a decay of the probabilities instead of the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pliant.algorithms.options import check_number, refuse_unknown

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class BetaDARTS(GradientSampler):
    """Beta-DARTS: the loss of the parameters has a term, the mean of their logarithms of summed exponentials.

    Ye, Li, Chen, Chen, Fan and Ouyang, "beta-DARTS: Beta-Decay Regularization for Differentiable Architecture Search", CVPR
    2022: ``weight * mean(log(sum(exp(parameters))))``.  Its gradient is the probability of each candidate, so that those that lead early (usually skips) are
    held back most.  The weight of the term grows from 0 to ``decay`` in proportion to the progress of the training.

    >>> from torch import nn
    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> BetaDARTS(decay=25.0).bind(net, seed=0)

    Other options are those of ``GradientSampler``.

    Args:
      decay: the weight of the term at the end of the training.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["BetaDARTS"]

    decay: float = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decay = check_number(self.decay, "decay", self)

    def _regularize(self, step: Step) -> Tensor | None:
        terms = torch.stack([vector.logsumexp(0) for vector in self._vectors])
        return self.decay * min(step.progress, 1.0) * terms.mean()

    def _draw(self, step: Step) -> Draw:
        return self._draw_probabilities()
