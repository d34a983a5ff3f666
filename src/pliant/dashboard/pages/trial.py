"""Screen of one trial: its numbers, decisions, learning curve, Python and JSON, files, lineage, and the trials near it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pliant.space import Choice
from pliant.space.points import Point
from pliant.space.text import say_point
from pliant.study.export import decided, trial_to_json
from pliant.study.plot.figure import Axis, Dots, Figure, Line
from pliant.study.plot.svg import to_svg
from pliant.study.trials.artifact import Artifact
from pliant.study.trials.trial import Trial
from pliant.values.errors import PliantError

from ..decided import shorten_decisions
from ..markup import Markup, shorten, tag
from ..numbers import say_bytes, say_number, say_reward, say_seconds, say_time
from ..similar import find_ancestors, find_nearest, find_offspring
from .layout import (
    Screen,
    make_card,
    make_code,
    make_drawing,
    make_heading,
    make_list,
    make_pill,
    make_table,
    make_tabs,
    make_tile,
    page,
    say_decisions,
    to_json_text,
)
from .search import rank

_NEAREST: Final = 8
_TEXTS: Final = (".txt", ".log", ".out", ".err", ".csv", ".json", ".jsonl", ".md", ".yaml", ".yml")
_TEXT_BYTES: Final = 18_000


def show(screen: Screen, trial: Trial, program: str = "", *, has_drawing: bool = False) -> str:
    """Returns the page.

    Args:
      screen: of the study.
      trial: which one.
      program: it as Python, where its space is known.
      has_drawing: whether it can be drawn.
    """
    title = f"Trial {trial.id}"
    steps = tag(
        "nav",
        _step(screen, "Previous", trial.id - 1, "["),
        _step(screen, "Next", trial.id + 1, "]"),
        class_="steps",
        aria_label="Other trials",
    )
    alt = f"The program of trial {trial.id}: what was chosen is filled."
    left = (
        make_drawing(screen, "Architecture" if program else "What was chosen", alt, trial)
        if has_drawing
        else None,
        _make_decisions(trial),
        _make_curve(trial),
        _make_forms(trial, program),
    )
    right = (
        _make_facts(screen, trial),
        _make_files(screen, trial),
        _make_lineage(screen, trial),
        _make_nearest(screen, trial),
        _make_notes(screen, trial),
    )
    heading = make_heading(screen, title, make_pill(trial.status), steps)
    body = (
        heading,
        _make_tiles(screen, trial),
        tag("p", shorten(trial.reason, 4000), class_="fault card") if trial.reason else None,
        tag(
            "div",
            tag("div", left, class_="main"),
            tag("aside", right, class_="side", aria_label="Details"),
            class_="columns",
        ),
    )
    live = screen.url("live") if trial.ended is None else ""
    return page(
        f"{title} · {screen.snapshot.view.name}",
        *body,
        tabs=make_tabs(screen, "trial"),
        wide=True,
        live=live,
    )


def to_json(screen: Screen, trial: Trial, program: str = "") -> dict[str, Any]:
    """Returns the trial as JSON data."""
    return {
        **trial_to_json(trial),
        "params": trial.decisions.params,
        "nas_params_str": trial.decisions.to_params_str(),
        "program": program or None,
        "artifacts": [
            {"name": one.name, "size": one.size, "sha256": one.sha256, "saved": one.saved}
            for one in read_files(trial).values()
        ],
        "nearest": [
            {"trial": other.id, "distance": distance, "reward": other.told}
            for distance, other in find_nearest(screen.snapshot, trial, _NEAREST)
        ],
    }


def read_files(trial: Trial) -> Mapping[str, Artifact]:
    """Returns the artifacts of a trial; none where their place is not known or cannot be read."""
    try:
        return trial.artifacts
    except PliantError:
        return {}


def _step(screen: Screen, name: str, number: int, key: str) -> Markup:
    if not 1 <= number <= screen.snapshot.info.proposed:
        return tag("span", name, class_="button off")
    return tag("a", name, href=screen.url(f"trial/{number}"), class_="button", data_key=key)


def _make_tiles(screen: Screen, trial: Trial) -> Markup:
    source = screen.snapshot.source
    place = rank(source.trials, trial, source.sign)
    told = len(source.told)
    if isinstance(trial.told, tuple):
        rewards = [make_tile(f"Reward {i}", say_number(one)) for i, one in enumerate(trial.told, 1)]
    else:
        note = f"place {place:,} of {told:,}" if place is not None else None
        rewards = [make_tile("Reward", say_reward(trial), note, main=True)]
    metrics = [
        make_tile(shorten(name, 30), say_number(value)) for name, value in list(trial.metrics.items())[:6]
    ]
    tiles = (*rewards, *metrics, make_tile("Time", say_seconds(trial.seconds)))
    return tag(
        "section",
        tag("dl", tiles, class_="tiles"),
        class_="card summary",
        id="summary",
        data_refresh=True,
        aria_label="Numbers",
    )


def _make_decisions(trial: Trial) -> Markup:
    points = trial.decisions.space.points
    rows = [
        (
            tag("span", shorten(name, 80), class_="mono strong"),
            tag("span", shorten(say_number(value), 300), class_="mono value-text"),
            tag("span", _say_range(points[index]), class_="dim"),
        )
        for (name, value), index in zip(trial.decisions.params.items(), trial.decisions.active)
    ]
    return make_card(
        "Decisions", make_table(("decision", "value", "of"), rows, label="Decisions", class_="fixed")
    )


def _say_range(point: Point) -> str:
    if isinstance(point, Choice):
        return f"{point.count} candidates"
    return shorten(say_point(point), 80)


def _make_curve(trial: Trial) -> Markup | None:
    if not trial.reports:
        return None
    steps, rewards = [one.step for one in trial.reports], [one.reward for one in trial.reports]
    figure = Figure(
        "Reports of this trial",
        Axis("step"),
        Axis("reported reward"),
        (Line(steps, rewards, "", "trial"), Dots(steps, rewards, "", "trial", [f"step {say_number(step)}: {say_number(reward)}" for step, reward in zip(steps, rewards)])),
    )  # fmt: skip
    note = "The algorithm asked it to stop early." if trial.should_stop else None
    picture = Markup(to_svg(figure, has_style=False, is_bare=True))
    return make_card(
        "Learning curve",
        tag("div", picture, class_="picture"),
        tag("p", note, class_="dim") if note else None,
        class_="figure",
    )


def _make_forms(trial: Trial, program: str) -> Markup:
    names = decided(trial)
    python = program or "\n".join(["{", *(f"    {name!r}: {value!r}," for name, value in names.items()), "}"])
    label = "Program as Python" if program else "Decisions as Python"
    note = (
        None
        if program
        else tag(
            "p",
            "The program itself: ",
            tag("code", "pg.materialize(space, decisions)"),
            " with the space of your search; ",
            tag("code", "pliant dashboard STUDY --program FILE"),
            " shows it here.",
            class_="dim",
        )
    )
    data = to_json_text(trial_to_json(trial))
    return make_card(
        "As code",
        make_code(python, label),
        note,
        tag(
            "details",
            tag("summary", "As trainers take it: nas_params_str"),
            make_code(trial.decisions.to_params_str(), "nas_params_str"),
        ),
        tag("details", tag("summary", "The trial as JSON"), make_code(data, "JSON")),
        id_="code",
    )


def _make_facts(screen: Screen, trial: Trial) -> Markup:
    pairs: list[tuple[Any, Any]] = [
        ("started", say_time(trial.started)),
        ("ended", say_time(trial.ended)),
        ("worker", shorten(trial.worker or "–", 120)),
        ("attempt", trial.attempts),
    ]
    if trial.cause:
        pairs.append(("cause", trial.cause))
    if trial.origin:
        pairs.append(("origin", shorten(trial.origin, 120)))
    if trial.copied_from is not None:
        link = tag("a", f"trial {trial.copied_from}", href=screen.url(f"trial/{trial.copied_from}"))
        pairs.append(("result of", link))
    again = (
        tag(
            "form",
            tag("input", type="hidden", name="trial", value=trial.id),
            tag("button", "Try again", class_="button"),
            method="post",
            action=screen.url("control/again"),
        )
        if screen.may_control
        else None
    )
    return make_card("About", make_list(pairs), again, id_="about", live=trial.ended is None)


def _make_files(screen: Screen, trial: Trial) -> Markup | None:
    files = read_files(trial)
    if not files:
        return None
    rows = [
        (
            tag("a", shorten(name, 80), href=screen.url(f"trial/{trial.id}/files/{name}"), download=True),
            say_bytes(one.size),
            tag("a", "view", href=screen.url(f"trial/{trial.id}/text/{name}"))
            if name.lower().endswith(_TEXTS)
            else "",
        )
        for name, one in files.items()
    ]
    return make_card(
        "Files",
        make_table(("name", "size", tag("span", "View", class_="hidden")), rows, label="Files that it saved"),
    )


def show_text(screen: Screen, trial: Trial, name: str, path: Path) -> str:
    """Returns a page with the end of a file that a trial saved, such as its log.

    Args:
      screen: of the study.
      trial: which one.
      name: of the file, as the trial gave it.
      path: of the file on this machine.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TEXT_BYTES, 0))
        text = file.read(_TEXT_BYTES).decode("utf-8", "replace")
    note = f"The last {say_bytes(_TEXT_BYTES)} of {say_bytes(size)}." if size > _TEXT_BYTES else None
    back = tag("a", f"Trial {trial.id}", href=screen.url(f"trial/{trial.id}"))
    return page(
        f"{shorten(name, 60)} · trial {trial.id}",
        make_heading(screen, shorten(name, 80)),
        make_card(
            "File of a trial",
            tag("p", back),
            tag("p", note, class_="dim") if note else None,
            make_code(text, "Text"),
        ),
        tabs=make_tabs(screen, "trial"),
        wide=True,
    )


def _make_lineage(screen: Screen, trial: Trial) -> Markup | None:
    ancestors = list(reversed(find_ancestors(screen.snapshot, trial)))
    offspring = find_offspring(screen.snapshot, trial)
    if not ancestors and not offspring:
        return None

    def link(one: Trial) -> Markup:
        said = (tag("span", f"trial {one.id}"), tag("span", say_reward(one), class_="dim"))
        return tag("li", tag("a", said, href=screen.url(f"trial/{one.id}"), class_="chip"))

    return make_card(
        "Lineage",
        tag("p", "Continues", class_="dim") if ancestors else None,
        tag("ol", map(link, ancestors), class_="chips chain") if ancestors else None,
        tag("p", "Continued by", class_="dim") if offspring else None,
        tag("ul", map(link, offspring), class_="chips") if offspring else None,
    )


def _make_nearest(screen: Screen, trial: Trial) -> Markup | None:
    found = find_nearest(screen.snapshot, trial, _NEAREST)
    if not found:
        return None
    own = trial.decisions.params
    rows = []
    for distance, other in found:
        params = other.decisions.params
        short = shorten_decisions(other.decisions)
        changed = {name: short[name] for name, value in params.items() if own.get(name, other) != value}
        rows.append(
            tag(
                "li",
                tag(
                    "div",
                    tag("a", f"trial {other.id}", href=screen.url(f"trial/{other.id}")),
                    tag("span", say_reward(other), class_="value-text"),
                    tag("a", "compare", href=f"{screen.url('compare')}?trial={trial.id}&trial={other.id}", class_="dim"),
                    class_="row",
                ),
                tag("div", say_decisions(changed, 120) if changed else tag("span", "the same decisions", class_="dim")),
                title=f"distance {distance:.2g}",
            )
        )  # fmt: skip
    return make_card("Nearest trials", tag("ul", rows, class_="nearest"))


def _make_notes(screen: Screen, trial: Trial) -> Markup | None:
    lines = [text for _, number, text in screen.snapshot.view.journal() if number == trial.id]
    if not lines:
        return None
    return make_card("Journal", make_code("\n".join(lines)[-15_000:], "Lines about this trial"))
