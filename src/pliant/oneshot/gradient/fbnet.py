"""FBNet: soft Gumbel draws with a falling temperature, and the latency of what was drawn in the loss."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import ClassVar, final

from pliant.algorithms.policy.options import check_number, refuse_unknown

from ..capability import CAPABILITIES
from ..sampler import Step
from .gumbel import GumbelSampler


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class FBNet(GumbelSampler):
    """Draws soft weights and learns by the validation loss times a power of the logarithm of the drawn network's latency.

    Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", CVPR 2019:
    equation 2 with ``penalty=LogCost(cost)``, whose defaults are the paper's; ``AddedCost`` gives the additive form.
    The cost is taken of the soft weights of the draw (equation 7).  The temperature is ``start * exp(-decay * epoch)``,
    and the parameters wait for 10 of 90 epochs.  The paper trains weights and parameters in turns of an epoch, each on
    its own part of the data; here the turns are steps.

    >>> import torch
    >>> from pliant.oneshot.gradient import LogCost
    >>> sampler = FBNet(penalty=LogCost(lambda weights: weights["op"] @ torch.tensor([120.0, 300.0], dtype=torch.float64)))

    All options that are not here are those of ``GradientSampler``.

    Args:
      start: the temperature at first.
      decay: of the temperature, per epoch.
      penalty: what networks cost; without one it is the loss alone.
      learning_rate: of Adam, for the architecture parameters.
      betas: of Adam.
      weight_decay: of Adam, in the L2 form.
      warmup: the share of the training in which the parameters stay as they are; 10 of 90 epochs.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["FBNet"]

    start: float = 5.0
    decay: float = 0.045
    learning_rate: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 5e-4
    warmup: float = 10 / 90

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = check_number(self.start, "start", self, above=0.0)
        self.decay = check_number(self.decay, "decay", self)

    def temperature(self, step: Step) -> float:
        """Returns the temperature of this epoch."""
        return self.start * exp(-self.decay * step.epoch)
