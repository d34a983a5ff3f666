"""Super-networks: a space of networks rewritten into one network whose candidates share weights (PyTorch)."""

from __future__ import annotations

from .answer import read_space
from .binding import BindError, Mutable
from .cost import (
    Cost,
    Latency,
    LatencyTable,
    MultiplyAdds,
    Parameters,
    add_count_rule,
    count_multiply_adds,
    format_key,
    measure_latencies,
)
from .elastic import Elastic
from .exactness import Differences, measure_differences
from .fixed import fix_choices
from .follow import follow
from .gradient import (
    DARTS,
    GDAS,
    SNAS,
    AddedCost,
    CellRule,
    FBNet,
    GradientSampler,
    LogCost,
    Penalty,
    ProxylessNAS,
    derive_node,
)
from .masks import Masks
from .mutables import InputChoice, LayerChoice, PointChoice, ValueChoice
from .mutator import BaseMutator, Mutables, Mutator
from .normalization import BatchStatistics, Normalization, Recalibrated, RunningStatistics
from .opened import open_kernel, open_network
from .random import MutatorSampler, RandomMutator, to_masks
from .rules import add_rule
from .sampler import Sampler, Step
from .sampling import ENAS, SPOS, Phase, ProgressiveShrinking, TuNAS
from .scope import MutableScope
from .selection import Selection
from .service import FixedMutator, read_answer, to_answer, to_json
from .supernet import Supernet, supernet
from .training import (
    CsvLog,
    ProgressLine,
    Report,
    Session,
    TensorBoardLog,
    Trainer,
    export,
    kendall_tau,
    search_alone,
    train_alone,
)
from .widths import add_widths

__all__ = [
    "DARTS",
    "ENAS",
    "GDAS",
    "SNAS",
    "SPOS",
    "AddedCost",
    "BaseMutator",
    "BatchStatistics",
    "BindError",
    "CellRule",
    "Cost",
    "CsvLog",
    "Differences",
    "Elastic",
    "FBNet",
    "FixedMutator",
    "GradientSampler",
    "InputChoice",
    "Latency",
    "LatencyTable",
    "LayerChoice",
    "LogCost",
    "Masks",
    "MultiplyAdds",
    "Mutable",
    "MutableScope",
    "Mutables",
    "Mutator",
    "MutatorSampler",
    "Normalization",
    "Parameters",
    "Penalty",
    "Phase",
    "PointChoice",
    "ProgressLine",
    "ProgressiveShrinking",
    "ProxylessNAS",
    "RandomMutator",
    "Recalibrated",
    "Report",
    "RunningStatistics",
    "Sampler",
    "Selection",
    "Session",
    "Step",
    "Supernet",
    "TensorBoardLog",
    "Trainer",
    "TuNAS",
    "ValueChoice",
    "add_count_rule",
    "add_rule",
    "add_widths",
    "count_multiply_adds",
    "derive_node",
    "export",
    "fix_choices",
    "follow",
    "format_key",
    "kendall_tau",
    "measure_differences",
    "measure_latencies",
    "open_kernel",
    "open_network",
    "read_answer",
    "read_space",
    "search_alone",
    "supernet",
    "to_answer",
    "to_json",
    "to_masks",
    "train_alone",
]
