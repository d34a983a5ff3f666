"""Hill climbing."""

from __future__ import annotations

from typing import Any

from ..geno import Random
from . import mutators, selectors
from .algorithm import Evolution


def hill_climb(
    mutator: Any = None, batch_size: int = 1, init_population_size: int = 1, seed: int | None = None
) -> Any:
    """Returns hill climbing: the best so far is mutated, ``batch_size`` times before the next look at the rewards.

    >>> from pliant import pyglove as pg
    >>> algorithm = pg.evolution.hill_climb(batch_size=2, seed=1)
    >>> for x, feedback in pg.sample(pg.oneof(range(50)), algorithm, num_examples=40):
    ...     feedback(x)
    >>> len(algorithm.population)
    1

    Args:
      mutator: the mutation; ``mutators.Uniform`` with the seed by default (PyGlove's default has no seed).
      batch_size: how many children the best has at a time.
      init_population_size: how many random programs come first.
      seed: the seed; None for Python's ``random``.
    """
    return Evolution(
        selectors.Top(1) >> mutators.make_mutator(mutator, seed) * batch_size,
        population_init=(Random(seed), init_population_size),
        population_update=selectors.Top(1),
    )
