"""Super-networks: a space of networks rewritten into one network whose candidates share weights (PyTorch)."""

from __future__ import annotations

from .binding import BindError, Mutable
from .elastic import Elastic
from .masks import Masks
from .mutables import InputChoice, LayerChoice, PointChoice, ValueChoice
from .mutator import BaseMutator, Mutables, Mutator
from .random import MutatorSampler, RandomMutator, to_masks
from .rules import add_rule
from .sampler import Sampler, Step
from .selection import Selection
from .service import FixedMutator, read_answer, to_answer, to_json
from .supernet import Supernet, supernet

__all__ = [
    "BaseMutator",
    "BindError",
    "Elastic",
    "FixedMutator",
    "InputChoice",
    "LayerChoice",
    "Masks",
    "Mutable",
    "Mutables",
    "Mutator",
    "MutatorSampler",
    "PointChoice",
    "RandomMutator",
    "Sampler",
    "Selection",
    "Step",
    "Supernet",
    "ValueChoice",
    "add_rule",
    "read_answer",
    "supernet",
    "to_answer",
    "to_json",
    "to_masks",
]
