"""Weight-sharing algorithms that train one network of the super-network at a time, and learn from its quality."""

from __future__ import annotations

from .enas import ENAS as ENAS
from .extremes import largest as largest
from .extremes import smallest as smallest
from .fair import FairNAS as FairNAS
from .policy_sampler import PolicySampler as PolicySampler
from .sandwich import Sandwich as Sandwich
from .search import SearchedSampler as SearchedSampler
from .search import make_evolution as make_evolution
from .shrinking import Phase as Phase
from .shrinking import ProgressiveShrinking as ProgressiveShrinking
from .spos import SPOS as SPOS
from .tunas import TuNAS as TuNAS
