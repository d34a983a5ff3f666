"""FBNet: soft Gumbel draws with a falling temperature, and the latency of what was drawn in the loss."""

from __future__ import annotations

from math import exp
from typing import ClassVar, final

from pliant.algorithms.policy.options import check_number

from ..capability import CAPABILITIES
from ..sampler import Step
from .gumbel import GumbelSampler
from .learner import Derivation
from .penalty import Penalty


@final
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

    Args:
      penalty: what networks cost; without one it is the loss alone.
      start: the temperature at first.
      decay: of the temperature, per epoch.
      learning_rate: of Adam, for the architecture parameters; all others as in ``GradientSampler``.
      betas: of Adam.
      weight_decay: of Adam.
      init_scale: see there.
      warmup: see there.
      every: see there.
      derivation: see there.
      skip_limit: see there.
      checkpoint: see there.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["FBNet"]

    def __init__(
        self,
        *,
        penalty: Penalty | None = None,
        start: float = 5.0,
        decay: float = 0.045,
        learning_rate: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 5e-4,
        init_scale: float = 1e-3,
        warmup: float = 10 / 90,
        every: int = 1,
        derivation: Derivation | None = None,
        skip_limit: int | None = None,
        checkpoint: bool = False,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            betas=betas,
            weight_decay=weight_decay,
            init_scale=init_scale,
            warmup=warmup,
            every=every,
            penalty=penalty,
            derivation=derivation,
            skip_limit=skip_limit,
            checkpoint=checkpoint,
        )
        self.start = check_number(start, "start", self, above=0.0)
        self.decay = check_number(decay, "decay", self)

    def temperature(self, step: Step) -> float:
        """Returns the temperature of this epoch."""
        return self.start * exp(-self.decay * step.epoch)
