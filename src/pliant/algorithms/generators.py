"""Every algorithm under its public name, and ``make`` for names that come as text.

Public as ``pg.generators``, the name that the listings of the PyGlove paper use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pliant.values.errors import FieldValueError, UnknownFieldError, listing, suggest

from .base import Algorithm
from .deduplicate import Deduplicate
from .evolution import Evolution, HillClimb, RegularizedEvolution
from .local import LocalSearch
from .random import Random
from .sweep import Sweep

__all__ = [
    "Deduping",
    "Deduplicate",
    "Evolution",
    "HillClimb",
    "LocalSearch",
    "Random",
    "RegularizedEvolution",
    "Sweep",
    "Sweeping",
    "make",
]

Sweeping = Sweep
Deduping = Deduplicate

NAMES: dict[str, Callable[..., Algorithm]] = {
    "random": Random,
    "sweep": Sweep,
    "local_search": LocalSearch,
    "regularized_evolution": RegularizedEvolution,
    "re": RegularizedEvolution,
    "hill_climb": HillClimb,
}


def make(name: str, **options: Any) -> Algorithm:
    """Returns the algorithm of this name, as a command line gives it.

    >>> make("re", population_size=50, seed=3).population_size
    50

    Args:
      name: one of ``random``, ``sweep``, ``local_search``, ``regularized_evolution`` (or ``re``),
        ``hill_climb``; hyphens and capitals do not matter.
      options: what the algorithm takes by keyword.

    Raises:
      FieldValueError: there is no algorithm of that name.
      UnknownFieldError: the algorithm has no such option.
    """
    factory = NAMES.get(str(name).strip().lower().replace("-", "_"))
    if factory is None:
        raise FieldValueError(
            f"there is no algorithm named {name!r}{suggest(name, NAMES) or '.'} Known: {listing(NAMES)}."
        )
    allowed = list(inspect.signature(factory).parameters)
    for option in options:
        if option not in allowed:
            raise UnknownFieldError(
                f"the algorithm {name!r} has no option {option!r}{suggest(option, allowed) or '.'} "
                f"It takes: {listing(allowed)}."
            )
    return factory(**options)
