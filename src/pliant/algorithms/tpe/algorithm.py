"""``TPE``, the search with a tree-structured Parzen estimator: splits trials, ranks candidates, proposes."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Decisions, mutate
from pliant.values.errors import FieldTypeError, LoadError, quote

from ..base import Algorithm
from ..objectives.dominance import crowding, sort_fronts
from ..options import check_count, check_number
from ..prior import Given, Prior, Tilt, check_prior, read_prior
from ..rewards import Reward, check_arity, check_reward
from .kernels import Columns, Kernels, Matrix
from .tree import INACTIVE, Tree

Values = tuple[int | float, ...]

_CELLS = 4_000_000  # size limit of the table of kernels of g; fewer trials are kept beyond it
_PENDING = 500  # number of pending trials that are remembered
_FORCED, _FREE = (0.1, 0.2), (0.2, 0.1)  # bandwidths of l and g: if proposals differ in a choice, and else
_KEPT = 4  # of several objectives, this multiple of ``max_good`` is sorted into fronts
_GROWTH = 10  # widths are recomputed whenever history has grown by this part (1 / 10)


@final
class TPE(Algorithm):
    """TPE (tree-structured Parzen estimator): proposes decisions that are likely among good trials and unlikely among others.

    After Bergstra, Bardenet, Bengio and Kegl, "Algorithms for hyper-parameter optimization" (NIPS 2011), section 4:
    the recorded trials are split into the best ``gamma`` of them and the rest.  Each part gives a density over the
    decisions, l and g; expected improvement grows with l / g (their equation 4), so candidates are drawn from l, and the
    one with the highest l / g is proposed.

    The densities are joint ones, as in Falkner, Klein and Hutter's BOHB (ICML 2018): a mixture with one kernel per
    trial over all decisions jointly, and one kernel for the prior.  A kernel follows the tree of decisions: below a
    candidate that its trial did not pick it is the prior, so conditional decisions learn only from trials in which
    they are active.  Picks of a ``manyof`` have their own kernels (sets by common candidates, permutations by common
    positions), so every draw is valid.

    Additions to the papers:

    - Pending trials (the constant liar) and failed trials count among the rest, so proposals avoid them.
    - Recorded or pending decisions are not proposed again while the space has others.
    - The bandwidths of choices are constant.  In a space of unconditional choices, every new proposal differs in a
      choice: l is narrow and g is wide (0.1 and 0.2).  With numbers, conditional decisions or ``repeat``, a search may
      propose for long without changing a choice, so l is wider than g (0.2 and 0.1).
    - Of several objectives, the best fronts count as good, and of the front that does not fit the least crowded, as in
      NSGA-II.  (Ozaki, Tanigaki, Watanabe and Onishi, "Multiobjective tree-structured Parzen estimator for
      computationally expensive optimization problems", GECCO 2020, choose within that front by hypervolume.)
    - g holds the newest 1,000 trials, so the cost of a proposal does not grow with the search.

    The defaults were chosen on synthetic functions (NK landscapes, numbers, trees), not on tables of networks.

    >>> from pliant.space import choice, flatten, floating
    >>> algorithm = TPE(seed=1)
    >>> algorithm.setup(flatten([choice("op", [None, floating("rate", 0, 1)]), choice("width", 4)]))
    >>> for _ in range(60):
    ...     decisions = algorithm.propose()
    ...     rate = decisions["op[=1/2].rate"]
    ...     algorithm.feedback(decisions, 0.0 if rate is None else 1 - abs(rate - 0.3))
    >>> abs(algorithm.propose()["op[=1/2].rate"] - 0.3) < 0.2
    True

    Args:
      seed: where the random numbers start.
      startup: how many random trials come first, failures included.
      gamma: the part of the trials that counts as good, in (0, 1].
      max_good: how many trials count as good at most.
      candidates: how many are drawn from l per proposal.
      bandwidth: the probability that a kernel of l, and one of g, redraws a choice of its trial; each in (0, 1].  None
        chooses as described above.
      recent: how many trials g holds at most: the newest.
      repeat: True allows proposals of recorded or pending decisions, which is useful if rewards are noisy.
      prior: which decisions are probably good, by path or name, such as ``{"lr": (1e-4, 1e-2)}`` (``Prior``).  Every second
        of the random trials is drawn from it, and l / g is multiplied by its density to a power of at most 10 / n after n trials.

    Raises:
      FieldTypeError, FieldValueError: an argument is out of its range.
    """

    several_rewards = True

    def __init__(
        self,
        *,
        seed: int = 0,
        startup: int = 10,
        gamma: float = 0.1,
        max_good: int = 25,
        candidates: int = 24,
        bandwidth: tuple[float, float] | None = None,
        recent: int = 1000,
        repeat: bool = False,
        prior: Given | None = None,
    ) -> None:
        super().__init__(seed)
        self.startup = check_count(startup, "startup", "TPE")
        self.gamma = check_number(gamma, "gamma", "TPE", above=0, most=1)
        self.max_good = check_count(max_good, "max_good", "TPE")
        self.candidates = check_count(candidates, "candidates", "TPE")
        self.bandwidth = None if bandwidth is None else _check_pair(bandwidth)
        self.recent = check_count(recent, "recent", "TPE")
        self.repeat = bool(repeat)
        self.prior = check_prior(prior, "TPE")

    @property
    def history(self) -> list[tuple[Decisions, Reward]]:
        """All recorded decisions with their rewards, None for failures, in the order of arrival."""
        return [(Decisions(self.space, values), reward) for values, reward in self._told]

    def _setup(self) -> None:
        self._belief = read_prior(self.prior, self.space, "TPE")
        self._kernels = Kernels(Tree(self.space))
        tree, width = self._kernels.tree, self._kernels.width
        forced = tree.is_flat and not self.repeat
        self._bandwidth = self.bandwidth or (_FORCED if forced else _FREE)
        self._limit = min(self.recent, max(32, _CELLS // max(width, 1)))
        self._start()

    def _start(self) -> None:
        """Forgets all trials."""
        self._objectives: int | None = None  # of each reward
        self._told: list[tuple[Values, Reward]] = []
        self._rows: list[NDArray[np.float64]] = []
        self._feasible = 0  # trials with a reward
        self._best: list[tuple[float, int]] = []  # of one objective
        self._front: list[int] = []  # of several: the trials of the best fronts, and new ones
        self._seen: set[Values] = set()
        self._pending: dict[Values, int] = {}
        self._ring = np.empty((0, self._kernels.tree.width))
        self._rest: Columns = np.empty((0, self._kernels.width), np.float32)
        self._stale: list[int] = []
        self._waiting: dict[Values, Columns] = {}
        self._spread = np.ones((1, len(self._kernels.scaled)))
        self._next_spread = 2
        self._good: tuple[tuple[int, ...], Matrix, Matrix, Columns] | None = None

    # ------------------------------------------------------------------ rewards

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        if reward is not None:
            self._objectives = check_arity(len(self._told) + 1, reward, self._objectives)
        if isinstance(reward, tuple) and len(reward) == 1:
            (reward,) = reward
        self._forget(decisions.values)
        self._add(decisions.values, reward)

    def _relearn(self, history: Sequence[tuple[Decisions, Reward, tuple[float, ...] | None]]) -> bool:
        if len(history) < self.startup or all(reward is None for _, reward, _ in history):
            return False
        waiting = [*(values for values, _ in self._told), *self._pending]
        self._start()
        self._pending = dict.fromkeys(waiting[-_PENDING:], 1)
        for decisions, reward, _ in history:
            self._feedback(decisions, reward)
        return True

    def _add(self, values: Values, reward: Reward) -> None:
        place = len(self._told) % self._limit
        row = self._kernels.tree.encode(values)
        self._told.append((values, reward))
        self._rows.append(row)
        self._seen.add(values)
        self._feasible += reward is not None
        if isinstance(reward, tuple):
            self._front.append(len(self._told) - 1)
            if len(self._front) > 2 * _KEPT * self.max_good:
                self._front = sorted(self._take_fronts(_KEPT * self.max_good))
        elif reward is not None:
            insort(self._best, (-reward, len(self._told) - 1))
        if place >= len(self._ring):
            room = min(self._limit, max(64, 2 * len(self._ring)))
            self._ring, self._rest = _grow(self._ring, room), _grow(self._rest, room)
        self._ring[place] = row
        self._stale.append(place)
        if self._kernels.scaled and len(self._told) >= self._next_spread:
            self._widen()

    def _widen(self) -> None:
        """Recomputes the widths of g by Scott's rule, and marks all its kernels as stale."""
        count = min(len(self._told), self._limit)
        self._next_spread = len(self._told) + max(1, len(self._told) // _GROWTH)
        self._spread = _scott(self._kernels.units(self._ring[:count]))
        self._stale = list(range(count))
        self._waiting.clear()

    def _forget(self, values: Values) -> None:
        if self._pending.get(values, 0) > 1:
            self._pending[values] -= 1
        else:
            self._pending.pop(values, None)
            self._waiting.pop(values, None)

    # ------------------------------------------------------------------ proposals

    def _propose(self) -> Decisions:
        if len(self._told) < self.startup:
            proposal = self._pick(iter([self._draw_start()]))
        else:
            proposal = self._pick(self._rank())
        values = proposal.values
        self._pending[values] = self._pending.pop(values, 0) + 1
        if len(self._pending) > _PENDING:
            oldest = next(iter(self._pending))
            del self._pending[oldest]
            self._waiting.pop(oldest, None)
        return proposal

    def _draw_start(self) -> Decisions:
        """Returns random decisions, every second time from the prior."""
        believed = None
        if self._belief is not None and (len(self._seen) + len(self._pending)) % 2 == 0:
            believed = self._belief.sample_new(self.random, self._seen | self._pending.keys())
        return self.space.sample(self.random) if believed is None else believed

    def _rank(self) -> Iterator[Decisions]:
        """Draws candidates from l and yields them by l / g, the highest first."""
        good, centres, spread, near = self._split()
        kernels, tree = self._kernels, self._kernels.tree
        rng = np.random.Generator(np.random.PCG64(self.random.getrandbits(64)))
        chosen = rng.integers(len(centres), size=self.candidates)
        rows = kernels.draw(centres[chosen], spread[chosen], self._bandwidth[0], rng=rng, random=self.random)
        tilt = None if self._belief is None else self._tilt(self._belief)
        if tilt is not None:
            believed = tilt.draw(self.candidates, self.random)
            rows = np.concatenate([rows, *(tree.encode(one.values)[None] for one in believed)])
        marks = kernels.marks(rows)
        count = min(len(self._told), self._limit)
        if self._stale:
            stale = sorted(set(self._stale))
            self._rest[stale] = kernels.kernels(self._ring[stale], self._spread, self._bandwidth[1])
            self._stale = []
        logs = marks @ self._rest[:count].T
        first = len(self._told) - count
        logs[:, [i % self._limit for i in good if i >= first]] = -np.inf
        scores = _log_sum(marks @ near.T) - _log_sum(logs, marks @ self._lies().T)
        if tilt is None:
            return (tree.load(rows[place]) for place in np.argsort(-scores, kind="stable"))
        found = [tree.load(row) for row in rows]
        return (found[place] for place in np.argsort(-(scores + tilt.log(found)), kind="stable"))

    def _tilt(self, belief: Prior) -> Tilt:
        told = [Decisions._of(self.space, values) for values, _ in self._told]
        return belief.tilt(told, [reward for _, reward in self._told])

    def _split(self) -> tuple[tuple[int, ...], Matrix, Matrix, Columns]:
        """Returns the good trials: their indices, rows (with the prior's), widths and kernels."""
        size = min(math.ceil(self.gamma * self._feasible), self.max_good)
        good = self._take_fronts(size) if self._front else tuple([index for _, index in self._best[:size]])
        if self._good is None or self._good[0] != good:
            prior = np.full(self._kernels.tree.width, INACTIVE)
            centres = np.stack([*(self._rows[i] for i in good), prior])
            spread = _gaps(self._kernels.units(centres))
            self._good = good, centres, spread, self._kernels.kernels(centres, spread, self._bandwidth[0])
        return self._good

    def _take_fronts(self, count: int) -> tuple[int, ...]:
        """Returns the indices of the best trials of several objectives: by front, then the least crowded."""
        rewards: list[Any] = [self._told[index][1] for index in self._front]
        kept: list[int] = []
        for front in sort_fronts(rewards):
            if len(front) > count - len(kept):
                room = dict(zip(front, crowding([rewards[place] for place in front]), strict=True))
                front = sorted(front, key=lambda place: (-room[place], place))[: count - len(kept)]
            kept += front
            if len(kept) == count:
                break
        return tuple([self._front[place] for place in kept])

    def _lies(self) -> Columns:
        """Returns the kernels of pending trials and of the prior."""
        new = [values for values in self._pending if values not in self._waiting]
        if new:
            rows = np.stack([self._kernels.tree.encode(values) for values in new])
            found = self._kernels.kernels(rows, self._spread, self._bandwidth[1])
            self._waiting.update(zip(new, found, strict=True))
        prior = np.zeros(self._kernels.width, np.float32)
        return np.stack([*(self._waiting[values] for values in self._pending), prior])

    def _pick(self, ranked: Iterator[Decisions]) -> Decisions:
        """Returns the first new one, else a new one near the first, else any new one."""
        first = next(ranked)
        if self.repeat or self._is_new(first):
            return first
        for decisions in ranked:
            if self._is_new(decisions):
                return decisions
        size = self.space.size
        if len(self._seen) + len(self._pending) >= size and len(self._seen.union(self._pending)) >= size:
            return first
        walker = first
        for _ in range(20):
            walker = mutate(walker, self.random)
            if self._is_new(walker):
                return walker
        if size == math.inf:
            return self.space.sample(self.random)
        start = self.random.randrange(int(size))
        return next(d for d in (*self._walk(start), *self._walk(0)) if self._is_new(d))

    def _walk(self, start: int) -> list[Decisions]:
        """Returns decisions from index ``start`` on, enough to include a new one if the space does not end before."""
        most = len(self._seen) + len(self._pending) + 1
        return [d for d, _ in zip(self.space.iterate(start), range(most), strict=False)]

    def _is_new(self, decisions: Decisions) -> bool:
        return decisions.values not in self._seen and decisions.values not in self._pending

    # ------------------------------------------------------------------ state

    def _state(self) -> dict[str, Any]:
        return {
            "told": [[list(v), list(r) if isinstance(r, tuple) else r] for v, r in self._told],
            "pending": [[list(values), count] for values, count in self._pending.items()],
        }

    def _restore(self, state: dict[str, Any]) -> None:
        for values, reward in state["told"]:
            self._feedback(self._load(values), check_reward(reward, several=True))
        for values, count in state["pending"]:
            if count.__class__ is not int or count < 1:
                raise LoadError(
                    f"a number of pending trials is an integer of at least 1; got {quote(count)}."
                )
            self._pending[self._load(values).values] = count


def _check_pair(pair: object) -> tuple[float, float]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise FieldTypeError(
            f"TPE(bandwidth=...) takes two numbers, for good trials and for the rest, such as (0.2, 0.1); got {quote(pair)}."
        )
    good, rest = (check_number(one, "bandwidth", "TPE", above=0, most=1) for one in pair)
    return good, rest


def _grow(table: NDArray[Any], rows: int) -> NDArray[Any]:
    grown = np.zeros((rows, table.shape[1]), table.dtype)
    grown[: len(table)] = table
    return grown


def _log_sum(*logs: Columns) -> NDArray[np.float64]:
    """Returns the logarithm of the sum of exponentials along rows, of all tables together."""
    peak = np.max([table.max(axis=1) for table in logs if table.shape[1]], axis=0)
    total = sum(np.exp(table - peak[:, None]).sum(axis=1, dtype=np.float64) for table in logs)
    found: NDArray[np.float64] = np.log(total) + peak
    return found


def _scott(units: Matrix) -> Matrix:
    """Returns one width per column, [1, columns]: Scott's rule (1.06 times the deviation times n ** -1/5), at least 0.02."""
    active = ~np.isnan(units)
    count = np.maximum(active.sum(axis=0), 1)
    mean = np.where(active, units, 0.0).sum(axis=0) / count
    square = np.where(active, (units - mean) ** 2, 0.0).sum(axis=0) / count
    width: Matrix = np.clip(1.06 * np.sqrt(square) * count**-0.2, 0.02, 1.0)
    return width[None]


def _gaps(units: Matrix) -> Matrix:
    """Returns the width of each kernel: the larger distance to its neighbours, without the ends of the scale.

    At least ``1 / min(100, n + 1)`` (Bergstra and others, 2011; the clip is that of their program).  [N, columns]
    """
    width = np.ones(units.shape)
    for column in range(units.shape[1]):
        active = np.flatnonzero(~np.isnan(units[:, column]))
        found = units[active, column]
        order = np.argsort(found, kind="stable")
        steps = np.diff(found[order], prepend=0.0, append=1.0)
        if len(found) > 1:
            steps[0], steps[-1] = steps[1], steps[-2]
        width[active[order], column] = np.maximum(steps[:-1], steps[1:])
        np.clip(width[:, column], 1 / min(100, len(found) + 2), 1.0, out=width[:, column])
    return width
