"""Every algorithm under its public name, and ``make`` for names that come as text.

Public as ``pg.generators``, the name that the listings of the PyGlove paper use.  Algorithms that stand on
NumPy, SciPy, PyTorch or Optuna are loaded when they are first asked for, so that importing stays light.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pliant.values.errors import FieldValueError, UnknownFieldError, listing, suggest

from .base import Algorithm
from .deduplicate import Deduplicate
from .evolution import NSGA2, Evolution, HillClimb, RegularizedEvolution
from .local import LocalSearch
from .random import Random
from .sweep import Sweep

if TYPE_CHECKING:
    from .bayes import TPE, Bayesian
    from .fidelity import ASHA, PBT, HalvingStopping, Hyperband, MedianStopping, SuccessiveHalving
    from .objectives import Reject
    from .optuna import Optuna
    from .policy import PPO, REINFORCE, PolicyGradient
    from .predictor import BANANAS, PredictorSearch

__all__ = [
    "ASHA",
    "BANANAS",
    "NSGA2",
    "PBT",
    "PPO",
    "REINFORCE",
    "TPE",
    "Bayesian",
    "Deduping",
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
    "Sweeping",
    "make",
]

Sweeping = Sweep
Deduping = Deduplicate

LATER = {
    "Bayesian": ".bayes",
    "TPE": ".bayes",
    "ASHA": ".fidelity",
    "HalvingStopping": ".fidelity",
    "Hyperband": ".fidelity",
    "MedianStopping": ".fidelity",
    "PBT": ".fidelity",
    "SuccessiveHalving": ".fidelity",
    "Reject": ".objectives",
    "Optuna": ".optuna",
    "PPO": ".policy",
    "PolicyGradient": ".policy",
    "REINFORCE": ".policy",
    "BANANAS": ".predictor",
    "PredictorSearch": ".predictor",
}
"""In which module each algorithm is that is loaded when first asked for."""

NAMES: dict[str, str] = {
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
"""The names that ``make`` knows, and the public name of what each makes."""


def make(name: str, **options: Any) -> Algorithm:
    """Returns the algorithm of this name, as a command line gives it.

    >>> make("re", population_size=50, seed=3).population_size
    50

    Args:
      name: a key of ``NAMES``, such as ``random``, ``re``, ``ppo`` or ``tpe``; hyphens and capitals do not matter.
      options: what the algorithm takes by keyword.

    Raises:
      FieldValueError: there is no algorithm of that name.
      UnknownFieldError: the algorithm has no such option.
    """
    found = NAMES.get(str(name).strip().lower().replace("-", "_"))
    if found is None:
        raise FieldValueError(
            f"there is no algorithm named {name!r}{suggest(name, NAMES) or '.'} Known: {listing(NAMES, limit=len(NAMES))}."
        )
    factory = find(found)
    allowed = list(inspect.signature(factory).parameters)
    for option in options:
        if option not in allowed:
            raise UnknownFieldError(
                f"the algorithm {name!r} has no option {option!r}{suggest(option, allowed) or '.'} "
                f"It takes: {listing(allowed)}."
            )
    return factory(**options)


def find(name: str) -> Callable[..., Algorithm]:
    """Returns the algorithm with this public name, such as ``Random`` or ``PPO``."""
    found: Callable[..., Algorithm] = globals()[name] if name in globals() else __getattr__(name)
    return found


def __getattr__(name: str) -> Any:
    """Loads an algorithm when it is first asked for."""
    if name not in LATER:
        raise AttributeError(
            f"there is no algorithm {name!r}{suggest(name, __all__) or '.'} There are: {listing(__all__)}."
        )
    found = globals()[name] = getattr(import_module(LATER[name], __package__), name)
    return found


def __dir__() -> list[str]:
    """Returns the public names, those that are loaded later included."""
    return sorted({*globals(), *__all__})
