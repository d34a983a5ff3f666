"""Super-networks: a space of networks rewritten into one network whose candidates share weights (PyTorch)."""

from __future__ import annotations

from pliant.values.packages import require

try:
    import torch as _torch  # noqa: F401 - checks that it is installed
except ModuleNotFoundError:
    require("pliant.oneshot", "torch", instead="search with pg.sample, which needs no PyTorch")
    raise

from . import zero_cost
from .bank import WeightBank, pair_layers
from .channels.propagation import follow
from .choices.choice import InputChoice, LayerChoice, PointChoice, ValueChoice
from .choices.mutable import BindError, Mutable
from .choices.scope import MutableScope
from .choices.selection import Selection
from .choices.skip import Skip
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
from .elastic.module import Elastic
from .elastic.rules import add_rule
from .elastic.widths import add_widths
from .exactness import Differences, measure_differences
from .gradient import (
    DARTS,
    GAEA,
    GDAS,
    PCDARTS,
    SNAS,
    AddedCost,
    BetaDARTS,
    CellRule,
    DrNAS,
    FBNet,
    GradientSampler,
    LogCost,
    Penalty,
    Perturbation,
    ProxylessNAS,
    derive_node,
)
from .mutators.masks import Masks
from .mutators.mutator import BaseMutator, Mutables, Mutator
from .mutators.random import MutatorSampler, RandomMutator, to_masks
from .nni.answers import FixedMutator, read_answer, to_answer, to_json
from .nni.search_space import read_space
from .normalization import BatchStatistics, Normalization, Recalibrated, RunningStatistics, recalibrate
from .pruning.files import load_shrunk
from .pruning.importance import Activation, Importance, Magnitude, NormScale, Taylor
from .pruning.result import Shrunk
from .pruning.shrink import shrink
from .pruning.space import FoundSpace, space_of
from .rewrite.concrete import fix_choices
from .rewrite.foreign import open_kernel, open_network
from .rewrite.layer_fields import add_fields
from .rewrite.network import Supernet, supernet
from .rewrite.plain import to_plain
from .sampler import Sampler, Step
from .sampling import ENAS, SPOS, FairNAS, Phase, ProgressiveShrinking, Sandwich, TuNAS
from .training import (
    CsvLog,
    Distillation,
    ProgressLine,
    Report,
    RunLog,
    Session,
    TensorBoardLog,
    Trainer,
    export,
    kendall_tau,
    search_alone,
    train_alone,
)

__all__ = [
    "DARTS",
    "ENAS",
    "GAEA",
    "GDAS",
    "PCDARTS",
    "SNAS",
    "SPOS",
    "Activation",
    "AddedCost",
    "BaseMutator",
    "BatchStatistics",
    "BetaDARTS",
    "BindError",
    "CellRule",
    "Cost",
    "CsvLog",
    "Differences",
    "Distillation",
    "DrNAS",
    "Elastic",
    "FBNet",
    "FairNAS",
    "FixedMutator",
    "FoundSpace",
    "GradientSampler",
    "Importance",
    "InputChoice",
    "Latency",
    "LatencyTable",
    "LayerChoice",
    "LogCost",
    "Magnitude",
    "Masks",
    "MultiplyAdds",
    "Mutable",
    "MutableScope",
    "Mutables",
    "Mutator",
    "MutatorSampler",
    "NormScale",
    "Normalization",
    "Parameters",
    "Penalty",
    "Perturbation",
    "Phase",
    "PointChoice",
    "ProgressLine",
    "ProgressiveShrinking",
    "ProxylessNAS",
    "RandomMutator",
    "Recalibrated",
    "Report",
    "RunLog",
    "RunningStatistics",
    "Sampler",
    "Sandwich",
    "Selection",
    "Session",
    "Shrunk",
    "Skip",
    "Step",
    "Supernet",
    "Taylor",
    "TensorBoardLog",
    "Trainer",
    "TuNAS",
    "ValueChoice",
    "WeightBank",
    "add_count_rule",
    "add_fields",
    "add_rule",
    "add_widths",
    "count_multiply_adds",
    "derive_node",
    "export",
    "fix_choices",
    "follow",
    "format_key",
    "kendall_tau",
    "load_shrunk",
    "measure_differences",
    "measure_latencies",
    "open_kernel",
    "open_network",
    "pair_layers",
    "read_answer",
    "read_space",
    "recalibrate",
    "search_alone",
    "shrink",
    "space_of",
    "supernet",
    "to_answer",
    "to_json",
    "to_masks",
    "to_plain",
    "train_alone",
    "zero_cost",
]
