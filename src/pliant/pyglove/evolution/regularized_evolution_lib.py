"""Regularized evolution."""

from __future__ import annotations

from typing import Any

from ..geno import Random
from . import mutators, selectors
from .algorithm import Evolution


def regularized_evolution(
    mutator: Any = None, population_size: int = 100, tournament_size: int = 10, seed: int | None = None
) -> Any:
    """Returns regularized evolution (Real et al. 2019): the parent wins a tournament, and the oldest individual goes.

    >>> from pliant import pyglove as pg
    >>> algorithm = pg.evolution.regularized_evolution(population_size=10, tournament_size=3, seed=1)
    >>> for x, feedback in pg.sample(pg.oneof(range(50)), algorithm, num_examples=40):
    ...     feedback(x)

    Args:
      mutator: the mutation; ``mutators.Uniform`` with the seed by default (PyGlove's default has no seed).
      population_size: how many individuals there are.
      tournament_size: how many individuals compete to be a parent.
      seed: the seed; None for Python's ``random``.

    Raises:
      ValueError: the tournament is smaller than 2, or larger than the population.
    """
    if tournament_size < 2:
        raise ValueError(
            f"regularized_evolution: `tournament_size` must be no less than 2. Given: {tournament_size}; two compete at least."
        )
    if population_size < tournament_size:
        raise ValueError(
            f"regularized_evolution: `population_size` ({population_size}) must be no less than `tournament_size` "
            f"({tournament_size}); make the population larger, or the tournament smaller."
        )
    return Evolution(
        selectors.Random(tournament_size, seed=seed)
        >> selectors.Top(1)
        >> mutators.make_mutator(mutator, seed),
        population_init=(Random(seed=seed), population_size),
        population_update=selectors.Last(population_size),
    )
