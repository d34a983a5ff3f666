"""A permutation task: the shortest round trip through points on a circle."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

from pliant.hyper import permute
from pliant.space import Decisions

from .formula import Formula, check_size


def tour(n: int = 10, *, seed: int = 0) -> Formula:
    """Returns the task of ordering ``n`` points on the unit circle, named in random order, into a short closed tour.

    The reward is minus the length.  The optimum is known: a shortest tour through points in convex position
    follows their hull, so it is minus the perimeter of the polygon.  Each tour occurs 2n times (start, direction).

    >>> task = tour(4)
    >>> task.space.size
    24

    Args:
      n: how many points, at least 3.
      seed: where the points are and how they are named.

    Raises:
      FieldTypeError, FieldValueError: ``n`` is no such number.
    """
    check_size(n, "n", "tour", low=3)
    random = Random(f"tour/{seed}")
    angles = [2 * math.pi * (i + 0.8 * random.random()) / n for i in range(n)]
    hull = _length([_point(a) for a in angles])
    random.shuffle(angles)
    points = [_point(a) for a in angles]

    def score(decisions: Decisions) -> float:
        return -_length([points[int(i)] for i in decisions.values])

    return Formula(f"tour/{n}", {"order": permute(list(range(n)))}, score, optimum=-hull)


def _point(angle: float) -> tuple[float, float]:
    return math.cos(angle), math.sin(angle)


def _length(points: list[tuple[float, float]]) -> float:
    """Returns the length of the closed polygon."""
    return math.fsum(math.dist(a, b) for a, b in pairwise([*points, points[0]]))
