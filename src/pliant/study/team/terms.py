"""``Terms``: what all processes of a team must agree on: the study, its space, its algorithm and its settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

from pliant.algorithms import Algorithm
from pliant.algorithms.options import check_maximize
from pliant.space import Space

from ..store.location import Location, Place, to_location
from ..store.store import Settings
from ..study import Study
from ..trials import check
from ..trials.constraint import parse_constraints


@final
@dataclass(frozen=True, slots=True)
class Terms:
    """A study, and how it is searched."""

    location: Location
    space: Space
    algorithm: Algorithm
    trials: int | None
    seed: int | None
    settings: dict[str, Any]

    @classmethod
    def make(
        cls,
        place: Place,
        space: Space,
        algorithm: Algorithm,
        *,
        trials: int | None,
        seed: int | None,
        maximize: bool,
        constraints: Iterable[str],
        reuse: bool,
    ) -> Terms:
        """Returns the terms from the arguments of ``join``, which are checked."""
        count, location = check.check_arguments(space, algorithm, trials), to_location(place)
        limits = [str(limit) for limit in parse_constraints(constraints)]
        settings = {"maximize": check_maximize(maximize), "constraints": limits, "reuse": reuse}
        return cls(location, space, algorithm, count, seed, settings)

    def create_or_open(self) -> Study:
        """Returns the study, open for writing."""
        return Study.open_or_create(
            self.location, self.space, self.algorithm, trials=self.trials, seed=self.seed, **self.settings
        )

    def resume(self) -> Study:
        """Returns the study, which exists, open for writing; its number of trials stays."""
        return Study.open(self.location, self.space, self.algorithm)

    def check(self, recorded: Settings) -> None:
        """Checks the settings of a study that another process writes, and prepares the algorithm.

        Raises:
          SpaceChangedError, StudyChangedError: they differ from the terms; the message shows how.
        """
        path, seed = str(self.location), recorded["seed"]
        check.check_space(path, recorded["space"], self.space)
        check.check_settings(path, recorded, self.settings, seed=self.seed)
        self.algorithm.setup(self.space, seed=None if seed is None else int(seed))
        check.check_algorithm(path, recorded["algorithm"], self.algorithm)
