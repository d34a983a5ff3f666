"""Screen of the trade-off of any two numbers of trials: rewards, metrics or seconds, with the front as a table."""

from __future__ import annotations

from typing import Any

from pliant.study.plot.source import find_values, list_values

from ..decided import shorten_decisions
from ..figures import Figures, to_data
from ..markup import Markup, tag
from ..numbers import say_number, say_reward
from .layout import Screen, make_card, make_figure, make_heading, make_table, make_tabs, page, say_decisions


def show(screen: Screen) -> str:
    """Returns the page.

    Raises:
      FieldValueError: no trial has a number that the address asks for.
    """
    names = list_values(screen.snapshot.source)
    heading = make_heading(screen)
    tabs = make_tabs(screen, "tradeoff")
    title = f"Trade-off · {screen.snapshot.view.name}"
    if len(names) < 2:
        hint = "A trade-off needs two numbers of each trial. Tell metrics with the reward: feedback(reward, metrics={'latency': 12.5})."
        return page(title, heading, tag("div", tag("p", hint), class_="empty card"), tabs=tabs, wide=True)
    chosen = {name: screen.query.get(name, "") for name in ("x", "y")}
    form = tag(
        "form",
        _make_select("x", "Across", names, chosen["x"]),
        _make_select("y", "Up", names, chosen["y"]),
        tag("button", "Show", class_="button", data_auto=True),
        method="get",
        action=screen.url("tradeoff"),
        class_="toolbar",
    )
    given = {name: value for name, value in chosen.items() if value}
    for value in given.values():
        find_values(screen.snapshot.source, value)
    extra = [make_figure(screen, "hypervolume")] if screen.snapshot.source.objectives > 1 else []
    body = (heading, form, make_figure(screen, "tradeoff", **given), extra, _make_front(screen))
    return page(title, *body, live=screen.url("live"), tabs=tabs, wide=True)


def to_json(screen: Screen, figures: Figures) -> dict[str, Any]:
    """Returns the figure as JSON data, and the names of the numbers that there are."""
    given = {name: screen.query.get(name, "") for name in ("x", "y")}
    drawn = figures.draw(screen.key, screen.snapshot, "tradeoff", given)
    return {"values": list_values(screen.snapshot.source), "figure": to_data(drawn.figure)}


def _make_select(name: str, label: str, names: list[str], chosen: str) -> Markup:
    options = [
        tag("option", "as fits best", value=""),
        *(tag("option", one, value=one, selected=one == chosen) for one in names),
    ]
    return tag("label", label, tag("select", options, name=name), class_="field")


def _make_front(screen: Screen) -> Markup | None:
    front = screen.snapshot.view.front()
    if len(front) < 2:
        return None
    rows = [
        (
            tag("a", trial.id, href=screen.url(f"trial/{trial.id}")),
            *(say_number(one) for one in trial.rewards or ()),
            say_decisions(shorten_decisions(trial.decisions), 200),
        )
        for trial in front[:100]
    ]
    rewards = [f"reward {i}" for i in range(1, len(front[0].rewards or ()) + 1)] or [say_reward(front[0])]
    return make_card(
        f"Pareto front of the rewards: {len(front):,} trials",
        make_table(("trial", *rewards, "decisions"), rows, label="Pareto front"),
        id_="front",
        live=True,
    )
