"""Multi-fidelity search: many cheap trials, few expensive ones, around any algorithm that proposes.

The budget of a trial is a decision like any other: an ordinary hole of the program, named ``budget``, such as
``epochs=pg.intv(1, 81, name="budget")``.  ``SuccessiveHalving``, ``Hyperband``, ``ASHA`` and ``PBT`` decide it
themselves and search the rest of the space by another algorithm; ``MedianStopping`` and ``HalvingStopping``
need no such hole, but the rewards that a trial reports on its way.  Training itself is not done here.
"""

from __future__ import annotations

from .asha import ASHA
from .budget import Budget
from .halving import Hyperband, SuccessiveHalving
from .pbt import PBT
from .stopping import HalvingStopping, MedianStopping

__all__ = [
    "ASHA",
    "PBT",
    "Budget",
    "HalvingStopping",
    "Hyperband",
    "MedianStopping",
    "SuccessiveHalving",
]
