"""Scales: converts the values of numeric points to the unit interval and back.

Algorithms draw, move and model numbers in the unit interval, so that all of them treat ``log`` in the same way.
"""

from __future__ import annotations

from math import exp, log

from .points import Float, Int


def from_unit(point: Int | Float, unit: float) -> int | float:
    """Returns the value of ``point`` at ``unit`` in [0, 1]; uniform units give the point's own distribution.

    Each integer owns an equal share of a linear unit; on a log scale the share of ``v`` is the length
    of ``[v, v + step)`` in logarithms.

    >>> round(from_unit(Float("lr", 1e-4, 1.0, "log"), 0.5), 6)
    0.01
    >>> [from_unit(Int("n", 1, 4), u) for u in (0.0, 0.3, 0.5, 1.0)]
    [1, 2, 3, 4]
    """
    low, high = point.min_value, point.max_value
    if point.__class__ is Float:
        if point.scale == "linear":
            value = low + (high - low) * unit
        elif point.scale == "log":
            value = exp(log(low) + (log(high) - log(low)) * unit)
        else:
            value = high + low - exp(log(high) + (log(low) - log(high)) * unit)
        return min(max(value, low), high)
    assert isinstance(point, Int)
    step, count = point.step, point.count
    if point.scale == "linear":
        index = int(unit * count) if count < 1 << 52 else int(unit * (1 << 52)) * count >> 52
    else:
        if point.scale == "rlog":
            unit = 1.0 - unit
        value = exp(log(low) + (log(point.last + step) - log(low)) * unit)
        # The tiny slack puts back what exp(log(v)) may lose: v must stay v.
        index = int((value * (1 + 1e-12) - low) // step)
    index = min(max(index, 0), count - 1)
    if point.scale == "rlog":
        index = count - 1 - index
    return low + step * index


def to_unit(point: Int | Float, value: int | float) -> float:
    """Returns where ``value`` stands in [0, 1]: the middle of an integer's share, a float's own place.

    >>> round(to_unit(Float("lr", 1e-4, 1.0, "log"), 0.01), 6)
    0.5
    >>> to_unit(Int("n", 1, 4), 1)
    0.125
    """
    low, high = point.min_value, point.max_value
    if low == high:
        return 0.5
    if isinstance(point, Float):
        if point.scale == "linear":
            unit = (value - low) / (high - low)
        elif point.scale == "log":
            unit = (log(value) - log(low)) / (log(high) - log(low))
        else:
            unit = 1.0 - (log(high + low - value) - log(low)) / (log(high) - log(low))
        return min(max(unit, 0.0), 1.0)
    step, last = point.step, point.last
    if point.scale == "linear":
        return ((value - low) // step + 0.5) / point.count
    if point.scale == "rlog":
        value = last + low - value
    span = log(last + step) - log(low)
    unit = ((log(value) + log(value + step)) / 2 - log(low)) / span
    return 1.0 - unit if point.scale == "rlog" else unit
