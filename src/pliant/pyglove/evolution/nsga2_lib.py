"""NSGA-II (Deb et al. 2002): several objectives by fronts and crowding distance."""

from __future__ import annotations

from typing import Any

from pliant.values.errors import quote

from ..geno import Random
from ..symbolic import functor
from . import mutators, selectors
from .algorithm import Evolution
from .composition import GlobalStateGetter, Identity, Lambda
from .individuals import get_fitness


def nsga2(mutator: Any = None, population_size: int = 100, seed: int | None = None) -> Any:
    """Returns NSGA-II.  Rewards are tuples of numbers, of which larger is better; ``global_state.elites`` are the best.

    >>> from pliant import pyglove as pg
    >>> algorithm = pg.evolution.nsga2(population_size=10, seed=1)
    >>> metrics = ["accuracy", "speed"]
    >>> for x, feedback in pg.sample(pg.oneof(range(50)), algorithm, 40, metrics_to_optimize=metrics):
    ...     feedback(metrics={"accuracy": x, "speed": 50 - x})
    >>> len(algorithm.global_state.elites)
    10

    Args:
      mutator: the mutation; ``mutators.Uniform`` with the seed by default (PyGlove's default has no seed).
      population_size: how many elites there are; the initial population is twice as large.
      seed: the seed; None for Python's ``random``.
    """
    ranking = Lambda(nondominated_sort()).for_each(crowding_distance_sort()).flatten()
    elites = selectors.First(population_size).as_global_state("elites").set_global_state("elite_cursor", 0)
    update = GlobalStateGetter("elites", []) + Identity() >> ranking >> elites
    return Evolution(
        next_elite() >> mutators.make_mutator(mutator, seed),
        population_init=(Random(seed=seed), population_size * 2),
        population_update=update.if_true(lambda population: len(population) >= population_size),
        multi_objective=True,
    )


@functor()  # type: ignore[untyped-decorator] # it makes a class
def next_elite(dna_list: Any, global_state: Any) -> Any:
    """Returns the next elite in turn."""
    elite = global_state.elites[global_state.elite_cursor]
    global_state.elite_cursor = (global_state.elite_cursor + 1) % len(global_state.elites)
    return [elite]


@functor()  # type: ignore[untyped-decorator] # it makes a class
def nondominated_sort(inputs: Any) -> Any:
    """Returns the fronts of individuals, the best first (Deb et al. 2002, section III-A)."""
    rewards = [get_fitness(dna) for dna in inputs]
    below = [[j for j, other in enumerate(rewards) if dominates(reward, other)] for reward in rewards]
    above = [0] * len(rewards)
    for worse in below:
        for j in worse:
            above[j] += 1
    fronts = []
    front = [i for i, count in enumerate(above) if not count]
    while front:
        fronts.append([inputs[i] for i in front])
        following = []
        for i in front:
            for j in below[i]:
                above[j] -= 1
                if not above[j]:
                    following.append(j)
        front = following
    return fronts


@functor()  # type: ignore[untyped-decorator] # it makes a class
def crowding_distance_sort(frontier: Any) -> Any:
    """Returns the individuals of a front, the least crowded first (Deb et al. 2002, section III-B).

    As in PyGlove, the ends of an objective count as the number of objectives, where the paper has infinity.
    """
    if len(frontier) <= 1:
        return frontier
    rewards = [get_fitness(dna) for dna in frontier]
    objectives = len(rewards[0])
    room = [0.0] * len(frontier)
    for k in range(objectives):
        order = sorted(range(len(frontier)), key=lambda i: rewards[i][k])
        low, high = rewards[order[0]][k], rewards[order[-1]][k]
        room[order[0]] = room[order[-1]] = objectives
        if high > low:
            for before, i, after in zip(order, order[1:], order[2:]):
                room[i] += (rewards[after][k] - rewards[before][k]) / (high - low)
    return [frontier[i] for i in sorted(range(len(frontier)), key=room.__getitem__, reverse=True)]


def dominates(ind1: Any, ind2: Any) -> bool:
    """Returns whether rewards are nowhere smaller than other ones, and larger somewhere.

    >>> dominates((1, 2), (1, 1)), dominates((1, 2), (2, 1))
    (True, False)

    Raises:
      ValueError: the numbers of objectives differ.
    """
    if len(ind1) != len(ind2):
        raise ValueError(
            f"nsga2: {quote(ind1)} and {quote(ind2)} have different numbers of objectives; return as many from each trial."
        )
    return all(a >= b for a, b in zip(ind1, ind2)) and any(a > b for a, b in zip(ind1, ind2))
