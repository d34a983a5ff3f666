"""Well-known evolutionary algorithms, each an expression of operators: read one to write your own."""

from __future__ import annotations

from ..base import check_count
from .engine import Evolution
from .selectors import Newest, Top, Tournament
from .variation import Mutate


def RegularizedEvolution(  # noqa: N802 - one algorithm among the others, which are classes
    population_size: int = 100, tournament_size: int = 25, *, seed: int = 0
) -> Evolution:
    """Returns regularized (ageing) evolution: the parent is the best of a sample, the oldest dies.

    Real, Aggarwal, Huang and Le, "Regularized evolution for image classifier architecture search",
    AAAI 2019, Algorithm 1, with their P = 100 and S = 25.

    >>> RegularizedEvolution(seed=1)
    Evolution(Tournament(size=25, count=1) >> Mutate(times=1), population_size=100, survive=Newest(count=100), seed=1)

    Args:
      population_size: P; so many random ones come first.
      tournament_size: S, drawn from the population with replacement.
      seed: where the random numbers start.
    """
    check_count(population_size, "population_size", "RegularizedEvolution")
    check_count(tournament_size, "tournament_size", "RegularizedEvolution")
    return Evolution(
        Tournament(tournament_size) >> Mutate(),
        survive=Newest(population_size),
        population_size=population_size,
        seed=seed,
    )


def HillClimb(seed: int = 0) -> Evolution:  # noqa: N802 - as above
    """Returns a stochastic hill climber, the (1 + 1) evolution strategy: keep a mutant that is not worse.

    >>> HillClimb()
    Evolution(Top(count=1) >> Mutate(times=1), population_size=1, survive=Top(count=1), seed=0)
    """
    return Evolution(Top(1) >> Mutate(), survive=Top(1), population_size=1, seed=seed)
