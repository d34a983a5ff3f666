"""Search algorithms: a space in, decisions out, rewards in.  They never see a program, a file or a model.

``base`` is the interface.  Those that learn by NumPy, SciPy or PyTorch (``policy``, ``bayes``, ``predictor``)
are loaded when they are first used; ``generators`` lists all.
"""

from __future__ import annotations

from typing import Any

from . import evolution, generators, objectives
from .base import Algorithm, Exhausted, Reward, SetupError
from .deduplicate import Deduplicate
from .evolution import NSGA2, Evolution, HillClimb, RegularizedEvolution
from .generators import make
from .local import LocalSearch
from .random import Random
from .sweep import Sweep

__all__ = [
    "NSGA2",
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
    "objectives",
]


def __getattr__(name: str) -> Any:
    """Loads what is not needed by every search when it is first asked for."""
    if name in generators.LATER:
        return getattr(generators, name)
    raise AttributeError(f"module 'pliant.algorithms' has no attribute {name!r}")
