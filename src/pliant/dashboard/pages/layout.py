"""What all screens share: the frame of a page, tabs, and small parts such as tiles, figures and tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final
from urllib.parse import quote as to_url
from urllib.parse import urlencode

from pliant.study.trials.trial import Trial

from ..figures import Drawn
from ..markup import Markup, escape, shorten, tag
from ..progress import Progress
from ..reader import Snapshot

TABS: Final = (
    ("", "Search", "s"),
    ("trials", "Trials", "t"),
    ("decisions", "Decisions", "d"),
    ("tradeoff", "Trade-off", "o"),
)
_KEYS: Final = (
    ("/", "filter trials"),
    ("j and k", "next and previous row of a table"),
    ("Enter", "open the trial of the row"),
    ("x", "select the row; c compares the selected trials"),
    ("[ and ]", "previous and next trial, or page"),
    ("g, then h", "all studies"),
    ("g, then s t d o", "search, trials, decisions, trade-off of the study"),
    ("?", "this list"),
)
DESCRIPTIONS: Final = {
    "history": "Each dot is a trial. Above the dashed line, the search does better than the same trials in a random order.",
    "throughput": "How many trials had ended, over time.",
    "tradeoff": "Each dot is a trial; no other trial beats those on the front in both numbers.",
    "hypervolume": "How much of the space of rewards the front covers.",
    "choices": "What the search tried, from its first trials to its last ones.",
    "effects": "The mean over the trials with each candidate. An algorithm that learns does not try candidates at random.",
    "importance": "How much of the differences between trials each decision explains by itself.",
    "parallel": "A line for each trial, through what it decided.",
    "curves": "What trials reported while they ran.",
    "lineage": "Which trial continued which.",
    "predicted": "On the dashed line, the prediction was right.",
}


@final
@dataclass(frozen=True, slots=True)
class Screen:
    """What a screen of a study shows, and for which user.

    Attributes:
      key: the name of the study in addresses.
      snapshot: the study.
      progress: how far it is.
      may_control: whether this user may change the study.
      asks_control: whether a user with the token may.
      query: what the address asks for.
    """

    key: str
    snapshot: Snapshot
    progress: Progress
    may_control: bool = False
    asks_control: bool = False
    query: Mapping[str, str] = field(default_factory=dict)

    def url(self, path: str = "", **query: Any) -> str:
        """Returns the address of a part of the study."""
        return study_url(self.key, path, **query)


def study_url(key: str, path: str = "", **query: Any) -> str:
    """Returns an address in a study; values that are None or empty are left out.

    >>> study_url("digits", "trials", filter="op=conv", page=None)
    '/s/digits/trials?filter=op%3Dconv'
    """
    parts = [(name, value) for name, value in query.items() if value not in (None, "")]
    whole = f"/s/{key}" + (f"/{to_url(path)}" if path else "")
    return whole + (f"?{urlencode(parts)}" if parts else "")


def page(title: str, *body: Any, live: str = "", tabs: Markup | None = None, wide: bool = False) -> str:
    """Returns a whole page.

    Args:
      title: of the browser's tab.
      *body: what it shows.
      live: the address of the events after which the page is read again; empty for none.
      tabs: links to the other screens of the study.
      wide: whether it uses the whole width of the window.
    """
    body_tag = tag(
        "body",
        tag("a", "Skip to the content", href="#main", class_="skip"),
        _make_bar(tabs),
        tag("main", body, id="main", class_="wide" if wide else None, tabindex="-1"),
        _make_keys(),
        data_live=live or None,
    )
    return f"<!doctype html>\n{tag('html', _make_head(title), body_tag, lang='en')}\n"


def _make_head(title: str) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{shorten(title, 100)} · Pliant"),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="/static/dashboard.css"),
        tag("script", src="/static/dashboard.js"),
    )


def _make_bar(tabs: Markup | None) -> Markup:
    icon = tag("img", src="/static/icon.svg", alt="", width=22, height=22)
    theme = "Change between light and dark"
    tools = tag(
        "div",
        tag("span", "", id="live", class_="live", role="status"),
        tag("button", "Theme", type="button", id="theme", class_="quiet", aria_label=f"Theme: {theme}"),
        tag("button", "?", type="button", id="keys-open", class_="quiet", aria_label="? Keyboard shortcuts"),
        class_="tools",
    )
    inside = tag("div", tag("a", icon, "Pliant", href="/", class_="brand"), tabs, tools, class_="inside")
    return tag("header", inside, class_="bar")


def _make_keys() -> Markup:
    rows = [tag("div", tag("dt", tag("kbd", key)), tag("dd", what)) for key, what in _KEYS]
    return tag(
        "dialog",
        tag("h2", "Keyboard", id="keys-title"),
        tag("dl", rows, class_="keys"),
        tag("form", tag("button", "Close", class_="button"), method="dialog"),
        id="keys",
        aria_labelledby="keys-title",
    )


def make_tabs(screen: Screen, current: str) -> Markup:
    """Returns links to the screens of a study."""
    links = [
        tag(
            "a",
            name,
            href=screen.url(path),
            aria_current="page" if path == current else None,
            data_key=letter,
        )
        for path, name, letter in TABS
    ]
    return tag("nav", links, class_="tabs", aria_label="Screens of the study")


def make_heading(screen: Screen, title: Any = None, *more: Any) -> Markup:
    """Returns the heading of a screen: where it is, and its title; without one, the name and the state of the study."""
    name = screen.snapshot.view.name
    trail = [tag("a", "Studies", href="/")]
    if title is not None:
        trail += [tag("span", "/", aria_hidden="true"), tag("a", shorten(name, 60), href=screen.url())]
    pill = (
        tag("span", make_pill(screen.progress.state), id="state", data_refresh=True)
        if title is None
        else None
    )
    return tag(
        "div",
        tag("nav", trail, class_="trail", aria_label="Where this is"),
        tag("div", tag("h1", shorten(name, 80) if title is None else title), pill, more, class_="title"),
        class_="heading",
    )


def make_pill(state: str) -> Markup:
    """Returns the state of a study or of a trial as a small label."""
    return tag("span", state, class_=f"pill {state}")


def make_tile(name: str, value: Any, note: Any = None, *, main: bool = False) -> Markup:
    """Returns a number with its name."""
    return tag(
        "div",
        tag("dt", name),
        tag("dd", tag("span", value, class_="value"), tag("span", note, class_="note") if note else None),
        class_="tile main" if main else "tile",
    )


def make_figure(screen: Screen, name: str, **options: str) -> Markup:
    """Returns the place of a figure, which the browser asks for at its width; without scripts, an image of it."""
    return make_place(
        screen.url(f"figure/{name}", **options), name, screen.url(f"figure/{name}.svg", **options)
    )


def make_place(url: str, name: str, image: str = "") -> Markup:
    """Returns the place of a figure at an address; ``image`` is that of its picture, if it is not the same with ``.svg``."""
    return tag(
        "figure",
        tag("div", tag("p", "Drawing …", class_="dim"), class_="picture"),
        tag("noscript", tag("img", src=image or f"{url}.svg", alt=f"The figure {name}.")),
        data_figure=url,
        class_=f"card figure {name}",
        id=f"figure-{name}",
    )


def make_drawing(screen: Screen, title: str, alt: str, *trials: Trial) -> Markup:
    """Returns the drawing of a trial, or of the difference of two; the browser asks for it in the scheme of the page."""
    url = f"{screen.url('drawing.svg')}?{'&'.join(f'trial={one.id}' for one in trials)}"
    image = tag("img", src=url, alt=alt, data_drawing=url)
    return make_card(
        title,
        tag("div", image, class_="drawing", tabindex="0", role="region", aria_label=title),
        id_="drawing",
    )


def show_figure(drawn: Drawn, description: str, notes: Iterable[str]) -> str:
    """Returns the inside of the place of a figure: heading, legend, picture, notes."""
    legend = tag("ul", [tag("li", Markup(mark), label) for label, mark in drawn.legend], class_="legend")
    return (
        tag("figcaption", tag("h2", drawn.figure.title), tag("p", description, class_="dim"))
        + (legend if drawn.legend else "")
        + tag("div", Markup(drawn.svg), class_="picture")
        + tag("div", [tag("p", note) for note in notes], class_="notes dim")
    )


def make_card(title: str, *body: Any, class_: str = "", id_: str | None = None, live: bool = False) -> Markup:
    """Returns a part of a screen with a heading; as ``live`` it is replaced when the study changes."""
    return tag(
        "section",
        tag("h2", title),
        body,
        class_=f"card {class_}".strip(),
        id=id_,
        data_refresh=live,
    )


def make_list(pairs: Iterable[tuple[Any, Any]]) -> Markup:
    """Returns names and values below each other."""
    return tag(
        "dl",
        [
            tag("div", tag("dt", name), tag("dd", value), class_="long" if len(str(value)) > 60 else None)
            for name, value in pairs
        ],
        class_="pairs",
    )


def make_table(head: Sequence[Any], rows: Iterable[Sequence[Any]], *, label: str, class_: str = "") -> Markup:
    """Returns a table; numbers are aligned at the right."""
    lines = [
        tag("tr", [tag("td", cell, class_="n" if _is_number(cell) else None) for cell in row]) for row in rows
    ]
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", [tag("th", name, scope="col") for name in head])),
            tag("tbody", lines),
            class_=class_ or None,
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=label,
    )


def make_code(text: str, label: str) -> Markup:
    """Returns text to copy."""
    return tag(
        "div",
        tag("div", tag("span", label), tag("button", "Copy", type="button", class_="quiet", data_copy=True), class_="code-head"),
        tag("pre", tag("code", text), tabindex="0", role="region", aria_label=label),
        class_="code",
    )  # fmt: skip


def say_decisions(params: Mapping[str, str], limit: int = 400) -> Markup:
    """Returns decisions as a line of names and values."""
    parts: list[Markup] = []
    left = limit
    for name, value in params.items():
        text = shorten(value, 60)
        left -= len(name) + len(text)
        if left < 0:
            parts.append(escape("…"))
            break
        parts.append(
            tag(
                "span", tag("span", shorten(name, 60), class_="k"), tag("span", text, class_="v"), class_="kv"
            )
        )
    return tag("span", parts, class_="decisions")


def to_json_text(data: Any) -> str:
    """Returns data as JSON for people."""
    return json.dumps(data, indent=2, default=str)


def _is_number(cell: Any) -> bool:
    if isinstance(cell, Markup):
        return False
    text = str(cell).replace(",", "").replace("%", "").strip()
    return bool(text) and (
        text == "–" or text.lstrip("-+").replace(".", "", 1).replace("e-", "", 1).isdecimal()
    )
