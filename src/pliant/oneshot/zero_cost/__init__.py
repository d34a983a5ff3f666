"""Zero-cost scores: how good a network may become, from one or two batches, before any training.

Each function takes an ordinary network with its initial weights and returns a number to maximize, so it can be the reward of
any search::

    pg.search(space, lambda network: zero_cost.naswot(network, images), trials=500)

All leave the network as it was.  How well each agrees with trained accuracies depends on the space: compare it with the
number of parameters and multiply-adds, which are free, before you rely on it.
"""

from __future__ import annotations

from .activations import jacobian_covariance, naswot
from .flow import synflow
from .gradients import grad_norm, snip, zico

__all__ = ["grad_norm", "jacobian_covariance", "naswot", "snip", "synflow", "zico"]
