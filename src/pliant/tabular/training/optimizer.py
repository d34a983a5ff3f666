"""AdamW for many networks at once, each with its learning rate and weight decay (PyTorch)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch

from .stack import Networks


@final
class AdamW:
    """AdamW whose steps are those of ``torch.optim.AdamW`` for each candidate.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.  Weight decay applies to the matrices of
    layers only.

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
        self._share()

    def step(self, factor: float = 1.0) -> None:
        """Changes the weights by their gradients, which are taken.

        Args:
          factor: of the learning rates in this step, by a schedule.
        """
        self._count += 1
        if self._shrinks:
            shrink = [1 - factor * r * d for r, d in zip(self._rates, self._decays, strict=True)]
            weights = self._networks.weights
            weights[:, : self._networks.decayed] *= torch.tensor(shrink, dtype=weights.dtype).unsqueeze(1)
        update: Any = torch._fused_adamw_  # what torch.optim.AdamW(fused=True) calls
        gradients = self._networks.take_gradients()
        for (weight, mean, square), gradient, rate in zip(self._rows, gradients, self._rates, strict=True):
            update(
                [weight],
                [gradient],
                [mean],
                [square],
                [],
                [self._count],
                lr=factor * rate,
                beta1=0.9,
                beta2=0.999,
                weight_decay=0.0,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )

    def keep(self, candidates: Sequence[int]) -> None:
        """Drops all other candidates, after the networks dropped them."""
        index = torch.tensor(candidates, dtype=torch.long)
        self._means, self._squares = self._means[index], self._squares[index]
        self._rates = [self._rates[i] for i in candidates]
        self._decays = [self._decays[i] for i in candidates]
        self._share()

    def _share(self) -> None:
        self._shrinks = any(self._decays)
        self._rows = list(zip(self._networks.weights, self._means, self._squares, strict=True))
