"""Figure of two numbers of each trial, with the Pareto front and the limits of the study."""

from __future__ import annotations

import math
import re
from bisect import bisect_right

from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed

from .figure import Axis, Dots, Figure, Layer, Line, Rule
from .source import Source, find_values, list_values, say_trial, thin

_PART = 1000  # points by which others are left out
_LIMIT = re.compile(r"^\s*(?P<name>[^<>=]+?)\s*(?P<sign><=|>=|<|>)\s*(?P<value>[-+0-9.eE]+)\s*$")


def tradeoff(
    source: Source, x: str | None = None, y: str | None = None, *, maximize: dict[str, bool] | None = None
) -> Figure:
    """Returns two numbers of each trial, the trials that no other beats in both, and the limits of the study on them.

    Args:
      source: trials.
      x: ``reward``, ``reward 1``, ..., ``seconds`` or a metric; by default the first metric, or the second reward.
      y: likewise; by default the reward, or the first of several.
      maximize: by name, whether higher is better; by default rewards go the study's way, metrics with a limit ``>=`` are
        better higher, and all others, as costs, are better lower.

    Raises:
      FieldValueError: no trial has such a number, or there is only one.
      FieldTypeError: ``maximize`` is not a dict of names.
    """
    if maximize is not None and not isinstance(maximize, dict):
        raise FieldTypeError(
            f"tradeoff(maximize=...) takes a dict from names to booleans, such as {{'accuracy': True}}; got {quote_typed(maximize)}."
        )
    names = list_values(source)
    across, up = _choose(names, x, y)
    limits = [match.groupdict() for one in source.constraints if (match := _LIMIT.match(one))]
    signs = {name: _find_sign(source, name, limits, maximize or {}) for name in (across, up)}
    first, second = find_values(source, across), find_values(source, up)
    trials = [trial for trial in source.told if trial.id in first and trial.id in second]
    on_front = _find_front(
        [(signs[across] * first[trial.id], signs[up] * second[trial.id], -trial.id) for trial in trials]
    )
    layers: list[Layer] = []
    shown = thin(trials, on_front)
    others = [trial for trial in shown if trial.id not in on_front]
    front = sorted((trial for trial in trials if trial.id in on_front), key=lambda trial: first[trial.id])
    for found, label, role in ((others, "trial", "trial"), (front, "front", "front")):
        points = [first[t.id] for t in found], [second[t.id] for t in found]
        if role == "front":
            layers.append(Line(*points, "", "front"))
        layers.append(Dots(*points, label, role, [say_trial(t) for t in found]))  # type: ignore[arg-type]  # a role
    for limit in limits:
        text, value = f"{limit['name']} {limit['sign']} {limit['value']}", _to_number(limit["value"])
        if value is not None and limit["name"] == across:
            layers.append(Rule(x=value, label=text))
        elif value is not None and limit["name"] == up:
            layers.append(Rule(y=value, label=text))
    notes = [f"{len(on_front)} of {len(trials):,} trials are on the front."] if trials else []
    if len(shown) < len(trials):
        notes.append(f"{len(shown):,} of {len(trials):,} trials are shown.")
    return Figure(
        f"{up} against {across}", _label(across, signs), _label(up, signs), tuple(layers), tuple(notes)
    )


def _find_front(points: list[tuple[float, float, int]]) -> set[int]:
    """Returns the ids of the points that no other beats in both numbers, of equal ones the first; points are numbers and the negated id.

    Of many points, those that an evenly spread part of them beats are left out first, so that few are sorted.
    """
    if len(points) > _PART:
        part = sorted(_climb(thin(points, limit=_PART)))
        edges, heights = [point[0] for point in part], [*(point[1] for point in part), -math.inf]
        points = [one for one in points if heights[bisect_right(edges, one[0])] < one[1]]
    return {-point[2] for point in _climb(points)}


def _climb(points: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Returns the points with a higher second number than all with a larger first one."""
    found: list[tuple[float, float, int]] = []
    for point in sorted(points, reverse=True):
        if not found or point[1] > found[-1][1]:
            found.append(point)
    return found


def _choose(names: list[str], x: str | None, y: str | None) -> tuple[str, str]:
    rewards = [name for name in names if name == "reward" or name.startswith("reward ")]
    up = y if y is not None else next((name for name in rewards if name != x), None)
    others = [name for name in [*rewards, *names] if name not in (up, "seconds")] + ["seconds"]
    across = x if x is not None else next((name for name in others if name in names and name != up), None)
    if up is None or across is None:
        raise FieldValueError(
            f"a trade-off needs two numbers of each trial; there is {listing(names) if names else 'none yet'}. "
            "Tell metrics with the reward, such as `feedback(reward, metrics={'latency': 12.5})`."
        )
    if up == across:
        raise FieldValueError(f"tradeoff(x=..., y=...) takes two numbers; got {quote(up)} twice.")
    return across, up


def _find_sign(
    source: Source, name: str, limits: list[dict[str, str | None]], given: dict[str, bool]
) -> float:
    if name in given:
        return 1.0 if given[name] else -1.0
    if name == "reward" or name.startswith("reward "):
        return source.sign
    return 1.0 if any(one["name"] == name and str(one["sign"])[0] == ">" for one in limits) else -1.0


def _to_number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _label(name: str, signs: dict[str, float]) -> Axis:
    return Axis(f"{name} ({'higher' if signs[name] > 0 else 'lower'} is better)")
