"""Bayesian optimization: expected improvement under a Gaussian process, and the warping of rewards."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr, ndtri

from pliant.space import Decisions
from pliant.values.errors import RewardError

from ..base import Algorithm
from ..options import check_count
from ..rewards import Reward, check_reward
from ..unseen import draw_unseen
from .candidates import maximize
from .encoding import Encoding
from .process import Posterior, Process, Vector

_STARTS = 5  # how many of the best decisions start the maximization of the acquisition
_GROWTH = 0.1  # kernel parameters are refitted whenever the data have grown by this part
_ANEW = 100  # up to this number of observations, a fit also starts from the prior mean
_PATIENCE = 10  # each such number of rewards without improvement adds 1 to the factor of deviations
_DOUBT = 5.0  # the largest factor
_PENDING = 100  # how many of the newest pending decisions are used


@final
class Bayesian(Algorithm):
    """Bayesian optimization: maximizes expected improvement under a Gaussian process of the rewards.

    For up to a few hundred expensive trials.  After ``initial`` random decisions, each proposal fits a process to all
    recorded trials (``Process``: Matern 5/2 plus linear, over an encoding of choices, ordered choices, integers,
    floats, subsets, permutations and conditional decisions) and maximizes expected improvement by local search
    (Jones, Schonlau and Welch, "Efficient global optimization of expensive black-box functions", 1998).

    >>> from pliant.space import choice, flatten
    >>> algorithm = Bayesian(initial=8, seed=1)
    >>> algorithm.setup(flatten([choice(f"x{i}", 4) for i in range(6)]))
    >>> for _ in range(40):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, -abs(sum(decisions.values) - 17))
    >>> max(sum(decisions.values) for decisions in algorithm.told)
    18

    Details:

    - Rewards are warped first: the lower half counts by rank only (``warp``).
    - Infeasible decisions count as one deviation worse than the worst.
    - Pending decisions count as if their reward were its expectation (the Kriging believer of Ginsbourger, Le Riche and
      Carraro, "Kriging is well-suited to parallelize optimization", 2010), so that parallel trials differ.
    - Nothing is proposed twice; the search ends when a finite space is exhausted.
    - The incumbent is the highest posterior mean at recorded or pending decisions, not the highest reward, so that one
      lucky noisy reward does not stop the search.
    - After n rewards in a row without improvement, posterior deviations are multiplied by 1 + n / 10, at most by 5,
      until a reward is better; in a space with floats for every second proposal only, so that the others refine.
      This is our own addition, against second-best basins (see below).
    - Kernel parameters maximize the posterior density; they are refitted with each tenth more data, starting from the
      last ones.  The Cholesky factor is computed for each proposal, which takes milliseconds for a few hundred rows and
      makes a restored search continue with exactly the same numbers.
    - Beyond ``limit`` observations the process uses the better half of ``limit``, and as many of the others, spread
      evenly over the history, so that the cost of a proposal is bounded.

    How the defaults were chosen: kernel, warping and priors on NK landscapes, a synthetic cell space and Hartmann's
    and Branin's functions, where all variants were close to each other; half-rank warping and the larger
    deviations because NAS-Bench-201 has outliers and a second-best basin that the landscapes lack.  So these two were
    chosen on a reported table, with other seeds than those of the reported runs.

    Args:
      initial: how many random trials come first, infeasible ones included.
      samples: how many random decisions the maximization of expected improvement starts with.
      climbs: how many of the best each step of that maximization continues from.
      limit: how many observations the process uses at most.
      seed: where the random numbers start.
    """

    def __init__(
        self, *, initial: int = 10, samples: int = 200, climbs: int = 5, limit: int = 400, seed: int = 0
    ) -> None:
        super().__init__(seed)
        self.initial = check_count(initial, "initial", "Bayesian")
        self.samples = check_count(samples, "samples", "Bayesian")
        self.climbs = check_count(climbs, "climbs", "Bayesian")
        self.limit = check_count(limit, "limit", "Bayesian")

    @property
    def told(self) -> tuple[Decisions, ...]:
        """All decisions with a recorded reward or failure, in the order of arrival."""
        return tuple(self._told)

    @property
    def history(self) -> list[tuple[Decisions, Reward]]:
        """All recorded decisions with their rewards, None for failures, in the order of arrival."""
        return list(zip(self._told, self._rewards, strict=True))

    def predict(self, decisions: Decisions) -> tuple[float, float]:
        """Returns the posterior mean and standard deviation of decisions.

        In units of warped rewards, which have mean 0 and deviation 1 over recorded trials; 0 and 1 during the
        initial trials.
        """
        if not self._is_ready():
            return 0.0, 1.0
        posterior, _ = self._learn()
        mean, deviation = posterior.predict(self._encoding.encode([self.space.parse(decisions)]))
        return float(mean[0]), float(deviation[0])

    def _setup(self) -> None:
        self._encoding = Encoding(self.space)
        self._process = Process(self._encoding)
        self._told: list[Decisions] = []
        self._rewards: list[float | None] = []
        self._rows = self._encoding.encode([])  # of recorded trials, as far as they were needed
        self._pending: dict[tuple[int | float, ...], Decisions] = {}
        self._seen: set[tuple[int | float, ...]] = set()
        self._parameters: Vector | None = None
        self._fitted = 0  # to how many observations

    def _is_ready(self) -> bool:
        return len(self._told) >= self.initial and any(reward is not None for reward in self._rewards)

    def _propose(self) -> Decisions:
        found = None
        if self._is_ready() and len(self._seen) < self.space.size:
            posterior, best = self._learn()
            doubt = self._doubt()

            def score(many: Any) -> Any:
                mean, deviation = posterior.predict(self._encoding.encode(many))
                return log_improvement(mean, doubt * deviation, best)

            starts = sorted(range(len(self._told)), key=lambda i: -_rank(self._rewards[i]))[:_STARTS]
            found = maximize(
                self.space,
                score,
                self.random,
                seen=self._seen,
                starts=[self._told[i] for i in starts],
                samples=self.samples,
                climbs=self.climbs,
            )
        if found is None:
            found = draw_unseen(
                self.space, self.random, lambda one: one.values in self._seen, count=len(self._seen)
            )
        self._seen.add(found.values)
        self._pending[found.values] = found
        return found

    def _learn(self) -> tuple[Posterior, float]:
        """Returns the posterior, and the highest posterior mean at recorded and pending decisions."""
        known = len(self._rows)
        if known < len(self._told):
            self._rows = np.concatenate([self._rows, self._encoding.encode(self._told[known:])])
        chosen = self._choose()
        rows, targets = self._rows[chosen], self._targets()[chosen]
        count = len(self._told)
        if self._parameters is None or count >= self._fitted + max(1.0, _GROWTH * self._fitted):
            starts = [] if self._parameters is None else [self._parameters]
            if not starts or count < _ANEW:
                starts.append(self._process.start)
            self._parameters, self._fitted = self._process.fit(rows, targets, starts), count
        waiting = list(self._pending.values())[-_PENDING:]
        whole = np.concatenate([rows, self._encoding.encode(waiting)]) if waiting else rows
        posterior = Posterior(self._process, self._parameters, whole, targets)
        return posterior, float(posterior.expect(whole).max())

    def _doubt(self) -> float:
        """Returns the factor of posterior deviations for the next proposal."""
        if self.space.size == math.inf and len(self._seen) % 2:
            return 1.0
        rewards = [_rank(reward) for reward in self._rewards]
        best = max(self.initial - 1, rewards.index(max(rewards)))
        return min(1.0 + (len(rewards) - 1 - best) / _PATIENCE, _DOUBT)

    def _targets(self) -> Vector:
        """Returns the warped rewards, [told]."""
        feasible = np.array([reward is not None for reward in self._rewards])
        warped = warp(np.array([reward for reward in self._rewards if reward is not None]))
        targets = np.full(len(feasible), warped.min() - 1.0)
        targets[feasible] = warped
        return standardize(targets)

    def _choose(self) -> NDArray[np.intp]:
        """Returns the indices of the observations that the process uses, in the order of arrival."""
        count = len(self._told)
        if count <= self.limit:
            return np.arange(count)
        order = np.argsort([-_rank(reward) for reward in self._rewards], kind="stable")
        better = (self.limit + 1) // 2
        others = np.sort(order[better:])
        spread = np.linspace(0, len(others) - 1, self.limit - better).astype(np.intp)
        return np.sort(np.concatenate([order[:better], others[spread]]))

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        if isinstance(reward, tuple):
            raise RewardError("Bayesian takes one reward; combine several into one number.")
        self._seen.add(decisions.values)
        self._pending.pop(decisions.values, None)
        self._told.append(decisions)
        self._rewards.append(reward)

    def _state(self) -> dict[str, Any]:
        return {
            "told": [one.to_json() for one in self._told],
            "rewards": list(self._rewards),
            "pending": [one.to_json() for one in self._pending.values()],
            "parameters": None if self._parameters is None else self._parameters.tolist(),
            "fitted": self._fitted,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._told = [self._load(values) for values in state["told"]]
        for reward in state["rewards"]:
            checked = check_reward(reward, several=False)
            self._rewards.append(None if checked is None else float(checked))  # type: ignore[arg-type]  # one
        if len(self._rewards) != len(self._told):
            raise ValueError(f"there are {len(self._rewards)} rewards of {len(self._told)} decisions.")
        waiting = [self._load(values) for values in state["pending"]]
        self._pending = {one.values: one for one in waiting}
        self._seen = {one.values for one in [*self._told, *waiting]}
        self._fitted = int(state["fitted"])
        if state["parameters"] is not None:
            self._parameters = np.array(state["parameters"], dtype=np.float64)
            if self._parameters.shape != self._process.start.shape or not np.isfinite(self._parameters).all():
                raise ValueError(f"the process has {len(self._process.start)} finite parameters.")


def _rank(reward: float | None) -> float:
    return -math.inf if reward is None else reward


_ROOT_HALF_PI = np.sqrt(np.pi / 2)
_LOG_ROOT = np.log(2 * np.pi) / 2


def log_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """Returns log E[max(f - best, 0)] of f normal with this mean and deviation; all of one shape.

    Expected improvement is (m - b) N(u) + s n(u) with u = (m - b) / s (Jones, Schonlau and Welch, 1998, equation
    15).  Far below the best it underflows to 0, where candidates cannot be ranked; its logarithm does not (Ament et
    al., "Unexpected improvements to expected improvement", 2023, equations 8 and 9).

    >>> log_improvement(np.array([0.0, -50.0]), np.array([1.0, 1.0]), 0.0).round(3).tolist()
    [-0.919, -1258.744]

    Args:
      mean: of f.
      deviation: of f, above 0.
      best: the value to improve on.
    """
    unit = (mean - best) / deviation
    near = np.maximum(unit, -1.0)
    direct = np.log(np.exp(-0.5 * near * near - _LOG_ROOT) + near * ndtr(near))
    far = np.minimum(unit, -1.0)
    ratio = 1.0 + np.maximum(far, -1e3) * _ROOT_HALF_PI * erfcx(-np.maximum(far, -1e3) / np.sqrt(2))
    tail = -0.5 * far * far - _LOG_ROOT + np.where(far > -1e3, np.log(ratio), -2 * np.log(-far))
    found: Vector = np.where(unit > -1.0, direct, tail) + np.log(deviation)
    return found


def warp(rewards: Vector) -> Vector:
    """Returns rewards with the lower half replaced by its ranks, at mean 0 and deviation 1; keeps the order.

    Architectures that fail to train have rewards far below all others, and a process that fits these outliers is
    poor near the best.  So, as in the half-rank warping of Song et al., "The Vizier Gaussian process
    bandit algorithm", 2024, each reward below the median becomes the normal score of its rank, in the unit that
    makes the upper half as wide in scores as it is in rewards; rewards from the median up stay as they are.

    >>> warp(np.array([0.9, -1e9, 0.8, 0.7, 0.6])).round(2).tolist()
    [1.4, -1.48, 0.7, -0.01, -0.61]

    Args:
      rewards: finite numbers, [n]; equal ones stay equal.
    """
    scores = _scores(rewards)
    middle = np.median(rewards)
    upper = rewards >= middle
    # Of magnitude 1 first, so that squares neither vanish nor overflow.
    above = np.where(upper, rewards / 2 - middle / 2, 0.0)
    largest = float(above.max(initial=0.0))
    above = above / (largest or 1.0)
    width = np.sqrt(np.mean(np.square(above[upper]))) or 1.0
    centred = scores - np.median(scores)
    wide = np.sqrt(np.mean(np.square(centred[upper]))) or 1.0
    warped: Vector = np.where(upper, above / width, np.minimum(centred / wide, 0.0))
    return standardize(warped)


def standardize(values: Vector) -> Vector:
    """Returns values at mean 0 and deviation 1; all 0 where they are equal."""
    centred = values - values.mean()
    spread = centred.std()
    return centred / spread if spread > 1e-12 else np.zeros_like(values)


def _scores(values: Vector) -> Vector:
    """Returns the normal score of the rank of each value; of equal ones, that of their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # from 1
    found: Vector = ndtri((ranks[places] - 0.5) / len(values))
    return found
