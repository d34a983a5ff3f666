"""Figures of decisions: which share of the trials had each candidate over time, and parallel coordinates."""

from __future__ import annotations

from itertools import pairwise

from .decided import Column, find_columns
from .figure import Axis, Cells, Figure, Layer, Line, Words
from .importance import find_shares
from .source import Source, find_values, say, thin

_TIMES = 20  # columns, at most
_ROWS = 40
_AXES, _LINES = 8, 300


def choices(source: Source) -> Figure:
    """Returns, for each candidate, which share of the trials that make its decision had it, over time."""
    trials = list(source.trials)
    count = min(_TIMES, len(trials))
    edges = [place * len(trials) // count for place in range(count + 1)] if count else []
    names: list[str] = []
    shares: list[list[float | None]] = []
    texts: list[list[str]] = []
    left_out = 0
    for column in find_columns(source):
        if len(names) + len(column.groups) > _ROWS:
            left_out += 1
            continue
        for place, group in enumerate(column.groups):
            names.append(f"{column.name} = {group}")
            row: list[float | None] = []
            said: list[str] = []
            for start, end in pairwise(edges):
                part = [column.of_trial[t.id] for t in trials[start:end] if t.id in column.of_trial]
                share = part.count(place) / len(part) if part else None
                row.append(share)
                when = f"trials {trials[start].id} to {trials[end - 1].id}"
                said.append(f"{names[-1]}: {'not decided' if share is None else f'{share:.0%}'} in {when}")
            shares.append(row)
            texts.append(said)
    cells = Cells([float(one) + 0.5 for one in edges], list(range(len(names))), shares, texts)
    return Figure(
        "Choices over time",
        Axis("trial", is_whole=True),
        Axis("", names=tuple(names)),
        (cells,) if names else (),
        ("Shade: the share of the trials with this candidate.",)
        + ((f"{left_out} more decisions are left out.",) if left_out else ()),
    )


def parallel(source: Source, value: str = "reward") -> Figure:
    """Returns parallel coordinates: a line for each trial through its decisions, to a number of it; the best tenth stands out.

    Args:
      source: trials.
      value: ``reward``, ``reward 1``, ..., ``seconds`` or a metric.

    Raises:
      FieldValueError: no trial has this number.
    """
    value = "reward 1" if value == "reward" and source.objectives > 1 else value
    numbers = find_values(source, value)
    columns = [one.column for one in find_shares(source, value)][:_AXES]
    if not columns:
        columns = find_columns(source)[:_AXES]
    sign = source.sign if value.startswith("reward") else -1.0
    ranked = sorted(numbers, key=lambda trial: sign * numbers[trial], reverse=True)
    best = set(ranked[: max(1, len(ranked) // 10)])
    shown = thin([trial for trial in source.trials if trial.id in numbers], best, _LINES)
    heights = [_find_heights(column) for column in columns]
    low, high = min(numbers.values()), max(numbers.values())
    layers: list[Layer] = []
    for trial in sorted(shown, key=lambda one: (one.id in best, one.id)):
        points = [
            (float(place), height[trial.id])
            for place, (height, _) in enumerate(heights)
            if trial.id in height
        ]
        level = (numbers[trial.id] - low) / (high - low) if high > low else 0.5
        points.append((float(len(columns)), level))
        is_best = trial.id in best
        layers.append(
            Line(
                [x for x, _ in points],
                [y for _, y in points],
                "",
                "best" if is_best else "trial",
                strength=0.8 if is_best else 0.25,
            )
        )
    marks = [(float(place), y, text) for place, (_, ticks) in enumerate(heights) for y, text in ticks]
    marks += [(float(len(columns)), 0.0, say(low)), (float(len(columns)), 1.0, say(high))]
    words = Words([x for x, _, _ in marks], [y for _, y, _ in marks], [text for _, _, text in marks])
    notes = [f"The best {len(best)} of {len(numbers):,} trials stand out."]
    if len(shown) < len(numbers):
        notes.append(f"{len(shown)} trials are shown.")
    return Figure(
        "Decisions and rewards of trials"
        if value.startswith("reward")
        else f"Decisions and {value} of trials",
        Axis("", names=(*(column.name for column in columns), value)),
        Axis(""),
        (*layers, words),
        tuple(notes),
    )


def _find_heights(column: Column) -> tuple[dict[int, float], list[tuple[float, str]]]:
    """Returns by trial the height on the axis of a decision, from 0 to 1, and texts on the axis."""
    values = list(column.values.values())
    if (
        all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
        and len(set(values)) > 1
    ):
        low, high = min(values), max(values)
        heights = {trial: (value - low) / (high - low) for trial, value in column.values.items()}
        return heights, [(0.0, say(low)), (1.0, say(high))]
    last = max(len(column.groups) - 1, 1)
    return (
        {trial: place / last for trial, place in column.of_trial.items()},
        [(place / last, group[:18]) for place, group in enumerate(column.groups)],
    )
