"""Selection operators, for parents and for survivors: tournament, truncation, age, random.

Of equal rewards the newer one counts as better, so that a search drifts over plateaus.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NoReturn, final

from pliant.values.errors import RewardError, quote

from .operators import Counted, Individual, Operator, scale_count

_reward: Callable[[Any], Any] = itemgetter(1)


@final
@dataclass(frozen=True, slots=True)
class Tournament(Counted):
    """Tournament selection: the best of ``size`` individuals drawn at random with replacement; ``count`` times.

    Args:
      size: how many compete; larger is greedier.
      count: how many are selected, each by its own tournament.
    """

    size: int
    count: int = 1

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        draw, n, size = random.random, len(individuals), self.size
        if individuals[0].reward is None:
            refuse_children(self, individuals)
        try:
            return [
                max([individuals[int(draw() * n)] for _ in range(size)], key=_reward)
                for _ in range(self.count)
            ]
        except TypeError:
            refuse_children(self, individuals)

    def scale(self, factor: float) -> Operator:
        return Tournament(scale_count(self.size, factor, 2), self.count)


@final
@dataclass(frozen=True, slots=True)
class Top(Counted):
    """Truncation selection: the ``count`` best, in the order of arrival.  As ``survive``: elitism.

    Args:
      count: how many are selected; all if there are fewer.
    """

    count: int = 1

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        if individuals[0].reward is None:
            refuse_children(self, individuals)
        try:
            if self.count == 1:
                return [max(reversed(individuals), key=_reward)]  # of equals, the first
            rewards: list[Any] = [one.reward for one in individuals]
            places = sorted(range(len(rewards)), key=rewards.__getitem__)
        except TypeError:
            refuse_children(self, individuals)
        return [individuals[place] for place in sorted(places[-self.count :])]

    def scale(self, factor: float) -> Operator:
        return Top(scale_count(self.count, factor, 1))


@final
@dataclass(frozen=True, slots=True)
class Newest(Counted):
    """Selects the ``count`` newest, in the order of arrival.  As ``survive``: aging.

    Args:
      count: how many are selected; all if there are fewer.
    """

    count: int = 1
    several_rewards = True

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        return individuals[-self.count :]

    def scale(self, factor: float) -> Operator:
        return Newest(scale_count(self.count, factor, 1))


@final
@dataclass(frozen=True, slots=True)
class RandomPick(Counted):
    """Selects ``count`` individuals at random with replacement, whatever their rewards.

    Args:
      count: how many are selected.
    """

    count: int = 1
    several_rewards = True

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        draw, n = random.random, len(individuals)
        return [individuals[int(draw() * n)] for _ in range(self.count)]


Best = Top
Last = Newest


def refuse_children(operator: Operator, individuals: Sequence[Individual]) -> NoReturn:
    """Raises the RewardError of an operator that received individuals without rewards."""
    children = sum(one.reward is None for one in individuals)
    raise RewardError(
        f"{quote(operator)} compares rewards, and {children} of {len(individuals)} individuals have none yet. "
        f"Select before you mutate or recombine, such as by `{type(operator).__name__}(...) >> Mutate()`."
    ) from None
