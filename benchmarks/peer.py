"""How the benchmark speaks to PyGlove, when it is installed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from types import ModuleType
from typing import Any

from symbolic import Dialect

TRIALS = 60
NOTE = (
    f"PyGlove's evolution ran {TRIALS} trials a round with a population of 20, where Pliant's ran 10,000 with 100: "
    "10,000 would take ten minutes a round, its cost per trial does not grow, and the smaller population favours it."
)


def load() -> tuple[ModuleType | None, str]:
    """Returns PyGlove, or None, and a line that says which version, or why there is none."""
    try:
        import pyglove  # the peer is optional
    except ImportError as error:
        return None, f"PyGlove is not here ({error}): its column is empty. `pip install pyglove==0.4.5`."
    return pyglove, f"PyGlove {pyglove.__version__}"


def dialect(pg: Any) -> Dialect:
    """Returns how PyGlove is spoken to."""
    return Dialect(
        side="PyGlove",
        pg=pg,
        # `key == 'filters'` would compare the whole path; and the root's path has no last key.
        edit=lambda key, value: value ^ 1 if key and key.key == "filters" else value,
        parent=lambda node: node.sym_parent,
        space=pg.dna_spec,
        decide=lambda space, random: pg.random_dna(space, random),
        parse=lambda space, decisions: pg.DNA.from_numbers(list(decisions), space),
        samples=lambda program, seed: pg.random_sample(program, seed=seed),
        sample="next(samples)",
        evolve=_evolve(pg),
        trials={"evolve_long": TRIALS},
        hashed=3,
    )


def _evolve(pg: Any) -> Callable[[Any, int, Callable[[int, Any], float]], None]:
    seeds = Random(0)

    def evolve(program: Any, trials: int, on_trial: Callable[[int, Any], float]) -> None:
        # A small population: its mutated trials are cheaper than the random ones of the first generation.
        algorithm = pg.evolution.regularized_evolution(
            population_size=20, tournament_size=5, seed=seeds.randrange(1000)
        )
        for trial, (child, feedback) in enumerate(pg.sample(program, algorithm, trials)):
            feedback(on_trial(trial, child))

    return evolve
