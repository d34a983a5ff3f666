"""Maximizes a score over the decisions of a space: random samples, then local search from the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from heapq import nlargest
from operator import itemgetter
from random import Random
from typing import Any, final

from pliant.space import Decisions, Float, Space, from_unit, mutate, neighbours, to_unit

Score = Callable[[Sequence[Decisions]], Sequence[float]]
Ascend = Callable[[Sequence[Decisions]], Sequence[Decisions]]

_SMALL = 1_000  # finite spaces up to this size are scored completely
_STEPS = 15  # how many steps a climb has at most
_BEFORE = 3  # how many of these steps come before a maximization by gradients
_NEAR = 200  # how many neighbours of one are scored, drawn at random if there are more
_MOVES = 10  # how many random moves of each kind from one, in infinite spaces
_SHRINK = 0.6  # factor of the moves of floats per step
_DIGITS = 9  # scores are rounded to this, so that the last bits of a sum do not matter


@final
class Pool:
    """Scored decisions, each once, without those that were seen before."""

    def __init__(self, score: Score, seen: Container[Any]) -> None:
        self._score, self._seen = score, seen
        self._scores: dict[Any, tuple[float, Decisions]] = {}

    def add(self, many: Iterable[Decisions]) -> None:
        """Scores all new ones in one call."""
        new = {
            one.values: one for one in many if one.values not in self._scores and one.values not in self._seen
        }
        if new:
            for one, score in zip(new.values(), self._score(list(new.values())), strict=True):
                self._scores[one.values] = round(float(score), _DIGITS), one

    def best(self, count: int) -> list[Decisions]:
        """Returns up to ``count`` with the highest scores, best first; of equals the earliest."""
        ranked = nlargest(count, self._scores.values(), key=itemgetter(0))
        return [one for _, one in ranked]


def maximize(
    space: Space,
    score: Score,
    random: Random,
    *,
    seen: Container[Any],
    starts: Sequence[Decisions] = (),
    samples: int = 200,
    climbs: int = 5,
    ascend: Ascend | None = None,
    draws: Iterable[Decisions] = (),
) -> Decisions | None:
    """Returns unseen decisions with a high score; None if all scored decisions were seen.

    Small spaces are scored completely.  Otherwise ``samples`` random decisions, ``draws`` and the neighbours of ``starts``
    are scored; then, step by step, the neighbours of the best ``climbs`` so far, until all these were expanded or
    after 15 steps.  Floats move at random, by steps that become smaller; with ``ascend``, which returns decisions with
    their floats moved to higher scores, for 3 steps only, and then it is applied to the best.

    ``seen`` has the values of decisions that must not be returned.
    """
    pool = Pool(score, seen)
    if space.size <= _SMALL:
        pool.add(space.iterate())
        return next(iter(pool.best(1)), None)
    pool.add(space.sample(random) for _ in range(samples))
    pool.add(draws)
    pool.add(near for start in starts for near in _look_around(start, random))
    endless = space.size == math.inf
    climbed = set[Any]()
    reach = 0.1
    for _ in range(_BEFORE if endless and ascend is not None else _STEPS):
        top = pool.best(climbs)
        fresh = [one for one in top if one.values not in climbed]
        if not fresh and not endless:
            break
        climbed.update(one.values for one in fresh)
        near = [other for one in fresh for other in _look_around(one, random)]
        if endless:
            near += [other for one in top for other in _move(one, random, reach)]
            reach *= _SHRINK
        pool.add(near)
    if endless and ascend is not None and (top := pool.best(climbs)):
        pool.add(ascend(top))
    return next(iter(pool.best(1)), None)


def _look_around(decisions: Decisions, random: Random) -> list[Decisions]:
    """Returns all neighbours, or 200 of them drawn at random."""
    near = list(neighbours(decisions, random))
    return near if len(near) <= _NEAR else random.sample(near, _NEAR)


def _move(decisions: Decisions, random: Random, reach: float) -> Iterator[Decisions]:
    """Yields decisions near the given ones; ``reach`` is the standard deviation of a float's move on its scale."""
    space = decisions.space
    for _ in range(_MOVES):
        yield mutate(decisions, random)
    floats = [at for at, index in enumerate(decisions.active) if space.points[index].__class__ is Float]
    for _ in range(_MOVES if floats else 0):
        yield _shift(decisions, floats, random, reach)


def _shift(decisions: Decisions, floats: list[int], random: Random, reach: float) -> Decisions:
    """Returns decisions with about half of the floats moved, one at least."""
    values, space = list(decisions.values), decisions.space
    sure = floats[int(random.random() * len(floats))]
    for at in floats:
        if at == sure or random.random() < 0.5:
            point: Any = space.points[decisions.active[at]]
            unit = to_unit(point, values[at]) + random.gauss(0.0, reach)
            values[at] = from_unit(point, min(max(unit, 0.0), 1.0))
    return Decisions._of(space, tuple(values))
