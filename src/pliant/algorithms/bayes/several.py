"""Several objectives in Bayesian optimization: expected hypervolume improvement, and its reference point."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
from scipy.special import ndtr

from ..objectives.dominance import sort_fronts
from .encoding import Matrix
from .process import Vector

_MARGIN = 0.1  # the reference point is below the worst of the front by this part of the front's range
_OUTLIERS = 4.0  # rewards are cut off below the median by this multiple of what is above it
_DRAWS = 16  # pairs of normal numbers per objective, for three objectives and more
_LEAST = 1e-12  # added to improvements before the logarithm


def clip(rewards: Vector) -> Vector:
    """Returns the rewards of one objective without outliers below, such as those of networks that fail to train.

    >>> clip(np.array([0.0, 88.0, 90.0, 91.0, 92.0])).tolist()
    [82.0, 88.0, 90.0, 91.0, 92.0]
    """
    middle, high = float(np.median(rewards)), float(rewards.max())
    found: Vector = np.maximum(rewards, middle - _OUTLIERS * (high - middle)) if high > middle else rewards
    return found


def find_front(means: Matrix) -> tuple[Matrix, Vector]:
    """Returns the Pareto-optimal rows, by the first objective, and the reference point of their hypervolume.

    The reference point is below the worst of the front in each objective, by a tenth of the front's range; where the
    front has no range, by a tenth of that of all rows, or of 1.

    >>> front, reference = find_front(np.array([[1.0, 3.0], [3.0, 1.0], [0.0, 0.0]]))
    >>> front.tolist(), reference.tolist()
    ([[1.0, 3.0], [3.0, 1.0]], [0.8, 0.8])
    """
    chosen = sort_fronts(means.tolist())[0]
    front = np.unique(means[chosen], axis=0)
    span = np.ptp(front, axis=0)
    span = np.where(span > 0, span, np.ptp(means, axis=0))
    reference: Vector = front.min(axis=0) - _MARGIN * np.where(span > 0, span, 1.0)
    return front, reference


def expected_volume(means: Matrix, deviations: Matrix, front: Matrix, reference: Vector) -> Vector:
    """Returns the expected hypervolume improvement of candidates in two objectives, [n]; higher is better.

    The hypervolume that y adds is the area below y that the front does not dominate, so its expectation is the
    integral of P(Y1 > z1) P(Y2 > z2) over what the front does not dominate above the reference point.  In a strip
    between neighbours a < b of the front in the first objective, whose floor in the second is c, that is
    (e1(a) - e1(b)) e2(c) with e(t) = E[max(Y - t, 0)] (Emmerich, Yang, Deutz, Wang and Fonseca, "A multicriteria
    generalization of Bayesian global optimization", 2016, who compute it in the same strips).

    >>> front, reference = np.array([[1.0, 3.0], [3.0, 1.0]]), np.zeros(2)
    >>> certain = np.full((2, 2), 1e-9)
    >>> expected_volume(np.array([[2.0, 2.0], [4.0, 0.5]]), certain, front, reference).round(6).tolist()
    [1.0, 0.5]

    Args:
      means: of independent normal objectives, [n, 2].
      deviations: of them, above 0, [n, 2].
      front: Pareto-optimal points by the first objective, [m, 2].
      reference: the reference point, below the front, [2].
    """
    edges = [float(reference[0]), *front[:, 0].tolist()]
    floors = [*front[:, 1].tolist(), float(reference[1])]
    wide = _excess(means[:, 0], deviations[:, 0], np.array(edges))
    high = _excess(means[:, 1], deviations[:, 1], np.array(floors))
    strips = np.stack([*(a - b for a, b in pairwise(wide.T)), wide[:, -1]], axis=1)
    found: Vector = (strips * high).sum(axis=1)
    return found


def draw_weights(count: int, random: Random) -> tuple[Vector, Matrix]:
    """Returns weights of objectives, a direction in the positive part of the sphere, and normal numbers, [draws, count]."""
    direction = np.abs([random.gauss(0.0, 1.0) for _ in range(count)])
    direction = np.maximum(direction / max(float(np.linalg.norm(direction)), 1e-9), 1e-3)
    half = np.array([[random.gauss(0.0, 1.0) for _ in range(count)] for _ in range(_DRAWS)])
    return direction, np.concatenate([half, -half])


def expected_scalar(
    means: Matrix, deviations: Matrix, front: Matrix, reference: Vector, *, weights: tuple[Vector, Matrix]
) -> Vector:
    """Returns the expected improvement of a random scalarization of the objectives, [n]; for any number of them.

    The scalarization is min over objectives of (y - reference) / weight; averaged over directions, its power is the
    hypervolume (Golovin and Zhang, "Random hypervolume scalarizations for provable multi-objective black box
    optimization", ICML 2020, equation 1).  The expectation is a mean over normal numbers, the same for all candidates.
    """
    direction, normal = weights
    best = float(((front - reference) / direction).min(axis=1).max())
    drawn = means[:, None, :] + deviations[:, None, :] * normal[None, :, :]
    scalars = ((drawn - reference) / direction).min(axis=2)
    found: Vector = np.maximum(scalars - best, 0.0).mean(axis=1)
    return found


def to_scores(improvements: Vector, means: Matrix) -> Vector:
    """Returns logarithms of improvements; where they vanish, the sum of the means decides."""
    found: Vector = np.log(improvements + _LEAST) + 1e-6 * means.sum(axis=1)
    return found


def order_by_fronts(rewards: Sequence[Sequence[float] | None]) -> list[int]:
    """Returns the indices of rewards by front, the best first; failures last.

    >>> order_by_fronts([(0.0, 0.0), None, (1.0, 2.0), (2.0, 1.0)])
    [2, 3, 0, 1]
    """
    feasible = [index for index, reward in enumerate(rewards) if reward is not None]
    fronts = sort_fronts([reward for reward in rewards if reward is not None])
    failed = [index for index, reward in enumerate(rewards) if reward is None]
    return [feasible[place] for front in fronts for place in front] + failed


def _excess(mean: Vector, deviation: Vector, edges: Vector) -> Matrix:
    """Returns E[max(Y - t, 0)] of normal Y for each edge t, [n, edges]."""
    unit = (mean[:, None] - edges[None, :]) / deviation[:, None]
    density = np.exp(-0.5 * unit * unit) / np.sqrt(2 * np.pi)
    found: Matrix = deviation[:, None] * (unit * ndtr(unit) + density)
    return np.maximum(found, 0.0)
