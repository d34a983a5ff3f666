"""Well-known evolutionary algorithms, each an expression of operators: read one to write your own."""

from __future__ import annotations

from pliant.values.errors import FieldTypeError, FieldValueError

from ..base import check_count
from .engine import Evolution
from .pareto import ParetoTop, ParetoTournament
from .selectors import Newest, Top, Tournament
from .variation import Mutate, UniformCrossover


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


def NSGA2(  # noqa: N802 - as above
    population_size: int = 100, *, crossover: float = 0.9, seed: int = 0
) -> Evolution:
    """Returns NSGA-II, for rewards of several objectives: a front of trade-offs instead of one best.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
    IEEE Transactions on Evolutionary Computation 6 (2002), section III: N children by binary crowded tournaments,
    recombination and mutation; parents and children together are sorted into fronts; the N best live on.

    Two things differ.  Children are made by the operators of this package, which work on any space: uniform
    crossover, then one decision changed (the paper: single-point crossover and flips of 1/length of the bits
    for bit strings, simulated binary crossover and polynomial mutation for real numbers).  And the crowding
    distance of the last front that lives on is that among those who live, not that before the cut.
    As published, it may propose decisions again, and keep copies: ``Deduplicate(NSGA2())`` does not.

    >>> from pliant.space import choice, flatten
    >>> algorithm = NSGA2(20)
    >>> algorithm.setup(flatten([choice("x", 50), choice("y", 50)]))
    >>> for _ in range(600):
    ...     found = algorithm.propose()
    ...     x, y = found.values
    ...     algorithm.feedback(found, (-(x**2) - y, -((x - 10) ** 2) - y))  # the best have y = 0, x <= 10
    >>> sorted({one.decisions.values for one in algorithm.population})
    [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0)]

    Args:
      population_size: N; so many random ones come first, and so many rewards make a generation.
      crossover: how likely two parents are recombined.
      seed: where the random numbers start.
    """
    check_count(population_size, "population_size", "NSGA2")
    if isinstance(crossover, bool) or not isinstance(crossover, (int, float)):
        raise FieldTypeError(
            f"NSGA2(crossover=...) is a number from 0 to 1; got {crossover!r:.80} of type {type(crossover).__name__}."
        )
    if not 0 <= crossover <= 1:
        raise FieldValueError(f"NSGA2(crossover=...) is from 0 to 1; got {crossover!r}.")
    return Evolution(
        ParetoTournament(count=2 * population_size) >> UniformCrossover(crossover) >> Mutate(),
        survive=ParetoTop(population_size),
        population_size=population_size,
        generation=population_size,
        seed=seed,
    )
