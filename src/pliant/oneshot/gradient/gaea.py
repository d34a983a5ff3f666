"""GAEA: first-order DARTS whose parameters are probabilities, learned by exponentiated gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from pliant.algorithms.options import refuse_unknown

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler, average_over_processes


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class GAEA(GradientSampler):
    """GAEA: each probability is multiplied by ``exp(-rate * gradient)``, and the products are normalized.

    Li, Khodak, Balcan and Talwalkar, "Geometry-Aware Gradient Algorithms for Neural Architecture Search", ICLR 2021,
    applied to first-order DARTS: ``p * exp(-rate * gradient) / sum``.  Unlike a step through the softmax, such a step goes on at the same speed near a
    corner of the simplex, so that the mixture becomes one network and little is lost when it is discretized.

    >>> from torch import nn
    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> GAEA(learning_rate=0.1).bind(net, seed=0)

    Other options are those of ``GradientSampler`` without those of Adam.

    Args:
      learning_rate: the rate of the exponentiated gradient; 0.1 in the paper.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["GAEA"]

    learning_rate: float = 0.1
    betas: tuple[float, float] = field(default=(0.9, 0.999), init=False, repr=False)  # Adam does not run
    weight_decay: float = field(default=0.0, init=False, repr=False)

    def _draw(self, step: Step) -> Draw:
        return self._draw_probabilities()

    def _update(self, step: Step, draw: Draw, rows: Mapping[str, Tensor]) -> None:
        """Adds ``-rate * gradient`` to the logarithms of the probabilities, up to a constant."""
        slopes = {key: row.clone() for key, row in rows.items()}
        average_over_processes(slopes.values())
        with torch.no_grad():
            for key, vector in self._architecture.parameters.items():
                moved = vector - self.learning_rate * slopes[key] * self._architecture.count(key)
                vector.copy_(moved.log_softmax(0))
