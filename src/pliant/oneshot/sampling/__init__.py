"""Weight-sharing algorithms that train one network of the super-network at a time, and learn from its quality."""

from __future__ import annotations

from .enas import ENAS
from .extremes import largest, smallest
from .policy_sampler import PolicySampler
from .search import SearchedSampler, TrainedSearch, make_evolution
from .shrinking import Phase, ProgressiveShrinking
from .spos import SPOS
from .tunas import TuNAS

__all__ = [
    "ENAS",
    "SPOS",
    "Phase",
    "PolicySampler",
    "ProgressiveShrinking",
    "SearchedSampler",
    "TrainedSearch",
    "TuNAS",
    "largest",
    "make_evolution",
    "smallest",
]
