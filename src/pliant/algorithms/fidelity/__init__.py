"""Multi-fidelity search and early stopping: many cheap trials and few expensive ones, around any algorithm.

The budget of a trial is a hole of the program, named ``budget``, such as ``epochs=pg.intv(1, 81, name="budget")``.
``SuccessiveHalving``, ``Hyperband``, ``ASHA`` and ``PBT`` decide it and search the rest of the space by another
algorithm; ``MedianStopping`` and ``HalvingStopping`` use the intermediate rewards that a trial reports instead.
"""

from __future__ import annotations

from .asha import ASHA
from .budget import Budget
from .halving import Hyperband, SuccessiveHalving
from .pbt import PBT
from .stopping import HalvingStopping, MedianStopping

__all__ = ["ASHA", "PBT", "Budget", "HalvingStopping", "Hyperband", "MedianStopping", "SuccessiveHalving"]
