"""Kernels of TPE for the picks of a ``manyof`` that are distinct, sorted, or both.

Both kernels give picks ``x`` near the centre ``o`` the probability ``ratio ** overlap(x, o) / Z``, a Mallows model
with the overlap as its similarity: of sorted picks the size of the intersection (with multiplicity), of distinct picks in
any order the number of places where they agree (Hamming's distance, for which the model has a closed
normalizer: Fligner and Verducci, "Distance based ranking models", 1986).  ``ratio`` is set so that the
expected number of changes is ``bandwidth`` times that of a uniform draw.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import final

import numpy as np
from numpy.typing import NDArray

Picks = list[int]


@final
class Overlaps:
    """The distribution of the overlap with one centre.

    ``shares`` has for overlap 0, 1, ... the part of all picks with it; a ``bandwidth`` of 1 is the uniform distribution.
    """

    def __init__(self, shares: NDArray[np.float64], bandwidth: float) -> None:
        most = int(np.flatnonzero(shares)[-1])
        levels = np.arange(most + 1.0)
        with np.errstate(divide="ignore"):
            logs = np.log(shares[: most + 1])
        wanted = bandwidth * (most - float(levels @ shares[: most + 1]))
        low, high = 0.0, 60.0
        for _ in range(60 if wanted > 0 else 0):
            middle = (low + high) / 2
            chances = _softmax(logs + middle * levels)
            low, high = (middle, high) if most - levels @ chances > wanted else (low, middle)
        self.log_ratio = low if wanted > 0 else 0.0  # the change of the log-probability per common place
        weights = logs + self.log_ratio * levels
        peak = float(weights.max())
        # The log-probability of picks without overlap, relative to a uniform draw.
        self.log_scale = -(peak + math.log(float(np.exp(weights - peak).sum())))
        self._chances = np.cumsum(_softmax(weights)).tolist()

    def draw(self, random: Random) -> int:
        """Returns an overlap."""
        spot = random.random() * self._chances[-1]
        return next(level for level, chance in enumerate(self._chances) if spot < chance)


class Rule(ABC):
    """The kernel of one group's rule: ``picks`` out of ``count`` candidates."""

    def __init__(self, count: int, picks: int) -> None:
        self.count, self.picks = count, picks
        self._known: dict[tuple[tuple[int, ...], float], Overlaps] = {}

    def overlaps(self, centre: Picks, bandwidth: float) -> Overlaps:
        """Returns the distribution of the overlap with ``centre``."""
        key = self._pattern(centre), bandwidth
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Overlaps(self._shares(key[0]), bandwidth)
        return found

    @abstractmethod
    def marks(self, picks: Picks) -> list[int]:
        """Returns the columns of picks that are 1; the overlap of two is the number of common columns."""

    @property
    @abstractmethod
    def columns(self) -> int:
        """How many columns ``marks`` can name."""

    @abstractmethod
    def draw_near(self, centre: Picks, bandwidth: float, random: Random) -> Picks:
        """Draws picks from the kernel around ``centre``."""

    @abstractmethod
    def draw(self, random: Random) -> Picks:
        """Draws picks uniformly."""

    @abstractmethod
    def _pattern(self, centre: Picks) -> tuple[int, ...]:
        """Returns the part of a centre that ``_shares`` depends on."""

    @abstractmethod
    def _shares(self, pattern: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns per overlap the part of all picks that has it."""


@final
class Row(Rule):
    """Distinct picks in any order; all of them, a permutation.

    >>> sorted(Row(4, 4).draw_near([2, 0, 1, 3], 0.1, Random(0)))
    [0, 1, 2, 3]
    """

    @property
    def columns(self) -> int:
        return self.count * self.picks

    def marks(self, picks: Picks) -> list[int]:
        return [place * self.count + candidate for place, candidate in enumerate(picks)]

    def draw(self, random: Random) -> Picks:
        return random.sample(range(self.count), self.picks)

    def draw_near(self, centre: Picks, bandwidth: float, random: Random) -> Picks:
        same = self.overlaps(centre, bandwidth).draw(random)
        moved = sorted(random.sample(range(self.picks), self.picks - same))
        taken = set(centre).difference(centre[place] for place in moved)
        free = [candidate for candidate in range(self.count) if candidate not in taken]
        drawn = list(centre)
        while True:  # at least one draw in e or so differs everywhere
            for place, candidate in zip(moved, random.sample(free, len(moved)), strict=True):
                drawn[place] = candidate
            if all(drawn[place] != centre[place] for place in moved):
                return drawn

    def _pattern(self, centre: Picks) -> tuple[int, ...]:
        return ()

    def _shares(self, pattern: tuple[int, ...]) -> NDArray[np.float64]:
        n, k = self.count, self.picks
        every = math.perm(n, k)
        return np.array([math.comb(k, j) * _derangements(n - j, k - j) / every for j in range(k + 1)])


@final
class Bag(Rule):
    """Sorted picks: a set where they are distinct, else a multiset.

    >>> Bag(6, 3, distinct=True).draw_near([0, 2, 5], 0.1, Random(2))
    [0, 2, 5]
    """

    def __init__(self, count: int, picks: int, *, distinct: bool) -> None:
        super().__init__(count, picks)
        self.most = 1 if distinct else picks
        self._tables: dict[tuple[int, ...], list[NDArray[np.float64]]] = {}

    @property
    def columns(self) -> int:
        return self.count * self.most

    def marks(self, picks: Picks) -> list[int]:
        found, times = [], dict[int, int]()
        for candidate in picks:
            times[candidate] = times.get(candidate, -1) + 1
            found.append(candidate * self.most + times[candidate])
        return found

    def draw(self, random: Random) -> Picks:
        return sorted(self._draw_from(list(range(self.count)), self.picks, random))

    def draw_near(self, centre: Picks, bandwidth: float, random: Random) -> Picks:
        common = self.overlaps(centre, bandwidth).draw(random)
        inside = sorted(set(centre), key=lambda c: (-centre.count(c), c))
        table, left, drawn = self._table(self._pattern(centre)), self.picks, list[int]()
        for step, candidate in enumerate(inside):
            has = centre.count(candidate)
            ways = [
                float(table[step + 1][left - m, common - min(m, has)]) if common >= min(m, has) else 0.0
                for m in range(min(self.most, left) + 1)
            ]
            times = random.choices(range(len(ways)), ways)[0]
            drawn += [candidate] * times
            left, common = left - times, common - min(times, has)
        outside = [candidate for candidate in range(self.count) if candidate not in set(inside)]
        return sorted(drawn + self._draw_from(outside, left, random))

    def _draw_from(self, candidates: Sequence[int], size: int, random: Random) -> Picks:
        if self.most == 1 or size == 0:
            return random.sample(candidates, size)
        spots = sorted(random.sample(range(len(candidates) + size - 1), size))  # stars and bars
        return [candidates[spot - place] for place, spot in enumerate(spots)]

    def _pattern(self, centre: Picks) -> tuple[int, ...]:
        return tuple(sorted((centre.count(candidate) for candidate in set(centre)), reverse=True))

    def _shares(self, pattern: tuple[int, ...]) -> NDArray[np.float64]:
        found = self._table(pattern)[0][self.picks]
        shares: NDArray[np.float64] = found / found.sum()
        return shares

    def _table(self, pattern: tuple[int, ...]) -> list[NDArray[np.float64]]:
        """Returns per candidate of the centre ``[q, j]``: in how many ways it and those after it give q picks, j in common."""
        found = self._tables.get(pattern)
        if found is not None:
            return found
        k = self.picks
        rest = self.count - len(pattern)
        last = np.zeros((k + 1, k + 1))
        for q in range(k + 1):
            if self.most == 1:
                last[q, 0] = math.comb(rest, q)
            else:
                last[q, 0] = math.comb(rest + q - 1, q) if rest else float(q == 0)
        table = [last]
        for has in reversed(pattern):
            before = np.zeros_like(last)
            for m in range(min(self.most, k) + 1):
                shared = min(m, has)
                before[m:, shared:] += table[0][: k + 1 - m, : k + 1 - shared]
            table.insert(0, before)
        self._tables[pattern] = table
        return table


def make_rule(count: int, picks: int, *, distinct: bool, ordered: bool) -> Rule:
    """Returns the kernel for picks that are distinct, or sorted (``ordered``), or both."""
    return Bag(count, picks, distinct=distinct) if ordered else Row(count, picks)


def _derangements(count: int, picks: int) -> int:
    """Returns the number of rows of ``picks`` out of ``count`` in which each place avoids its own candidate."""
    return sum((-1) ** i * math.comb(picks, i) * math.perm(count - i, picks - i) for i in range(picks + 1))


def _softmax(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(weights - weights.max())
    chances: NDArray[np.float64] = shifted / shifted.sum()
    return chances
