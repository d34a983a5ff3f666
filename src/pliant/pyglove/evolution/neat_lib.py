"""NEAT (Stanley and Miikkulainen 2002): species of similar individuals, which compete among themselves.

As in PyGlove, the space stays the same during the search, so programs neither grow nor are crossed over.
"""

from __future__ import annotations

from typing import Any

from .. import typing as pg_typing
from ..geno import DNA, Random
from ..symbolic import functor
from . import mutators, selectors
from .algorithm import Evolution
from .composition import GlobalStateGetter
from .individuals import get_fitness, get_generation_id

_SPECIES = "species"


def neat(
    mutator: Any = None,
    population_size: int = 100,
    disjoint_coefficient: float = 1.0,
    matching_coefficient: float = 3.0,
    compatibility_threshold: float = 0.4,
    remaining_ratio: float = 0.6,
    seed: int | None = None,
) -> Any:
    """Returns NEAT: each species has children by its average fitness, and their parents are among its best.

    >>> from pliant import pyglove as pg
    >>> algorithm = pg.evolution.neat(population_size=10, seed=1)
    >>> for x, feedback in pg.sample(pg.oneof(range(50)), algorithm, num_examples=40):
    ...     feedback(x)
    >>> len(algorithm.global_state.living_species) > 0
    True

    Args:
      mutator: the mutation; ``mutators.Uniform`` with the seed by default (PyGlove's default has no seed).
      population_size: how many individuals a generation has.
      disjoint_coefficient: the weight of decisions that only one of two DNA has in their distance.
      matching_coefficient: the weight of decisions that differ.
      compatibility_threshold: the largest distance from a species' first member.
      remaining_ratio: the share of a species that may be parents, the best first.
      seed: the seed; None for Python's ``random``.
    """
    pick_parent = (
        (lambda species: species.members) >> selectors.Top(remaining_ratio) >> selectors.Random(1, seed=seed)
    )
    parents = (
        selectors.Proportional(population_size, scaled_average_fitness()).for_each(pick_parent).flatten()
    )
    distance = compatibility_distance(
        disjoint_coefficient=disjoint_coefficient, matching_coefficient=matching_coefficient
    )
    return Evolution(
        GlobalStateGetter("living_species") >> parents >> mutators.make_mutator(mutator, seed),
        population_init=(Random(seed=seed), population_size),
        population_update=selectors.Top(1, cluster=True, key=get_generation_id)
        >> speciate(distance=distance, distance_threshold=compatibility_threshold),
    )


class Species:
    """Individuals that are alike: the first of them, which stands for all, and the living members."""

    def __init__(self) -> None:
        self._representative: Any = None
        self._members: list[Any] = []

    @property
    def representative(self) -> Any:
        """The first member ever; None before it."""
        return self._representative

    @property
    def members(self) -> list[Any]:
        """The living members."""
        return self._members

    def __len__(self) -> int:
        return len(self._members)

    def add(self, member: Any) -> None:
        """Adds a member."""
        self._members.append(member)
        if self._representative is None:
            self._representative = member

    def clear(self) -> None:
        """Removes all members."""
        self._members.clear()


@functor(  # type: ignore[untyped-decorator] # it makes a class
    [
        (
            "distance",
            pg_typing.Callable([pg_typing.Object(DNA), pg_typing.Object(DNA)], returns=pg_typing.Float()),
            "From two DNA to their distance.",
        ),
        ("distance_threshold", pg_typing.Float(min_value=0.0), "The largest distance within a species."),
    ]
)
def speciate(dna_list: Any, global_state: Any, distance: Any, distance_threshold: Any) -> Any:
    """Puts each individual into its species, in ``global_state.living_species``, and returns the individuals.

    An individual that enters a species of others counts twice in this call, as in PyGlove.
    """
    species = global_state.setdefault("living_species", [])
    for one in species:
        one.clear()
    for dna in dna_list:
        home = dna.userdata.get(_SPECIES)
        if home is None:
            home = next(
                (one for one in species if distance(one.representative, dna) <= distance_threshold), None
            )
            if home is None:
                home = Species()
                species.append(home)
            else:
                home.add(dna)
            dna.set_userdata(_SPECIES, home)
        home.add(dna)
    global_state.living_species = [one for one in species if len(one)]
    return dna_list


@functor(  # type: ignore[untyped-decorator] # it makes a class
    [
        ("disjoint_coefficient", pg_typing.Float(min_value=0.0), "The weight of decisions that one DNA has."),
        ("matching_coefficient", pg_typing.Float(min_value=0.0), "The weight of decisions that differ."),
    ]
)
def compatibility_distance(
    left: Any, right: Any, disjoint_coefficient: Any, matching_coefficient: Any
) -> Any:
    """Returns the distance of two DNA (Stanley and Miikkulainen 2002, equation 1, without excess genes)."""
    size, differing, disjoint = _compute_diff(left, right)
    return disjoint_coefficient * disjoint / size + matching_coefficient * differing / size


@functor()  # type: ignore[untyped-decorator] # it makes a class
def scaled_average_fitness(inputs: Any, step: Any) -> Any:
    """Returns the average fitness of each species, above the smallest fitness of all."""
    fitness = [[get_fitness(dna) for dna in species.members] for species in inputs]
    smallest = min(min(one) for one in fitness)
    return [sum(value - smallest for value in one) / len(one) for one in fitness]


def _compute_diff(left: Any, right: Any) -> tuple[int, int, int]:
    """Returns how many decisions the larger of two DNA has, how many differ, and how many only one of them has."""
    if left.value != right.value:
        size = max(len(left.to_numbers()), len(right.to_numbers()))
        return size, 1, size - 1
    parts = [_compute_diff(*pair) for pair in zip(left.children, right.children)]
    size, differing, disjoint = (sum(part[i] for part in parts) for i in range(3))
    return size + (left.value is not None), differing, disjoint
