"""SNAS and GDAS: candidates are drawn with Gumbel noise, softly or one at a time, and the draw is differentiated."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from random import Random
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from pliant.algorithms.options import check_number, refuse_unknown
from pliant.values.errors import FieldValueError

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler
from .penalty import LogCost


def draw_gumbel(count: int, random: Random) -> Tensor:
    """Returns standard Gumbel noise: ``-log(-log(u))`` for uniform ``u``; always finite."""
    found: list[float] = []
    while len(found) < count:
        uniform = random.random()
        if 0.0 < uniform < 1.0:
            found.append(-log(-log(uniform)))
    return torch.tensor(found, dtype=torch.float64)


@refuse_unknown
@dataclass(kw_only=True, eq=False)
class GumbelSampler(GradientSampler):
    """The base class of algorithms that draw by ``softmax((log p + g) / temperature)`` with Gumbel noise ``g``."""

    def temperature(self, step: Step) -> float:
        """Returns the temperature of this step."""
        raise NotImplementedError

    def _soft(self, step: Step) -> dict[str, Tensor]:
        """Draws a point in the simplex for each decision; gradients flow through it."""
        temperature = self.temperature(step)
        drawn = {
            key: ((row + draw_gumbel(len(row), self.random)) / temperature).softmax(0)
            for key, row in self._architecture.log_probabilities().items()
        }
        return self._chosen(drawn)

    def _draw(self, step: Step) -> Draw:
        soft = self._soft(step)
        return Draw({key: row.detach() for key, row in soft.items()}, soft)


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class SNAS(GumbelSampler):
    """Draws soft weights, and learns weights and architecture parameters together, from one training loss.

    Xie, Zheng, Liu and Lin, "SNAS: Stochastic Neural Architecture Search", ICLR 2019: the concrete distribution
    (equation 5), single-level, so the parameters get their gradients from the backward pass of the weights (without cost
    of their own).  A penalty adds the gradient of its expected cost; a product with the loss (``LogCost``) is none that
    this allows.  The paper does not print its temperatures: ours go from ``start`` to ``end`` in equal ratios.

    Behind a gradient scaler the parameters see scaled gradients, which Adam makes no difference of; steps with gradients
    that are not finite are left out, and counted as ``left_out`` in the metrics.

    All options that are not here are those of ``GradientSampler``, but for ``every``.

    Args:
      start: the temperature at first.
      end: the temperature in the end.
      learning_rate: of Adam, for the architecture parameters.
      betas: of Adam.
      weight_decay: of Adam, in the L2 form.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["SNAS"]

    start: float = 1.0
    end: float = 0.03
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3
    every: int = field(default=1, init=False, repr=False)  # the gradients are there at each step

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = check_number(self.start, "start", self, above=0.0)
        self.end = check_number(self.end, "end", self, above=0.0)
        if isinstance(self.penalty, LogCost):
            raise FieldValueError(
                "SNAS learns from the backward pass of the training loss, so its penalty can only be added: use AddedCost, "
                "or FBNet for a product with the loss."
            )

    def temperature(self, step: Step) -> float:
        """Returns the temperature of this step: from ``start`` to ``end`` in equal ratios."""
        ratio = self.end / self.start
        return self.start * float(ratio ** min(step.progress, 1.0))

    def _bind(self) -> None:
        self._left_out = 0
        super()._bind()

    def before_weights(self, step: Step) -> None:
        """Selects a draw, whose weights collect gradients in the backward pass."""
        self._drawn = self._draw(step)
        self._leaf = self._select(self._drawn, learned=self._is_due(step))

    def after_weights(self, step: Step) -> None:
        """Lets the parameters take a step with what was collected."""
        leaf, draw, due = self._leaf, self._drawn, self._leaf.requires_grad
        self._steps += 1
        self._select(draw)  # no graph is left behind
        if not due or leaf.grad is None:
            return
        if not torch.isfinite(leaf.grad).all():
            self._left_out += 1
            return
        direct: dict[str, Any] = {}
        if self.penalty is not None:
            total, priced = self._objective(torch.zeros(()), draw)
            direct = dict(zip(priced, torch.autograd.grad(total, list(priced.values()), allow_unused=True)))
        self._descend(draw, leaf.grad, direct)

    def metrics(self) -> dict[str, float]:
        """Returns those of ``GradientSampler``, and ``left_out``."""
        return {**super().metrics(), "left_out": float(self._left_out)}

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "left_out": self._left_out}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._left_out = state["left_out"]


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class GDAS(GumbelSampler):
    """Draws one candidate per decision and runs only that; gradients are those of the soft draw.

    Dong and Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019, equations 5 to 7: forward the
    candidate with the largest noisy logit, backward through the softmax at temperature ``tau``, and only through the
    candidate that ran.  (The published code also adds the weights of all others to the output, so that these get
    the sum of the output's gradient, as though they had returned ones; we do as the paper says.)  A draw is fresh for the
    weights and for the parameters, one per key: cells that are tied run the same candidates.

    All options that are not here are those of ``GradientSampler``, but for ``checkpoint``.

    Args:
      start: the temperature at first.
      end: the temperature in the end; it goes there linearly.
      learning_rate: of Adam, for the architecture parameters.
      betas: of Adam.
      weight_decay: of Adam, in the L2 form.
      penalty: it costs the candidates that were drawn.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["GDAS"]

    start: float = 10.0
    end: float = 0.1
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3
    checkpoint: bool = field(default=False, init=False, repr=False)  # only one candidate runs

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = check_number(self.start, "start", self, above=0.0)
        self.end = check_number(self.end, "end", self, above=0.0)

    def temperature(self, step: Step) -> float:
        """Returns the temperature of this step: from ``start`` to ``end``, linearly."""
        return self.start + (self.end - self.start) * min(step.progress, 1.0)

    def select_mixture(self) -> bool:
        """Returns False: single networks are trained."""
        return False

    def _draw(self, step: Step) -> Draw:
        soft = self._soft(step)
        return Draw({key: one_hot(row, self._architecture.count(key)) for key, row in soft.items()}, soft)


def one_hot(row: Tensor, count: int = 1) -> Tensor:
    """Returns ones at the ``count`` largest items, zeros elsewhere; no gradients.

    >>> one_hot(torch.tensor([0.2, 0.5, 0.3]), 2)
    tensor([0., 1., 1.])
    """
    return torch.zeros_like(row).scatter_(0, row.detach().topk(count).indices, 1.0).detach()


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
