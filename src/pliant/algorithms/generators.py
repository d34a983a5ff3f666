"""All search algorithms under their public names, their names as text, and ``make``, which makes one from such a name.

Public as ``pg.generators``, the name in the listings of the PyGlove paper; ``pg.algorithms`` has the same algorithms.
Those that need NumPy, SciPy, PyTorch or Optuna are loaded on first use, so that importing stays fast.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pliant.values.errors import FieldValueError, UnknownFieldError, listing, quote, suggest
from pliant.values.signature import read_signature

from .base import Algorithm
from .deduplicate import Deduplicate
from .evolution import NSGA2, Evolution, HillClimb, RegularizedEvolution
from .local import LocalSearch
from .random import Random
from .sweep import Sweep

if TYPE_CHECKING:
    from .auto import Auto
    from .bayes import Bayesian
    from .cmaes import CMAES
    from .fidelity import ASHA, PBT, HalvingStopping, Hyperband, MedianStopping, SuccessiveHalving
    from .objectives import Reject
    from .optuna import Optuna
    from .policy import PPO, REINFORCE, PolicyGradient
    from .predictor import BANANAS, PredictorSearch
    from .tpe import TPE

__all__ = [
    "ASHA",
    "BANANAS",
    "CMAES",
    "NSGA2",
    "PBT",
    "PPO",
    "REINFORCE",
    "TPE",
    "Auto",
    "Bayesian",
    "Deduplicate",
    "Evolution",
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
    "SuccessiveHalving",
    "Sweep",
    "make",
]

Sweeping = Sweep  # the names in PyGlove
Deduping = Deduplicate

_MODULES = {
    ".auto": "Auto",
    ".bayes": "Bayesian",
    ".cmaes": "CMAES",
    ".tpe": "TPE",
    ".fidelity": "ASHA HalvingStopping Hyperband MedianStopping PBT SuccessiveHalving",
    ".objectives": "Reject",
    ".optuna": "Optuna",
    ".policy": "PPO PolicyGradient REINFORCE",
    ".predictor": "BANANAS PredictorSearch",
}
LATER = {name: module for module, names in _MODULES.items() for name in names.split()}
"""The modules of the algorithms that are loaded on first use."""

NAMES: dict[str, str] = {
    "auto": "Auto",
    "random": "Random",
    "sweep": "Sweep",
    "local_search": "LocalSearch",
    "regularized_evolution": "RegularizedEvolution",
    "re": "RegularizedEvolution",
    "hill_climb": "HillClimb",
    "nsga2": "NSGA2",
    "reinforce": "REINFORCE",
    "ppo": "PPO",
    "bayesian": "Bayesian",
    "gp": "Bayesian",
    "cmaes": "CMAES",
    "tpe": "TPE",
    "predictor": "PredictorSearch",
    "bananas": "BANANAS",
    "successive_halving": "SuccessiveHalving",
    "hyperband": "Hyperband",
    "asha": "ASHA",
    "median_stopping": "MedianStopping",
    "halving_stopping": "HalvingStopping",
    "pbt": "PBT",
    "optuna": "Optuna",
}
"""The name of each algorithm as text, and its public name."""

ALIASES = {
    "agingevolution": "regularized_evolution",
    "bayes": "bayesian",
    "bayesianoptimization": "bayesian",
    "bo": "bayesian",
    "evolution": "regularized_evolution",
    "exhaustive": "sweep",
    "gaussianprocess": "bayesian",
    "genetic": "regularized_evolution",
    "grid": "sweep",
    "gridsearch": "sweep",
    "hillclimbing": "hill_climb",
    "nsgaii": "nsga2",
    "randomsearch": "random",
}
"""Other usual names of algorithms, in small letters and without hyphens, underscores and spaces."""

SAMPLERS = tuple(
    "BetaDARTS DARTS DrNAS ENAS FBNet FairNAS GAEA GDAS PCDARTS Perturbation ProgressiveShrinking ProxylessNAS SNAS SPOS Sandwich TuNAS".split()
)
"""The weight-sharing algorithms of ``pliant.oneshot``: not search algorithms, and named here only to point to them."""


OPTUNA = ("TPE", "CmaEs", "GP", "NSGAII", "NSGAIII", "QMC", "Random", "BruteForce")
"""Samplers of Optuna, without the ending ``Sampler``."""


def make(name: str, **options: Any) -> Algorithm:
    """Returns a new algorithm of this name, such as ``tpe``.

    >>> make("re", population_size=50, seed=3).population_size
    50

    Args:
      name: a key of ``NAMES``, such as ``random``, ``re``, ``ppo`` or ``tpe``, or another usual name of one.
      options: arguments of the algorithm, by keyword.

    Raises:
      FieldValueError: the name is unknown.
      UnknownFieldError: the algorithm has no such option.
    """
    factory = find(NAMES[find_name(name)])
    allowed = list(read_signature(factory).parameters)
    for option in options:
        if option not in allowed:
            raise UnknownFieldError(
                f"the algorithm {name!r} has no option {option!r}{suggest(option, allowed) or '.'} "
                f"It takes: {listing(allowed)}."
            )
    return factory(**options)


def find_name(name: object) -> str:
    """Returns the key of ``NAMES`` that a name stands for; capitals, hyphens and spaces do not matter.

    >>> find_name("Local-Search"), find_name("HillClimb"), find_name("grid search")
    ('local_search', 'hill_climb', 'sweep')

    Raises:
      FieldValueError: the name is unknown.
    """
    plain = _squash(name[:100]) if isinstance(name, str) else ""
    known = {_squash(key): key for key in NAMES} | ALIASES
    if plain in known:
        return known[plain]
    sampler = next((one for one in SAMPLERS if one.lower() == plain), None)
    more = f" {point_to_sampler(sampler)}" if sampler else ""
    theirs = next((one for one in OPTUNA if plain.removesuffix("sampler") == one.lower()), None)
    if theirs:
        more = f" It is a sampler of Optuna: write \"optuna(sampler='{theirs}Sampler')\"."
    near = "." if more else suggest(name, NAMES) or "."
    raise FieldValueError(
        f"unknown algorithm {quote(name)}{near}{more} Known: {listing(NAMES, limit=len(NAMES))}."
    )


def point_to_sampler(name: str) -> str:
    """Returns where the sampler of this name is, and how it is used, for a message."""
    return (
        f"{name} is a weight-sharing sampler, which trains a super-network: "
        f"pliant.oneshot.{name}(...), used with pliant.oneshot.Trainer."
    )


def _squash(name: str) -> str:
    return "".join(letter for letter in str(name).lower() if letter not in "-_ ")


def find(name: str) -> Callable[..., Algorithm]:
    """Returns the algorithm with this public name, such as ``Random`` or ``PPO``."""
    found: Callable[..., Algorithm] = globals()[name] if name in globals() else __getattr__(name)
    return found


def __getattr__(name: str) -> Any:
    """Loads an algorithm on first use."""
    if name in SAMPLERS:
        raise AttributeError(f"{name!r} is not a search algorithm. {point_to_sampler(name)}")
    if name not in LATER:
        meant = next((known for known in __all__ if known.lower() == name.lower()), None)
        near = f"; did you mean {meant!r}?" if meant else suggest(name, __all__) or "."
        raise AttributeError(f"unknown algorithm {name!r}{near} Known: {listing(__all__)}.")
    found = globals()[name] = getattr(import_module(LATER[name], __package__), name)
    return found


def __dir__() -> list[str]:
    """Returns the public names."""
    return sorted(__all__)
