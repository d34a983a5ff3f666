"""Figures of what matters: how much of the rewards each decision explains, and the mean reward of each candidate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import final

from .decided import Column, find_columns
from .figure import Axis, Bars, Figure, Ranges, Rule
from .source import Source, find_values, say, thin

SHUFFLES = 200
_USED = 1000  # trials, at most; of more, evenly spread ones
_SHOWN, _ROWS = 15, 30
_NORMAL = 1.96  # standard errors on each side of a mean, for 95 % of normal samples
_NOT_MADE = "not made"


@final
@dataclass(frozen=True, slots=True)
class Share:
    """How much of the variance of the rewards one decision explains by itself.

    Attributes:
      column: the decision.
      share: from 0 to 1, less what as many groups explain by chance.
      is_clear: whether it is more than in each of 200 random assignments of the rewards to the trials.
    """

    column: Column
    share: float
    is_clear: bool


def find_shares(source: Source, value: str = "reward") -> list[Share]:
    """Returns the share of each decision in the variance of a number, the largest first.

    The share is that of one-way analysis of variance: with ``B`` the sum of squares between the groups of a decision, ``T`` the total
    one, ``k`` groups and ``n`` trials, ``(B - (k - 1) (T - B) / (n - k)) / T``; less than 0 counts as 0.  Trials that do not make
    a conditional decision are a group of their own.  Effects of several decisions together are not in it.

    Raises:
      FieldValueError: no trial has this number.
    """
    if value in source.memo:  # three figures ask for it
        known: list[Share] = source.memo[value]
        return known
    numbers = find_values(source, value)
    trials = thin(sorted(numbers), limit=_USED)
    rewards = [numbers[trial] for trial in trials]
    mean = math.fsum(rewards) / len(rewards)
    distances = [reward - mean for reward in rewards]
    total = sum(distance * distance for distance in distances)
    random = Random(0)
    orders = [random.sample(distances, len(distances)) for _ in range(SHUFFLES)] if len(trials) > 2 else []
    found = []
    for column in find_columns(source):
        groups = [column.of_trial.get(trial, -1) for trial in trials]
        places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
        count = len(places)
        if count < 2 or not orders or total <= 0:
            continue
        members = [places[group] for group in groups]
        sizes = [members.count(place) for place in range(count)]
        between = _sum_between(members, sizes, distances)
        within = (total - between) / (len(groups) - count) if len(groups) > count else total - between
        share = max(0.0, (between - (count - 1) * within) / total) if len(groups) > count else 0.0
        is_clear = share > 0 and all(_sum_between(members, sizes, order) < between for order in orders)
        found.append(Share(column, share, is_clear))
    ranked = sorted(found, key=lambda one: (-one.is_clear, -one.share))
    source.memo[value] = ranked
    return ranked


def _sum_between(members: Sequence[int], sizes: Sequence[int], distances: Sequence[float]) -> float:
    """Returns the sum of squares between groups.

    Args:
      members: the group of each trial, from 0.
      sizes: the number of trials of each group.
      distances: of the numbers of the trials from their mean.
    """
    sums = [0.0] * len(sizes)
    for group, distance in zip(members, distances):
        sums[group] += distance
    return sum(one * one / size for one, size in zip(sums, sizes))


def importance(source: Source, value: str = "reward") -> Figure:
    """Returns how much of the variance of a number each decision explains by itself; see ``find_shares``.

    Args:
      source: trials.
      value: ``reward``, ``reward 1``, ..., ``seconds`` or a metric.

    Raises:
      FieldValueError: no trial has this number.
    """
    shares = find_shares(source, _default(source, value))
    shown = shares[:_SHOWN]
    unclear = sum(not one.is_clear for one in shares)
    notes = ["Each decision by itself; effects of several together are not shown."]
    if unclear:
        notes.append(
            f"Faint: {unclear} of {len(shares)} decisions explain no more than one of {SHUFFLES} random assignments does."
        )
    if len(shares) > len(shown):
        notes.append(f"{len(shares) - len(shown)} more decisions explain less.")
    if len(source.told) > _USED:
        notes.append(f"Computed from {_USED:,} of {len(source.told):,} trials, evenly spread.")
    places = list(range(len(shown)))
    texts = [
        f"{one.column.name}: {one.share:.1%}{'' if one.is_clear else ', which chance explains as well'}"
        for one in shown
    ]
    bars = Bars([one.share for one in shown], places, "", "best", [not one.is_clear for one in shown], texts)
    return Figure(
        f"What explains the {value}",
        Axis(f"share of the variance of the {value}", is_share=True),
        Axis("decision", names=tuple(one.column.name for one in shown)),
        (bars,) if shown else (),
        tuple(notes),
    )


def effects(source: Source, value: str = "reward", decisions: Sequence[str] | None = None) -> Figure:
    """Returns the mean of a number over the trials with each candidate, with 95 % intervals of the mean.

    The intervals are ``1.96 s / sqrt(n)`` on each side: they hold for many independent trials.  An algorithm that learns tries what
    it takes for good more often, and together with other good decisions.

    Args:
      source: trials.
      value: ``reward``, ``reward 1``, ..., ``seconds`` or a metric.
      decisions: names; by default those that explain most.

    Raises:
      FieldValueError: no trial has this number.
    """
    value = _default(source, value)
    numbers = find_values(source, value)
    columns = [one.column for one in find_shares(source, value)]
    if decisions is not None:
        columns = [column for column in columns if column.name in decisions]
    names: list[str] = []
    means: list[float] = []
    low: list[float] = []
    high: list[float] = []
    texts: list[str] = []
    left_out = 0
    for column in columns:
        rows = _find_means(column, numbers)
        if len(names) + len(rows) > _ROWS:
            left_out += 1
            continue
        for group, (count, mean, half) in rows:
            names.append(f"{column.name} = {group}")
            means.append(mean)
            low.append(mean - half)
            high.append(mean + half)
            texts.append(f"{column.name} = {group}: mean {say(mean)} of {count} trials")
    every = sum(numbers.values()) / len(numbers)
    ranges = Ranges(means, low, high, list(range(len(names))), "mean, 95 % interval", "best", texts)
    return Figure(
        f"Mean {value} by candidate",
        Axis(value),
        Axis("", names=tuple(names)),
        (Rule(x=every, label="mean of all trials", role="reference"), ranges) if names else (),
        (f"{left_out} decisions that explain less are left out.",) if left_out else (),
    )


def _find_means(column: Column, numbers: dict[int, float]) -> list[tuple[str, tuple[int, float, float]]]:
    groups: dict[int, list[float]] = {}
    for trial, number in numbers.items():
        groups.setdefault(column.of_trial.get(trial, len(column.groups)), []).append(number)
    names = [*column.groups, _NOT_MADE]
    return [(names[place], _describe(groups[place])) for place in sorted(groups)]


def _describe(numbers: Sequence[float]) -> tuple[int, float, float]:
    """Returns how many numbers there are, their mean, and half of its interval."""
    count = len(numbers)
    mean = math.fsum(numbers) / count
    if count < 2:
        return count, mean, 0.0
    deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in numbers) / (count - 1))
    return count, mean, _NORMAL * deviation / math.sqrt(count)


def _default(source: Source, value: str) -> str:
    return "reward 1" if value == "reward" and source.objectives > 1 else value
