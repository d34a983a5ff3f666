"""Search algorithms: a space in, decisions out, rewards in.  They never see a program, a file or a model."""

from __future__ import annotations

from . import evolution, generators
from .base import Algorithm, Exhausted, Reward, SetupError
from .deduplicate import Deduplicate
from .evolution import Evolution, HillClimb, RegularizedEvolution
from .generators import make
from .local import LocalSearch
from .random import Random
from .sweep import Sweep

__all__ = [
    "Algorithm",
    "Deduplicate",
    "Evolution",
    "Exhausted",
    "HillClimb",
    "LocalSearch",
    "Random",
    "RegularizedEvolution",
    "Reward",
    "SetupError",
    "Sweep",
    "evolution",
    "generators",
    "make",
]
