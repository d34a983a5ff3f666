"""Evolution of the decisions of a smaller network, within limits, from those that sensitivities decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from pliant.space import Choice, Decisions, Space

from .decisions import compose

Repair = Callable[[Decisions], Decisions | None]
"""Takes decisions; returns similar ones within the limits, None if it finds none."""

POPULATION, TOURNAMENT = 16, 4


def evolve(
    space: Space,
    start: Sequence[Decisions],
    damage: Callable[[Decisions], float],
    repair: Repair,
    *,
    tries: int,
    seed: int = 0,
) -> Decisions:
    """Returns the decisions with the least damage that an evolution finds; never worse ones than those it starts from.

    The oldest of 16 leaves when a child is born; the parent is the best of four (Real et al., "Regularized evolution for
    image classifier architecture search", AAAI 2019, section 3.2, with a smaller population).  A child has other candidates for
    up to three decisions.

    Args:
      space: of the decisions.
      start: one or more, within the limits.
      damage: of decisions; lower is better.
      repair: see ``Repair``.
      tries: how many networks are evaluated.
      seed: of the random numbers.
    """
    random, known = Random(seed), dict[Any, float]()

    def judge(decisions: Decisions) -> float:
        if decisions.values not in known:
            known[decisions.values] = damage(decisions)
        return known[decisions.values]

    living = list(start)
    best = min(living, key=judge)
    drawn = 0
    while len(known) < tries + len(start) and drawn < 10 * tries:
        drawn += 1
        parent = min((random.choice(living) for _ in range(TOURNAMENT)), key=judge)
        child = repair(mutate(space, parent, random))
        if child is None or child.values in known:
            continue
        living = [*living, child][-POPULATION:]
        best = min(best, child, key=judge)
    return best


def mutate(space: Space, decisions: Decisions, random: Random) -> Decisions:
    """Returns decisions with other candidates for up to three of them."""
    values: dict[str, Any] = decisions.to_dict()
    able = [p.path for p in space.points if isinstance(p, Choice) and p.count > 1 and p.path in values]
    changed = set(random.sample(able, min(len(able), random.randint(1, 3))))

    def choose(point: Choice) -> int:
        own = values.get(point.path, point.count - 1 if point.values else 0)
        if point.path not in changed:
            return int(own)
        return random.choice([index for index in range(point.count) if index != own])

    return compose(space, choose)
