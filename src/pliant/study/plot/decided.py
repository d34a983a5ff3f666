"""What trials decided, as columns: for each decision, the group of each trial."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

from .source import Source, say

GROUPS = 10
"""The most groups of a decision; rare candidates are one group, and numbers are put into ranges."""

_RANGES = 5
OTHERS = "others"


@final
@dataclass(frozen=True, slots=True)
class Column:
    """One decision.

    Attributes:
      name: its name or path.
      groups: the candidates, or the ranges of numbers, in order.
      of_trial: by the id of a trial, the place of its group; trials that do not make the decision are not in it.
      values: by the id of a trial, its value.
    """

    name: str
    groups: tuple[str, ...]
    of_trial: dict[int, int]
    values: dict[int, Any]


def find_columns(source: Source) -> list[Column]:
    """Returns the decisions in which trials differ, in the order of the space."""
    by_name: dict[str, dict[int, Any]] = {}
    for trial in source.trials:
        for name, value in trial.decisions.params.items():
            by_name.setdefault(name, {})[trial.id] = value
    total = len(source.trials)
    found = [_make_column(name, values) for name, values in by_name.items()]
    return [one for one in found if len(one.groups) > 1 or 0 < len(one.of_trial) < total]


def _make_column(name: str, values: dict[int, Any]) -> Column:
    kinds = Counter(map(_to_key, values.values()))
    numbers = [one for one in values.values() if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(kinds) > GROUPS and len(numbers) == len(values):
        return _make_ranges(name, values)
    frequent = [key for key, _ in kinds.most_common(GROUPS if len(kinds) <= GROUPS else GROUPS - 1)]
    ordered = sorted(frequent, key=_order)
    places = {key: place for place, key in enumerate(ordered)}
    groups = tuple(str(_shorten(value)) for _, value in ordered) + (
        (OTHERS,) if len(kinds) > len(ordered) else ()
    )
    of_trial = {trial: places.get(_to_key(value), len(ordered)) for trial, value in values.items()}
    return Column(name, groups, of_trial, values)


def _make_ranges(name: str, values: dict[int, Any]) -> Column:
    """Returns a column whose groups are ranges with about equally many trials each."""
    ordered = sorted(values.values())
    edges = sorted({ordered[place * len(ordered) // _RANGES] for place in range(1, _RANGES)} - {ordered[0]})
    bounds = [ordered[0], *edges, ordered[-1]]
    groups = tuple(
        f"{say(low)} to {'below ' if place < len(bounds) - 2 else ''}{say(high)}"
        for place, (low, high) in enumerate(pairwise(bounds))
    )
    of_trial = {trial: sum(value >= edge for edge in edges) for trial, value in values.items()}
    return Column(name, groups, of_trial, values)


def _to_key(value: Any) -> tuple[str, Any]:
    return type(value).__name__, value


def _order(key: tuple[str, Any]) -> tuple[bool, float, str]:
    value = key[1]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return not is_number, float(value) if is_number else 0.0, str(value)


def _shorten(value: Any, limit: int = 40) -> str:
    text = say(value) if isinstance(value, float) else str(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
