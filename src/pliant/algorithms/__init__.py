"""Search algorithms: each proposes decisions of a space and receives their rewards; it sees no program, file or model.

Public as ``pg.algorithms``.  ``Algorithm`` is the interface, ``to_algorithm`` reads an algorithm's name, and the
algorithms are ``pg.algorithms.TPE``, ``pg.algorithms.RegularizedEvolution`` and so on.  Those that need NumPy, SciPy,
PyTorch or Optuna are loaded on first use.  ``evolution`` has the operators for evolutionary algorithms of your own, and
``objectives`` the tools for several objectives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import evolution, generators, objectives
from .base import Algorithm, Exhausted, Reward, SetupError
from .deduplicate import Deduplicate
from .evolution import NSGA2, Evolution, HillClimb, RegularizedEvolution
from .generators import make
from .local import LocalSearch
from .naming import to_algorithm
from .random import Random
from .sweep import Sweep

if TYPE_CHECKING:
    from .generators import (
        ASHA,
        BANANAS,
        PBT,
        PPO,
        REINFORCE,
        TPE,
        Auto,
        Bayesian,
        HalvingStopping,
        Hyperband,
        MedianStopping,
        Optuna,
        PolicyGradient,
        PredictorSearch,
        Reject,
        SuccessiveHalving,
    )

__all__ = [
    "ASHA",
    "BANANAS",
    "NSGA2",
    "PBT",
    "PPO",
    "REINFORCE",
    "TPE",
    "Algorithm",
    "Auto",
    "Bayesian",
    "Deduplicate",
    "Evolution",
    "Exhausted",
    "HalvingStopping",
    "HillClimb",
    "Hyperband",
    "LocalSearch",
    "MedianStopping",
    "Optuna",
    "PolicyGradient",
    "PredictorSearch",
    "Random",
    "RegularizedEvolution",
    "Reject",
    "Reward",
    "SetupError",
    "SuccessiveHalving",
    "Sweep",
    "evolution",
    "generators",
    "make",
    "objectives",
    "to_algorithm",
]


def __getattr__(name: str) -> Any:
    """Loads an algorithm on first use."""
    if name.startswith("_"):
        raise AttributeError(f"module 'pliant.algorithms' has no attribute {name!r}")
    return getattr(generators, name)


def __dir__() -> list[str]:
    """Returns the public names."""
    return sorted(__all__)
