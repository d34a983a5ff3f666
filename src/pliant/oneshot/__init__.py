"""Super-networks: a space of networks rewritten into one network whose candidates share weights (PyTorch)."""

from __future__ import annotations

from .binding import BindError, Mutable
from .elastic import Elastic
from .mutables import InputChoice, LayerChoice, PointChoice, ValueChoice
from .rules import add_rule
from .sampler import Sampler, Step
from .selection import Selection
from .supernet import Supernet, supernet

__all__ = [
    "BindError",
    "Elastic",
    "InputChoice",
    "LayerChoice",
    "Mutable",
    "PointChoice",
    "Sampler",
    "Selection",
    "Step",
    "Supernet",
    "ValueChoice",
    "add_rule",
    "supernet",
]
