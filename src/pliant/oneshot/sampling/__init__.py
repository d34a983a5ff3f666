"""Weight-sharing algorithms that train one network of the super-network at a time, and learn from its quality."""

from __future__ import annotations

from .enas import ENAS
from .ends import largest, smallest
from .learned import PolicySampler
from .searched import SearchedSampler
from .shrinking import Phase, ProgressiveShrinking
from .trained import TrainedSearch, make_evolution
from .tunas import TuNAS
from .uniform import SPOS

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
