"""Gradient algorithms: architecture parameters are learned with the weights of the super-network, by the same backward pass.

Each algorithm is a ``Sampler``; what they share is in ``learner``, and what they draw is all that they say of their own.
"""

from __future__ import annotations

from .darts import DARTS
from .derive import CellRule, derive_node
from .gumbel import GDAS, SNAS, FBNet
from .learner import GradientSampler
from .penalty import AddedCost, LogCost, Penalty
from .proxyless import ProxylessNAS

__all__ = [
    "DARTS",
    "GDAS",
    "SNAS",
    "AddedCost",
    "CellRule",
    "FBNet",
    "GradientSampler",
    "LogCost",
    "Penalty",
    "ProxylessNAS",
    "derive_node",
]
