"""SNAS, GDAS and FBNet: candidates are drawn by the Gumbel softmax, as a mixture or one at a time."""

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
    """Base class of Gumbel softmax algorithms: draws ``softmax((log p + g) / temperature)`` with Gumbel noise ``g``.

    Args:
      start: the first temperature.
    """

    start: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("start", "end"):
            if hasattr(self, name):
                setattr(self, name, check_number(getattr(self, name), name, self, above=0.0))

    def temperature(self, step: Step) -> float:
        """Returns the temperature of this step."""
        raise NotImplementedError

    def _soft(self, step: Step) -> dict[str, Tensor]:
        """Draws a point in the simplex for each decision; gradients flow through it."""
        temperature = self.temperature(step)
        drawn: dict[str, Tensor] = {}
        for key, vector in self._architecture.parameters.items():
            noisy = vector.log_softmax(0) + draw_gumbel(len(vector), self.random)
            drawn[key] = (noisy / temperature).softmax(0)
        return self._chosen(drawn)

    def _draw(self, step: Step) -> Draw:
        soft = self._soft(step)
        return Draw({key: row.detach() for key, row in soft.items()}, soft)


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class SNAS(GumbelSampler):
    """SNAS: draws soft weights, and learns weights and architecture parameters together, from one training loss.

    Xie, Zheng, Liu and Lin, "SNAS: Stochastic Neural Architecture Search", ICLR 2019: the concrete distribution
    (equation 5), single-level, so the parameters get their gradients from the backward pass of the weights, at no extra
    cost.  A penalty adds the gradient of its expected cost; a product with the loss (``LogCost``) is not possible.  The
    paper does not print its temperatures: ours go from ``start`` to ``end`` in equal ratios.

    With a gradient scaler the parameters get scaled gradients, to which Adam is invariant; steps with gradients that are
    not finite are skipped, and counted as ``left_out`` in the metrics.

    Other options are those of ``GradientSampler``, except ``every``.

    Args:
      start: the first temperature.
      end: the last temperature.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["SNAS"]

    start: float = 1.0
    end: float = 0.03
    weight_decay: float = 1e-3
    every: int = field(default=1, init=False, repr=False)  # the gradients are there at each step

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.penalty, LogCost):
            raise FieldValueError(
                "SNAS learns from the backward pass of the training loss, to which a penalty can only be added; got LogCost. Use "
                "AddedCost, or FBNet for a product with the loss."
            )

    def temperature(self, step: Step) -> float:
        ratio = self.end / self.start
        return self.start * float(ratio ** min(step.progress, 1.0))

    def _bind(self) -> None:
        self._left_out = 0
        super()._bind()

    def before_weights(self, step: Step) -> None:
        self._drawn = self._draw(step)
        self._leaf = self._select(self._drawn, learned=self._is_due(step))

    def after_weights(self, step: Step) -> None:
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
        self._descend(step, draw, leaf.grad, direct)

    def metrics(self) -> dict[str, float]:
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
    """GDAS: draws one candidate per decision and runs only that; gradients are those of the soft draw.

    Dong and Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019, equations 5 to 7: forward the
    candidate with the largest noisy logit, backward through the softmax at temperature ``tau``, and only through the
    candidate that ran.  (The published code also adds the weights of the other candidates to the output, which gives these
    the gradient of outputs of ones; this class follows the paper.)  Weights and parameters each get a new draw, one per
    key: tied cells run the same candidates.

    Other options are those of ``GradientSampler``, except ``checkpoint``.

    Args:
      start: the first temperature.
      end: the last temperature; it changes linearly.
      penalty: takes the cost of the drawn candidates.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["GDAS"]

    start: float = 10.0
    end: float = 0.1
    weight_decay: float = 1e-3
    checkpoint: bool = field(default=False, init=False, repr=False)  # only one candidate runs

    def temperature(self, step: Step) -> float:
        return self.start + (self.end - self.start) * min(step.progress, 1.0)

    def select_mixture(self) -> bool:
        return False  # single networks are trained

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
    """FBNet: draws soft weights, and minimizes the validation loss times a power of the logarithm of the drawn latency.

    Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", CVPR 2019:
    equation 2 with ``penalty=LogCost(cost)``, whose defaults are the paper's; ``AddedCost`` gives the additive form.
    The cost is that of the soft weights of the draw (equation 7).  The temperature is ``start * exp(-decay * epoch)``,
    and the parameters are constant for the first 10 of 90 epochs.  The paper alternates between weights and parameters by
    epoch, each on a part of the data; here they alternate by step.

    >>> import torch
    >>> from pliant.oneshot.gradient import LogCost
    >>> sampler = FBNet(penalty=LogCost(lambda weights: weights["op"] @ torch.tensor([120.0, 300.0], dtype=torch.float64)))

    Other options are those of ``GradientSampler``.

    Args:
      start: the first temperature.
      decay: of the temperature, per epoch.
      penalty: the cost of networks; the loss alone when None.
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
        self.decay = check_number(self.decay, "decay", self)

    def temperature(self, step: Step) -> float:
        return self.start * exp(-self.decay * step.epoch)
