"""How the benchmark speaks to Pliant."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from symbolic import Dialect


def dialect(pg: Any) -> Dialect:
    """Returns how Pliant is spoken to."""
    return Dialect(
        side="pliant",
        pg=pg,
        edit=lambda key, value: value ^ 1 if key == "filters" else value,
        parent=pg.parent,
        space=pg.abstract_search_space,
        decide=lambda space, random: space.sample(random),
        parse=lambda space, decisions: space.validate(decisions),
        samples=lambda program, seed: pg.random_sample(program, seed, num_examples=sys.maxsize),
        sample="pg.random_sample(program, random)",
        evolve=_evolve(pg),
        trials={"evolve_short": 1_000, "evolve_long": 10_000},
        hashed=40,
    )


def _evolve(pg: Any) -> Callable[[Any, int, Callable[[int, Any], float]], None]:
    def evolve(program: Any, trials: int, on_trial: Callable[[int, Any], float]) -> None:
        algorithm = pg.generators.RegularizedEvolution(population_size=100, tournament_size=25)
        for trial, (child, feedback) in enumerate(pg.sample(program, algorithm, trials, progress=False)):
            feedback(on_trial(trial, child))

    return evolve
