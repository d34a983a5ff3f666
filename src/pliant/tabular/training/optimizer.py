"""AdamW for many networks at once, each with its learning rate and weight decay (PyTorch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, final

import torch
from torch import Tensor

from .stack import Networks

BETAS: Final = (0.9, 0.999)
EPSILON: Final = 1e-8

Views = tuple[Tensor, Tensor, Tensor, Tensor]
"""Weights, gradients, means and squares."""

Update = Callable[[Views, Tensor, float, float], object]
"""Takes these, the number of steps, the learning rate and the weight decay."""


@final
class AdamW:
    """AdamW whose steps are those of ``torch.optim.AdamW`` for each candidate.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.  Weight decay applies to the matrices of
    layers only.

    ``torch.optim.AdamW(fused=True)`` needs two groups of parameters for each candidate.  Its bookkeeping for them takes over half as
    long as a whole step of small networks, so this calls what that calls.

    Args:
      networks: whose weights it changes.
      rates: the learning rate of each candidate.
      decays: the weight decay of each candidate.
    """

    def __init__(self, networks: Networks, rates: Sequence[float], decays: Sequence[float]) -> None:
        self._networks = networks
        self._rates, self._decays = list(rates), list(decays)
        self._means = torch.zeros_like(networks.weights)
        self._squares = torch.zeros_like(networks.weights)
        self._count = torch.zeros(())
        self._update = find_update()
        self._share()

    def step(self, factor: float = 1.0) -> None:
        """Changes the weights by their gradients, which are taken.

        Args:
          factor: of the learning rates in this step, by a schedule.
        """
        self._count += 1
        self._networks.take_gradients()
        for row, rate, decay in self._parts:
            self._update(row, self._count, factor * rate, decay)

    def keep(self, candidates: Sequence[int]) -> None:
        """Drops all other candidates, after the networks dropped them."""
        index = torch.tensor(candidates, dtype=torch.long)
        self._means, self._squares = self._means[index], self._squares[index]
        self._rates = [self._rates[i] for i in candidates]
        self._decays = [self._decays[i] for i in candidates]
        self._share()

    def _share(self) -> None:
        """Divides the memory among the candidates, and theirs among the weights with and without decay."""
        networks = self._networks
        rows = zip(networks.weights, networks.gradients, self._means, self._squares, strict=True)
        self._parts: list[tuple[Views, float, float]] = []
        for row, rate, decay in zip(rows, self._rates, self._decays, strict=True):
            end = networks.decayed if decay else 0
            for part, share in ((slice(0, end), decay), (slice(end, None), 0.0)):
                weights, gradients, means, squares = (one[part] for one in row)
                if weights.numel():
                    self._parts.append(((weights, gradients, means, squares), rate, share))


@cache
def find_update() -> Update:
    """Returns ``update_fused`` where this release of PyTorch has what it calls, else ``update_plainly``."""
    try:
        some = torch.zeros(4, 1)
        update_fused((some[0], some[1], some[2], some[3]), torch.ones(()), 0.1, 0.1)
    except (AttributeError, TypeError, RuntimeError):  # it is private, and may change
        return update_plainly
    return update_fused


def update_fused(views: Views, count: Tensor, rate: float, decay: float) -> None:
    """Performs a step in one pass over the memory, by what ``torch.optim.AdamW(fused=True)`` calls."""
    update: Any = torch._fused_adamw_
    weights, gradients, means, squares = views
    update(
        [weights],
        [gradients],
        [means],
        [squares],
        [],
        [count],
        lr=rate,
        beta1=BETAS[0],
        beta2=BETAS[1],
        weight_decay=decay,
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )


def update_plainly(views: Views, count: Tensor, rate: float, decay: float) -> None:
    """Performs the same step by public operations, in several passes over the memory."""
    weights, gradients, means, squares = views
    steps = count.item()
    weights.mul_(1 - rate * decay)
    means.lerp_(gradients, 1 - BETAS[0])
    squares.mul_(BETAS[1]).addcmul_(gradients, gradients, value=1 - BETAS[1])
    root = (squares / (1 - BETAS[1] ** steps)).sqrt_().add_(EPSILON)
    weights.addcdiv_(means, root, value=-rate / (1 - BETAS[0] ** steps))
