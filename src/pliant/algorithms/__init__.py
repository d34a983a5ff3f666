"""Search algorithms: each proposes decisions of a space and receives their rewards; it sees no program, file or model.

Public as ``pg.algorithms``.  ``Algorithm`` is the interface, ``to_algorithm`` reads an algorithm's name, and the
algorithms are ``pg.algorithms.TPE``, ``pg.algorithms.RegularizedEvolution`` and so on.  Those that need NumPy, SciPy,
PyTorch or Optuna are loaded on first use.  ``evolution`` has the operators for evolutionary algorithms of your own, and
``objectives`` the tools for several objectives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import evolution, generators, objectives
from .base import Algorithm, Exhausted, SetupError
from .naming import to_algorithm
from .rewards import Reward

if TYPE_CHECKING:
    from .generators import *  # noqa: F403 - all algorithms; at run time they are loaded on first use

__all__ = [
    "Algorithm",
    "Exhausted",
    "Reward",
    "SetupError",
    "evolution",
    "generators",
    "objectives",
    "to_algorithm",
]
__all__ += generators.__all__


def __getattr__(name: str) -> Any:
    """Loads an algorithm on first use."""
    if name.startswith("_"):
        raise AttributeError(f"module 'pliant.algorithms' has no attribute {name!r}")
    return getattr(generators, name)


def __dir__() -> list[str]:
    """Returns the public names."""
    return sorted(__all__)
