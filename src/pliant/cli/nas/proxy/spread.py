"""Which models to keep as references, so that they still cover all there is, from bad to good and from slow to fast.

Arithmetic only.  It is not a search: the best models get no favour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

MIN_KEPT = 2
Score = tuple[float, float]
"""Accuracy and latency of a model."""


def normalize(scores: Sequence[Score]) -> list[Score]:
    """Returns scores with each of their two numbers moved and scaled to 0 ... 1; one that is the same for all is 0.

    >>> normalize([(0.25, 10.0), (0.5, 30.0), (0.75, 20.0)])
    [(0.0, 0.0), (0.5, 1.0), (1.0, 0.5)]
    """
    columns = []
    for column in zip(*scores, strict=True):
        low, width = min(column), max(column) - min(column)
        columns.append([(value - low) / width if width > 0 else 0.0 for value in column])
    return [(accuracy, latency) for accuracy, latency in zip(*columns, strict=True)]


def find_redundant(scores: Sequence[Score]) -> int:
    """Returns the index of the score that is missed least.

    Of the two that are closest to each other, it is the one whose next neighbour is closer; of equal pairs the first.

    >>> find_redundant([(0.0, 0.0), (0.5, 0.5), (0.6, 0.6), (1.0, 1.0)])  # 0.6 is closer to 1.0 than 0.5 is to 0.0
    2

    Args:
      scores: at least three.
    """
    nearest = []
    for index, score in enumerate(scores):
        others = sorted(
            (math.dist(score, other), number) for number, other in enumerate(scores) if number != index
        )
        nearest.append((others[0], others[1][0]))
    first = min(range(len(scores)), key=lambda index: nearest[index][0][0])
    second = nearest[first][0][1]
    return first if nearest[first][1] < nearest[second][1] else second


def choose_kept(scores: Mapping[int, Score], remove: int) -> tuple[int, ...]:
    """Returns the numbers of the models to keep, in order.

    >>> choose_kept({1: (0.1, 5.0), 2: (0.5, 5.0), 3: (0.52, 5.0), 4: (0.9, 5.0)}, remove=2)
    (1, 4)

    Args:
      scores: accuracy and latency by number.
      remove: how many are left out, one after the other; two always stay.
    """
    numbers = sorted(scores)
    points = normalize([scores[number] for number in numbers])
    for _ in range(min(remove, len(numbers) - MIN_KEPT)):
        index = find_redundant(points)
        del numbers[index], points[index]
    return tuple(numbers)


def next_percent(before: float, count: int, final: int) -> float:
    """Returns to how much of its training each of ``count`` models is brought in the next round.

    All of them together get one whole training more: 100 / count percent each; the ``final`` ones are trained to the end.

    >>> next_percent(0.0, 30, 10), next_percent(25.0, 20, 10), next_percent(30.0, 10, 10)
    (3.3333333333333335, 30.0, 100.0)
    """
    return 100.0 if count <= final else min(before + 100.0 / count, 100.0)


def count_removed(count: int, invalid: int, *, final: int, each: int) -> int:
    """Returns how many more models leave a round from which ``invalid`` ones have dropped out.

    >>> count_removed(30, 0, final=10, each=5), count_removed(30, 2, final=10, each=5), count_removed(12, 3, final=10, each=5)
    (5, 3, 0)
    """
    return max(min(each, count - final) - invalid, 0)
