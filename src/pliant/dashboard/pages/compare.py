"""Screen that compares two or more trials: their numbers, decisions with the differences in color, and their Python."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Final

from pliant.study.export import trial_to_json
from pliant.study.trials.trial import Trial

from ..markup import Markup, escape, shorten, tag
from ..numbers import say_number, say_reward, say_seconds
from .layout import Screen, make_card, make_drawing, make_heading, make_pill, make_tabs, page

MOST: Final = 6  # trials of one comparison
_ABSENT: Final = object()


def show(
    screen: Screen, trials: Sequence[Trial], programs: Sequence[str], *, has_drawing: bool = False
) -> str:
    """Returns the page; the first trial is the one that the others differ from.

    Args:
      screen: of the study.
      trials: some of it.
      programs: each as Python; empty where it is not known.
      has_drawing: whether the difference of two can be drawn.
    """
    title = "Compare trials"
    if len(trials) < 2:
        hint = tag(
            "p",
            "Select trials in the table, with the boxes or the key x, and press Compare; or write their numbers here.",
            class_="dim",
        )
        body: Any = make_card(title, hint, _make_form(screen, trials))
    else:
        body = (
            _make_form(screen, trials),
            make_card("Numbers and decisions", _make_table(screen, trials)),
            make_drawing(
                screen,
                f"From trial {trials[0].id} to trial {trials[1].id}, as a drawing",
                "The difference of both programs: what was added, removed or changed.",
                *trials,
            )
            if has_drawing
            else None,
            _make_difference(trials, programs) if len(trials) == 2 else None,
        )
    return page(
        f"{title} · {screen.snapshot.view.name}",
        make_heading(screen, title),
        body,
        tabs=make_tabs(screen, "compare"),
        wide=True,
    )


def to_json(trials: Sequence[Trial]) -> dict[str, Any]:
    """Returns the trials, and the decisions in which they differ, as JSON data."""
    params = [trial.decisions.params for trial in trials]
    names = list(dict.fromkeys(name for one in params for name in one))
    different = {
        name: [one.get(name) for one in params]
        for name in names
        if any(_is_different(params[0], one, name) for one in params)
    }
    return {"trials": [trial_to_json(trial) for trial in trials], "different": different}


def _make_form(screen: Screen, trials: Sequence[Trial]) -> Markup:
    numbers = [trial.id for trial in trials] + [""] * (2 - len(trials))
    return tag(
        "form",
        [
            tag("label", f"Trial {place}", tag("input", name="trial", type="number", min=1, max=2147483647, value=number), class_="field")
            for place, number in enumerate(numbers[:MOST], 1)
        ],
        tag("button", "Compare", class_="button"),
        method="get",
        action=screen.url("compare"),
        class_="toolbar",
    )  # fmt: skip


def _make_table(screen: Screen, trials: Sequence[Trial]) -> Markup:
    head = [
        tag(
            "th",
            tag("a", f"Trial {trial.id}", href=screen.url(f"trial/{trial.id}")),
            make_pill(trial.status),
            scope="col",
        )
        for trial in trials
    ]
    metrics = sorted({name for trial in trials for name in trial.metrics})
    rows = [_row("reward", [say_reward(trial) for trial in trials])]
    rows += [
        _row(name, [say_number(t.metrics[name]) if name in t.metrics else "–" for t in trials])
        for name in metrics
    ]
    rows.append(_row("time", [say_seconds(trial.seconds) for trial in trials]))
    params = [trial.decisions.params for trial in trials]
    names = list(dict.fromkeys(name for one in params for name in one))
    rows += [_decision(name, params) for name in sorted(names, key=lambda name: not _differs(name, params))]
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", tag("th", tag("span", "Value", class_="hidden"), scope="col"), head)),
            tag("tbody", rows),
            class_="compare",
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label="Comparison",
    )


def _row(name: str, cells: Sequence[str]) -> Markup:
    return tag(
        "tr",
        tag("th", shorten(name, 80), scope="row"),
        [tag("td", cell, class_="mono") for cell in cells],
        class_="number",
    )


def _differs(name: str, params: Sequence[dict[str, Any]]) -> bool:
    return any(_is_different(params[0], one, name) for one in params)


def _is_different(first: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    return bool(first.get(name, _ABSENT) != other.get(name, _ABSENT))


def _decision(name: str, params: Sequence[dict[str, Any]]) -> Markup:
    has_changed = _differs(name, params)
    cells = []
    for place, one in enumerate(params):
        text = shorten(say_number(one[name]), 200) if name in one else "not made"
        kind = ""
        if has_changed:
            kind = " base" if place == 0 else " changed" if _is_different(params[0], one, name) else ""
        cells.append(tag("td", text, class_=f"mono{kind}{'' if name in one else ' absent'}"))
    return tag(
        "tr", tag("th", shorten(name, 80), scope="row"), cells, class_="different" if has_changed else "same"
    )


def _make_difference(trials: Sequence[Trial], programs: Sequence[str]) -> Markup | None:
    before, after = (text.splitlines() for text in programs)
    if not before or not after:
        return None
    lines = []
    for line in difflib.unified_diff(before, after, n=3, lineterm=""):
        if line.startswith(("---", "+++", "@@")):
            continue
        kind = {"+": "ins", "-": "del"}.get(line[:1], "span")
        lines.append(tag(kind, line) if kind != "span" else escape(line))
        lines.append(Markup("\n"))
    name = f"From trial {trials[0].id} to trial {trials[1].id}"
    body = tag("pre", tag("code", lines), class_="difference", tabindex="0", role="region", aria_label=name)
    return make_card(
        f"{name}, as Python",
        body if lines else tag("p", "Both are the same program.", class_="dim"),
    )
