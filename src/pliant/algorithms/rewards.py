"""Rewards of trials: what counts as one, its number of objectives, and the messages for what is none."""

from __future__ import annotations

import math
from typing import Any

from pliant.values.errors import RewardError, quote, quote_typed
from pliant.values.numbers import to_real

Reward = float | tuple[float, ...] | None
"""The result of a trial: a number (higher is better), a tuple of them for several objectives, or None for a failure."""


LARGEST = 1e150
"""The largest absolute value of a reward; algorithms compute sums of squares, which must be finite."""


def check_reward(reward: Any, *, several: bool) -> Reward:
    """Returns a reward for an algorithm as a float, a tuple of floats, or None.

    Raises:
      RewardError: it is not a finite number, or is a tuple while ``several`` is False.
    """
    if reward is None:
        return None
    if isinstance(reward, (tuple, list)) and not several:
        raise RewardError(
            f"this algorithm takes one reward, got {len(reward)}: {quote(reward)}.",
            "Combine them into one number, or use an algorithm for several objectives, such as NSGA2.",
            takes_one=True,
        )
    if isinstance(reward, (tuple, list)) and not reward:
        raise RewardError("a reward of several objectives is a tuple of numbers; got an empty one.")
    return check_told(reward)


def check_told(
    reward: Any, *, trial: int | None = None, takes_bool: bool = True
) -> float | tuple[float, ...]:
    """Returns the reward of a trial as a float, or as a tuple of floats of several objectives.

    >>> check_told(2), check_told([2, 0.5])
    (2.0, (2.0, 0.5))

    ``trial`` is its number, for the message; ``takes_bool`` is whether True and False are the numbers 1 and 0.

    Raises:
      RewardError: it is not a finite number, or one of several is not.
    """
    if reward.__class__ is float and -LARGEST <= reward <= LARGEST:
        return float(reward) + 0.0  # without a negative zero, which databases do not keep
    if isinstance(reward, (tuple, list)) and len(reward) > 1:
        return tuple([check_number(one, trial=trial, takes_bool=takes_bool) for one in reward])
    if isinstance(reward, (tuple, list)) and reward:  # one objective
        reward = reward[0]
    return check_number(reward, trial=trial, takes_bool=takes_bool)


def check_number(reward: Any, *, trial: int | None = None, takes_bool: bool = True) -> float:
    """Returns one reward, a number of any library, as a float; arguments as in ``check_told``.

    Raises:
      RewardError: it is not a finite number, or too large.
    """
    number = to_real(reward, takes_bool=takes_bool)
    if number is None or not math.isfinite(number):
        raise RewardError(
            f"{'a reward' if trial is None else f'the reward of trial {trial}'} is a finite number; got {quote_typed(reward)}.",
            _advise(reward, "pass None" if takes_bool else "raise an error, or call feedback.skip('why')")
            if trial is None
            else f"For a trial that failed or diverged, call study.fail({trial}, 'why').",
        )
    if -LARGEST <= number <= LARGEST:
        return number + 0.0
    raise RewardError(
        f"a reward is from {-LARGEST:g} to {LARGEST:g}; got {number:g}, whose square overflows.",
        "Scale all rewards (divide by a constant, or take the logarithm), or report a failure if the trial diverged.",
    )


def _advise(reward: Any, fail: str) -> str:
    """Returns what to give instead of something that is not a reward."""
    if isinstance(reward, dict):
        first = next((one for one in reward.values() if isinstance(one, (int, float))), 0.5)
        return (
            "Give the reward first, and the other numbers after it: `return "
            f"{first:g}, {{...}}`, or `feedback({first:g}, metrics={{...}})`."
        )
    if isinstance(reward, (bool, str, bytes)):
        return f"Convert it to a number with `float(...)`. For a trial that failed, {fail}."
    if getattr(reward, "shape", None) or isinstance(reward, (list, tuple)):
        return f"Give one number, such as `float(x.mean())`, or a tuple of them; for a trial that failed, {fail}."
    number = "the number" if reward is None else "a finite number"
    return f"Return {number}; for a trial that failed or diverged, {fail}."


def check_arity(trial: int, reward: float | tuple[float, ...], known: int | None) -> int:
    """Returns the number of objectives of a reward; raises RewardError if it is not ``known``, that of earlier trials."""
    count = len(reward) if isinstance(reward, tuple) else 1
    if known not in (None, count):
        raise RewardError(
            f"trial {trial} has {count} reward{'s' if count > 1 else ''}, and the trials before it {known} each.",
            "All trials of a search have the same objectives: give the same number of rewards each time.",
        )
    return count


def check_step(step: Any) -> float:
    """Returns the step of an intermediate report as a float; raises RewardError if it is not a finite number."""
    number = to_real(step)
    if number is not None and math.isfinite(number):
        return number
    raise RewardError(f"a step is a finite number, such as the epoch; got {quote_typed(step)}.")
