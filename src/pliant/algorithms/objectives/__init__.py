"""Multi-objective tools: Pareto front, hypervolume, rewards of hardware-aware searches, cost limits (``Reject``).

The algorithm for several objectives is ``NSGA2``.
"""

from __future__ import annotations

from .dominance import crowding, dominates, sort_fronts
from .front import Member, ParetoFront
from .reject import Reject
from .reward import HARD, SOFT, absolute, weighted_product
from .volume import hypervolume

__all__ = [
    "HARD",
    "SOFT",
    "Member",
    "ParetoFront",
    "Reject",
    "absolute",
    "crowding",
    "dominates",
    "hypervolume",
    "sort_fronts",
    "weighted_product",
]
