"""Evolutionary algorithms composed of operators: select >> recombine >> mutate, and survival."""

from __future__ import annotations

from .engine import NSGA2, Evolution, HillClimb, RegularizedEvolution
from .operators import Chain, Either, Individual, Operator
from .pareto import ParetoTop, ParetoTournament
from .selectors import Best, Last, Newest, RandomPick, Top, Tournament
from .variation import Mutate, UniformCrossover

# As PyGlove spells them.
regularized_evolution = RegularizedEvolution
hill_climb = HillClimb
nsga2 = NSGA2

__all__ = [
    "NSGA2",
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
    "ParetoTop",
    "ParetoTournament",
    "RandomPick",
    "RegularizedEvolution",
    "Top",
    "Tournament",
    "UniformCrossover",
    "hill_climb",
    "nsga2",
    "regularized_evolution",
]
