"""Draws one decision vector from the outputs of heads, in plain Python because small tensors are slow.

The distributions are described in ``distributions``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pliant.space import Choice, Decisions, Float, Int, Space, from_unit

from .distributions import LOCATION_LIMIT, LOG_SCALE_LIMITS
from .heads import Head, allowed_picks, logit, unit_share


def draw_decisions(space: Space, draw: Callable[[int, Sequence[int] | None], int | float]) -> Decisions:
    """Returns decisions made point by point, in the order of ``space.points``, along the active branches.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("edges", 4, picks=2, sorted=True)])
    >>> draw_decisions(space, lambda at, allowed: max(allowed)).values
    (2, 3)

    ``draw`` takes the index of an active point and its allowed picks (None for any), and returns its value.
    """
    points = space.points
    pending = list(reversed(space.top))
    picked: dict[int, list[int]] = {}
    values: list[int | float] = []
    while pending:
        at = pending.pop()
        point = points[at]
        if not isinstance(point, Choice):
            values.append(draw(at, None))
            continue
        if point.group is None:
            value = draw(at, None)
        else:
            earlier = picked.setdefault(point.group.first, [])
            value = draw(at, allowed_picks(point, earlier))
            earlier.append(int(value))
        values.append(value)
        branch = point.branches[int(value)]
        if branch:
            pending.extend(reversed(branch))
    return Decisions(space, values)


def log_softmax(logits: Sequence[float]) -> list[float]:
    """Returns logarithms of probabilities from logits.

    >>> [round(math.exp(one), 3) for one in log_softmax([0.0, math.log(3)])]
    [0.25, 0.75]
    """
    top = max(logits)
    total = math.log(sum([math.exp(one - top) for one in logits])) + top
    return [one - total for one in logits]


def draw_index(log_probs: Sequence[float], uniform: float) -> int:
    """Returns the index that a uniform number of [0, 1) selects.

    >>> [draw_index(log_softmax([0.0, 0.0]), uniform) for uniform in (0.2, 0.7)]
    [0, 1]
    """
    left = uniform * sum(map(math.exp, log_probs))
    for index, log_prob in enumerate(log_probs):
        left -= math.exp(log_prob)
        if left < 0.0:
            return index
    return max(range(len(log_probs)), key=log_probs.__getitem__)  # rounding errors


def draw_number(point: Int | Float, outputs: Sequence[float], uniform: float) -> tuple[int | float, float]:
    """Returns the number that ``uniform`` of [0, 1) selects, and its log-probability (for floats log-density).

    >>> value, log_prob = draw_number(Int("n", 1, 100), (0.0, 0.0), 0.25)
    >>> value, round(math.exp(log_prob), 12)
    (26, 0.01)

    ``outputs`` are the location and log scale of its head; a ``uniform`` of 0.5 gives the median.
    """
    location = min(max(outputs[0], -LOCATION_LIMIT), LOCATION_LIMIT)
    log_scale = min(max(outputs[1], LOG_SCALE_LIMITS[0]), LOG_SCALE_LIMITS[1])
    scale = math.exp(log_scale)
    if uniform == 0.0 or (location == 0.0 and log_scale == 0.0):
        unit = uniform
    else:
        unit = _sigmoid(location + scale * (math.log(uniform) - math.log(1.0 - uniform)))
    value = from_unit(point, unit)
    low, high = unit_share(point, value)
    a, b = (logit(low) - location) / scale, (logit(high) - location) / scale
    if low == high:
        return value, -_softplus(a) - _softplus(-a) - log_scale - math.log(low) - math.log1p(-low)
    # as in distributions.log_density
    return value, -_softplus(-b) - _softplus(a) + math.log(-math.expm1(a - b))


def pick_best(head: Head, outputs: Sequence[float], allowed: Sequence[int] | None) -> int | float:
    """Returns the most likely value of a head; the median of a number."""
    if not head.is_categorical:
        assert isinstance(head.point, (Int, Float))
        return draw_number(head.point, outputs, 0.5)[0]
    return head.values[max(range(head.width) if allowed is None else allowed, key=outputs.__getitem__)]


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(x) / (1.0 + math.exp(x))


def _softplus(x: float) -> float:
    if x == -math.inf:
        return 0.0
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
