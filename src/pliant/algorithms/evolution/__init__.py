"""Evolutionary search from small operators: select >> recombine >> mutate, and who survives."""

from __future__ import annotations

from .engine import Evolution
from .operators import Chain, Either, Individual, Operator
from .recipes import HillClimb, RegularizedEvolution
from .selectors import Best, Last, Newest, RandomPick, Top, Tournament
from .variation import Mutate, UniformCrossover

# As PyGlove spells them.
regularized_evolution = RegularizedEvolution
hill_climb = HillClimb

__all__ = [
    "Best",
    "Chain",
    "Either",
    "Evolution",
    "HillClimb",
    "Individual",
    "Last",
    "Mutate",
    "Newest",
    "Operator",
    "RandomPick",
    "RegularizedEvolution",
    "Top",
    "Tournament",
    "UniformCrossover",
    "hill_climb",
    "regularized_evolution",
]
