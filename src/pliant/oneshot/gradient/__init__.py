"""Gradient algorithms: architecture parameters are learned together with the weights of the super-network.

Each algorithm is a ``GradientSampler`` that draws the weights of the candidates its own way.
"""

from __future__ import annotations

from .beta import BetaDARTS as BetaDARTS
from .darts import DARTS as DARTS
from .derive import CellRule as CellRule
from .derive import derive_node as derive_node
from .drnas import DrNAS as DrNAS
from .gaea import GAEA as GAEA
from .gumbel import GDAS as GDAS
from .gumbel import SNAS as SNAS
from .gumbel import FBNet as FBNet
from .learner import GradientSampler as GradientSampler
from .partial import PCDARTS as PCDARTS
from .penalty import AddedCost as AddedCost
from .penalty import LogCost as LogCost
from .penalty import Penalty as Penalty
from .perturbation import Perturbation as Perturbation
from .proxyless import ProxylessNAS as ProxylessNAS
