"""Several objectives and limits: the Pareto archive, hypervolume, rewards of published searches, rejection.

Searching for several objectives is the business of algorithms (``NSGA2`` in ``evolution``).
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
