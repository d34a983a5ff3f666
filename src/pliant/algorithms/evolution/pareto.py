"""Selection operators for several objectives: by Pareto front, then by crowding distance (NSGA-II)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..objectives.dominance import as_rewards, crowding, sort_fronts
from .operators import Counted, Individual, Operator, scale_count
from .selectors import refuse_children


@final
@dataclass(frozen=True, slots=True)
class ParetoTournament(Counted):
    """Tournament selection for several objectives: ``size`` individuals drawn at random with replacement; ``count`` times.

    The winner is in the best front, and within that front it is the least crowded; ties are broken at random.
    Deb et al. 2002, section III-C: the binary tournament by the crowded-comparison operator.

    Args:
      size: how many compete; two as published.
      count: how many are selected, each by its own tournament; the individuals are sorted once.
    """

    size: int = 2
    count: int = 1
    several_rewards = for_several = True

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        ranks = [0] * len(individuals)
        rooms = [0.0] * len(individuals)
        rewards = _rewards(self, individuals)
        for rank, front in enumerate(sort_fronts(rewards)):
            for place, room in zip(front, crowding([rewards[i] for i in front]), strict=True):
                ranks[place], rooms[place] = -rank, room
        draw, n = random.random, len(individuals)
        winners = []
        for _ in range(self.count):
            rivals = [int(draw() * n) for _ in range(self.size)]  # in random order: max breaks ties at random
            winners.append(individuals[max(rivals, key=lambda i: (ranks[i], rooms[i]))])
        return winners

    def scale(self, factor: float) -> Operator:
        return ParetoTournament(self.size, scale_count(self.count, factor, 2))


@final
@dataclass(frozen=True, slots=True)
class ParetoTop(Counted):
    """Truncation selection for several objectives: the best fronts, and the least crowded of the front that does not fit.

    Deb et al. 2002, section III-D.  Returned in the order of arrival; of equals the newer stays.

    Args:
      count: how many are selected; all if there are fewer.
    """

    count: int = 1
    several_rewards = for_several = True

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        if len(individuals) <= self.count:
            return individuals
        rewards = _rewards(self, individuals)
        kept: list[int] = []
        for front in sort_fronts(rewards):
            free = self.count - len(kept)
            if len(front) > free:
                room = dict(zip(front, crowding([rewards[i] for i in front]), strict=True))
                front = sorted(front, key=lambda i: (room[i], i))[len(front) - free :]
            kept.extend(front)
            if len(kept) == self.count:
                break
        return [individuals[place] for place in sorted(kept)]

    def scale(self, factor: float) -> Operator:
        return ParetoTop(scale_count(self.count, factor, 1))


def _rewards(operator: Operator, individuals: Sequence[Individual]) -> list[tuple[float, ...]]:
    if any(one.reward is None for one in individuals):
        refuse_children(operator, individuals)
    first = as_rewards(individuals[0].reward)
    return [as_rewards(one.reward, len(first)) for one in individuals]
