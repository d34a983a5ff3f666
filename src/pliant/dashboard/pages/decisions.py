"""Screen of what was decided: which decisions matter, the effect of each candidate, choices over time, parallel coordinates."""

from __future__ import annotations

from typing import Any

from pliant.space.text import say_point
from pliant.study.plot.source import find_values, list_values

from ..figures import Figures, to_data
from ..markup import Markup, shorten, tag
from .layout import Screen, make_card, make_figure, make_heading, make_table, make_tabs, page

_ROWS = 200


def show(screen: Screen) -> str:
    """Returns the page.

    Raises:
      FieldValueError: no trial has the number that the address asks for.
    """
    names = list_values(screen.snapshot.source)
    heading, tabs = make_heading(screen), make_tabs(screen, "decisions")
    title = f"Decisions · {screen.snapshot.view.name}"
    if not names:
        hint = "No trial has a reward yet; figures of decisions appear with the first ones."
        return page(
            title,
            heading,
            tag("div", tag("p", hint), class_="empty card", id="figures", data_refresh=True),
            _make_points(screen),
            live=screen.url("live"),
            tabs=tabs,
            wide=True,
        )
    chosen = screen.query.get("value", "")
    if chosen:
        find_values(screen.snapshot.source, chosen)
    options = [tag("option", name, value=name, selected=name == chosen) for name in names]
    form = tag(
        "form",
        tag("label", "Explained number", tag("select", options, name="value"), class_="field"),
        tag("button", "Show", class_="button", data_auto=True),
        method="get",
        action=screen.url("decisions"),
        class_="toolbar",
    )
    value = {"value": chosen} if chosen else {}
    figures = tag(
        "div",
        tag(
            "div",
            tag("div", make_figure(screen, "importance", **value), _make_points(screen), class_="stack"),
            tag("div", make_figure(screen, "effects", **value), class_="stack"),
            class_="halves",
        ),
        make_figure(screen, "parallel", **value),
        make_figure(screen, "choices"),
    )
    return page(title, heading, form, figures, live=screen.url("live"), tabs=tabs, wide=True)


def to_json(screen: Screen, figures: Figures) -> dict[str, Any]:
    """Returns the decision points, importance and effects as JSON data."""
    value = {"value": screen.query.get("value", "")}
    data: dict[str, Any] = {
        "points": [
            {"path": point.path, "name": point.name, "kind": point.kind, "range": say_point(point)}
            for point in screen.snapshot.source.space.points
        ]
    }
    if list_values(screen.snapshot.source):
        for name in ("importance", "effects"):
            data[name] = to_data(figures.draw(screen.key, screen.snapshot, name, value).figure)
    return data


def _make_points(screen: Screen) -> Markup:
    points = screen.snapshot.source.space.points
    rows = [
        (
            tag(
                "span",
                shorten(point.name or point.path, 80),
                class_="mono strong",
                title=shorten(point.path, 300),
            ),
            tag("span", shorten(say_point(point), 160)),
        )
        for point in points[:_ROWS]
    ]
    more = len(points) - len(rows)
    return make_card(
        "The space",
        make_table(("decision", "range"), rows, label="Decision points", class_="fixed"),
        tag("p", f"{more:,} more decision points.", class_="dim") if more else None,
    )
