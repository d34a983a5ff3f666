"""Rewards that combine quality and cost in one number, from published hardware-aware searches (MnasNet, TuNAS).

For use in a search loop: ``feedback(weighted_product(accuracy, latency, 80))``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from pliant.values.errors import FieldTypeError, FieldValueError, RewardError, quote, quote_typed, suggest
from pliant.values.numbers import to_real

from ..options import check_number

SOFT = (-0.07, -0.07)
HARD = (0.0, -1.0)
_LIMITS = {"soft": SOFT, "hard": HARD}


def weighted_product(
    quality: object,
    cost: object,
    target: object,
    *,
    limit: Literal["soft", "hard"] = "soft",
    exponents: Sequence[float] | None = None,
) -> float:
    """Returns ``quality * (cost / target) ** w``, the reward of MnasNet.

    Tan, Chen, Pang, Vasudevan, Sandler, Howard and Le, "MnasNet: platform-aware neural architecture search for
    mobile", CVPR 2019, equations 2 and 3: ``w`` is alpha if the cost is at most the target, else beta.
    Soft limit: alpha = beta = -0.07, so that twice the cost needs 5% more quality.  Hard limit: alpha = 0, beta = -1,
    so that lower cost than the target gains nothing.

    >>> weighted_product(0.75, 80, 80), round(weighted_product(0.75, 160, 80), 4)
    (0.75, 0.7145)
    >>> weighted_product(0.75, 40, 80, limit="hard"), weighted_product(0.75, 160, 80, limit="hard")
    (0.75, 0.375)

    Args:
      quality: higher is better, such as an accuracy; not negative.
      cost: lower is better; above 0, in any unit, such as milliseconds.
      target: the target cost, above 0, in the same unit.
      limit: ``soft`` or ``hard``: the exponents of the paper.
      exponents: alpha and beta, instead of those of ``limit``.

    Raises:
      RewardError: quality or cost is not such a number.
      FieldTypeError, FieldValueError: the target, the limit or the exponents are invalid.
    """
    if limit not in _LIMITS:
        raise FieldValueError(
            f"limit is 'soft' or 'hard'; got {quote(limit)}{suggest(limit, _LIMITS) or '.'} "
            "For other exponents: exponents=(-0.07, -0.07)."
        )
    below, above = _LIMITS[limit] if exponents is None else _check_exponents(exponents)
    value = _check(quality, "a quality", "not negative", low=0.0)
    ratio = _ratio(cost, target, "weighted_product")
    reward = value * ratio ** (below if ratio <= 1 else above)
    return _check(reward, "the weighted product", "finite")


def absolute(quality: object, cost: object, target: object, *, exponent: float = -0.1) -> float:
    """Returns ``quality + exponent * |cost / target - 1|``, the absolute reward of TuNAS.

    Bender, Liu, Chen, Chu, Cheng, Kindermans and Le, "Can weight sharing outperform random architecture search?
    An investigation with TuNAS", CVPR 2020, section 4 (they call the factor an exponent; their published
    code has -0.1).  A cost below the target loses as much as one above it, so that a search ends at the target;
    models of equal cost are ordered by quality.

    >>> absolute(0.75, 84, 84), round(absolute(0.75, 126, 84), 3), round(absolute(0.75, 42, 84), 3)
    (0.75, 0.7, 0.7)

    Args:
      quality: higher is better, such as an accuracy.
      cost: above 0, in any unit.
      target: the target cost, above 0, in the same unit.
      exponent: the change of the reward when the cost is off by the whole target; negative.

    Raises:
      RewardError: quality or cost is not such a number.
      FieldTypeError, FieldValueError: the target or the exponent is invalid.
    """
    factor = check_number(exponent, "exponent", "absolute", least=-math.inf, below=0)
    value = _check(quality, "a quality", "finite")
    return _check(
        value + factor * abs(_ratio(cost, target, "absolute") - 1.0), "the absolute reward", "finite"
    )


def _ratio(cost: object, target: object, owner: str) -> float:
    aim = check_number(target, "target", owner, above=0)
    return _check(cost, "a cost", "above 0", low=math.ulp(0.0)) / aim


def _check(value: Any, what: str, allowed: str, *, low: float = -math.inf) -> float:
    number = to_real(value)
    if number is None or not math.isfinite(number) or number < low:
        raise RewardError(
            f"{what} is a number, {allowed}; got {quote_typed(value)}. "
            "For a failed trial: feedback.skip('why')."
        )
    return number


def _check_exponents(exponents: object) -> tuple[float, float]:
    if not isinstance(exponents, (tuple, list)) or len(exponents) != 2:
        raise FieldTypeError(
            "exponents are two numbers, alpha (at or below the target) and beta (above it), such as "
            f"(-0.07, -0.07); got {quote(exponents)}."
        )
    alpha, beta = (check_number(one, "exponents", "weighted_product", least=-math.inf) for one in exponents)
    return alpha, beta
