"""Draws which choices the trials of a search had over time: a row for each choice, and a column for some trials in a row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pliant.study.plot.shapes import draw_box, draw_line, draw_text

from ..entry import Entry

COLUMNS = 16  # of trials, at most
DECISIONS = 14  # that are drawn, at most
CHOICES = 8  # of a decision; the others count together

_SIDE, _HALF, _GAP, _LABELS, _ROW, _HEAD = 14, 314, 24, 132, 15, 24
OTHERS = "others"


def draw_choices(trials: Sequence[Entry], top: float) -> tuple[list[str], float]:
    """Returns the shapes, and how high they are; none where the trials differ in nothing that is known.

    Args:
      trials: in order.
      top: where the drawing begins.
    """
    groups = list(find_groups(trials).items())
    if not groups:
        return [], 0.0
    left, right = divide(groups[:DECISIONS])
    more = len(groups) - DECISIONS
    parts = [draw_text((_SIDE, top + 24), "Choices over time", "title")]
    about = "Color: share of the trials that have the choice. Bold: the best trial."
    parts.append(
        draw_text(
            (_SIDE, top + 42), about + (f" {more} more decisions are left out." if more > 0 else ""), "small"
        )
    )
    parts += _draw_scale(top)
    best = max(trials, key=lambda one: (one.score is not None, one.score or 0.0))
    height = 0.0
    for place, half in enumerate((left, right)):
        drawn, size = _draw_half(half, trials, best, (_SIDE + place * (_HALF + _GAP), top + 52))
        parts += drawn
        height = max(height, size)
    return parts, height + 60


def find_groups(trials: Sequence[Entry]) -> dict[str, list[str]]:
    """Returns the choices of each decision in which trials differ; numbers by size, others by name; rare ones together.

    >>> make = lambda trial, **choices: Entry(trial, 0.5, 1, 1, 0.1, 0.0, "", choices=choices)
    >>> find_groups([make(1, width="8", depth="1"), make(2, width="128", depth="1")])
    {'width': ['8', '128']}
    """
    counts: dict[str, dict[str, int]] = {}
    for one in sorted(
        trials, key=lambda one: -len(one.choices)
    ):  # the order of a trial that decides about most
        for name, choice in one.choices.items():
            own = counts.setdefault(name, {})
            own[choice] = own.get(choice, 0) + 1
    groups = {}
    for name, own in counts.items():
        if len(own) > 1:
            common = sorted(own, key=lambda choice: -own[choice])[
                : CHOICES if len(own) <= CHOICES else CHOICES - 1
            ]
            groups[name] = sorted(common, key=_order) + ([OTHERS] if len(common) < len(own) else [])
    return groups


def _order(choice: str) -> tuple[bool, float, str]:
    try:
        return False, float(choice), choice
    except ValueError:
        return True, 0.0, choice


def divide(
    groups: Sequence[tuple[str, list[str]]],
) -> tuple[list[tuple[str, list[str]]], list[tuple[str, list[str]]]]:
    """Returns groups in two columns of about equal height, in order."""
    sizes = [_HEAD + _ROW * len(choices) for _, choices in groups]
    cut = min(range(1, len(groups) + 1), key=lambda at: max(sum(sizes[:at]), sum(sizes[at:])))
    return list(groups[:cut]), list(groups[cut:])


def share(trials: Sequence[Entry], name: str, choice: str, choices: Sequence[str]) -> float | None:
    """Returns which share of the trials has a choice, among those that make the decision; None where none does."""
    made = [one.choices[name] for one in trials if name in one.choices]
    if not made:
        return None
    hits = [one not in choices if choice == OTHERS else one == choice for one in made]
    return sum(hits) / len(made)


def _draw_half(
    groups: Sequence[tuple[str, list[str]]], trials: Sequence[Entry], best: Entry, corner: tuple[float, float]
) -> tuple[list[str], float]:
    """Returns the decisions of one half of the page, with an axis of trials below, and their height."""
    left, top = corner
    count = min(COLUMNS, len(trials))
    bounds = [round(place * len(trials) / count) for place in range(count + 1)]
    columns = [trials[start:end] for start, end in pairwise(bounds)]
    start, width = left + _LABELS, (_HALF - _LABELS) / count
    parts, y = [], top
    for name, choices in groups:
        parts.append(draw_text((left, y + 16), name, "name", limit=40))
        y += _HEAD
        for choice in choices:
            is_best = best.choices.get(name) == choice
            kind = "name end" if is_best else "small end"
            parts.append(draw_text((start - 8, y + 11), choice, kind, limit=20))
            parts.append(draw_box((start, y + 1), _HALF - _LABELS, _ROW - 2, "field"))
            for place, column in enumerate(columns):
                found = share(column, name, choice, choices)
                if found:
                    said = f"{name} {choice}: {found:.0%} of trials {column[0].trial} to {column[-1].trial}"
                    at = (start + place * width, y + 1)
                    parts.append(draw_box(at, width, _ROW - 2, "cell", opacity=found, note=said))
            y += _ROW
    if groups:
        end = start + _HALF - _LABELS
        parts.append(draw_line([(start, y + 6), (end, y + 6)], "axis"))
        words = f"trial {trials[0].trial}", f"trial {trials[-1].trial}"
        parts += [
            draw_text((start, y + 21), words[0], "small"),
            draw_text((end, y + 21), words[1], "small end"),
        ]
    return parts, y + 26 - top


def _draw_scale(top: float) -> list[str]:
    """Returns the scale of shares, at the right of the heading."""
    right, parts = _SIDE + 2 * _HALF + _GAP, []
    for place in range(5):
        parts.append(draw_box((right - 34 - 14 * (5 - place), top + 14), 14, 11, "field"))
        parts.append(
            draw_box((right - 34 - 14 * (5 - place), top + 14), 14, 11, "cell", opacity=(place + 1) / 5)
        )
    return [
        *parts,
        draw_text((right - 108, top + 24), "0", "small end"),
        draw_text((right, top + 24), "100%", "small end"),
    ]
