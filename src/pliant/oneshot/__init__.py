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
from .supernet import Supernet, supernet

__all__ = [
    "BaseMutator",
    "BindError",
    "Elastic",
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
    "supernet",
    "to_masks",
]
