"""Screen of the trials as a table: filtered, sorted and divided into pages by the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from pliant.study.export import trial_to_json
from pliant.study.trials.trial import STATUSES, Trial
from pliant.values.errors import FieldValueError

from ..decided import shorten_decisions
from ..markup import Markup, shorten, tag
from ..numbers import say_number, say_seconds
from ..query import Names, Params, parse_filter, sort_trials
from ..reader import Snapshot
from .layout import Screen, make_heading, make_pill, make_tabs, page, say_decisions

SIZE: Final = 50
_COLUMNS: Final = 8  # decisions with a column each
_METRICS: Final = 4


@final
@dataclass(frozen=True, slots=True)
class Found:
    """A page of trials.

    Attributes:
      rows: the trials of the page, with their decisions by name.
      count: how many trials the filter found.
      number: of the page, from 1.
      pages: how many pages there are.
      fault: why the filter or the order cannot be used; empty if they can.
    """

    rows: tuple[tuple[Trial, Params], ...]
    count: int
    number: int
    pages: int
    fault: str = ""


def find_trials(snapshot: Snapshot, text: str, order: str) -> list[tuple[Trial, Params]]:
    """Returns the trials that a filter finds, in an order; the latest first without one.

    Raises:
      FieldValueError: the filter or the order cannot be read.
    """
    names = make_names(snapshot)
    found: list[tuple[Trial, Params]] = list(zip(snapshot.trials, snapshot.params))
    wanted = parse_filter(text, names)
    if text.strip():
        found = [one for one in found if wanted(*one)]
    return sort_trials(found, order, names) if order else found[::-1]


def make_names(snapshot: Snapshot) -> Names:
    """Returns the names that filters of a study may use."""
    decisions = dict.fromkeys(name for params in snapshot.params[-500:] for name in params)
    decisions |= dict.fromkeys(name for params in snapshot.params[:500] for name in params)
    decisions |= dict.fromkeys(point.path for point in snapshot.source.space.points)
    return Names(decisions, _find_metrics(snapshot), snapshot.source.objectives)


def find_page(screen: Screen) -> Found:
    """Returns the page of trials that the address asks for."""
    query = screen.query
    try:
        found = find_trials(screen.snapshot, query.get("filter", ""), query.get("sort", ""))
    except FieldValueError as error:
        return Found((), 0, 1, 1, str(error))
    pages = max(1, -(-len(found) // SIZE))
    text = query.get("page", "1")
    number = min(max(int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 1, 1), pages)
    return Found(tuple(found[(number - 1) * SIZE : number * SIZE]), len(found), number, pages)


def show(screen: Screen, found: Found) -> str:
    """Returns the page of some trials."""
    body = (
        make_heading(screen),
        _make_search(screen),
        tag(
            "form",
            _make_bar(screen, found),
            tag("p", found.fault, class_="fault card", role="alert") if found.fault else _make_table(screen, found),
            _make_pages(screen, found),
            method="get",
            action=screen.url("compare"),
            id="results",
            data_refresh=True,
        ),
    )  # fmt: skip
    return page(
        f"Trials · {screen.snapshot.view.name}",
        *body,
        live=screen.url("live"),
        tabs=make_tabs(screen, "trials"),
        wide=True,
    )


def to_json(screen: Screen) -> dict[str, Any]:
    """Returns the page of trials as JSON data.

    Raises:
      FieldValueError: the filter or the order cannot be read.
    """
    found = find_page(screen)
    if found.fault:
        raise FieldValueError(found.fault)
    return {
        "count": found.count,
        "page": found.number,
        "pages": found.pages,
        "trials": [trial_to_json(trial) for trial, _ in found.rows],
    }


def _find_metrics(snapshot: Snapshot) -> list[str]:
    trials = snapshot.source.trials
    return sorted({name for trial in (*trials[:500], *trials[-500:]) for name in trial.metrics})


def _make_search(screen: Screen) -> Markup:
    query = screen.query
    text = query.get("filter", "")
    counts = screen.snapshot.counts
    chips = [("all", ""), *((status, f"state:{status}") for status in STATUSES if counts[status])]
    links = [
        tag(
            "a",
            name,
            href=screen.url("trials", filter=value, sort=query.get("sort")),
            class_="chip",
            aria_current="true" if value == text.strip() else None,
        )
        for name, value in chips
    ]
    return tag(
        "form",
        tag("label", "Filter", for_="filter", class_="hidden"),
        tag(
            "input",
            id="filter",
            name="filter",
            type="search",
            value=text,
            placeholder="state:failed reward>0.9 op=conv",
            autocomplete="off",
            spellcheck="false",
            maxlength=1000,
            aria_describedby="filter-help",
        ),
        tag("input", type="hidden", name="sort", value=query["sort"]) if query.get("sort") else None,
        tag("button", "Filter", class_="button"),
        tag("div", links, class_="chips", role="group", aria_label="Quick filters"),
        tag(
            "details",
            tag("summary", "How to filter"),
            tag(
                "p",
                "Terms with blanks between them, all of which must hold: ",
                [tag("code", one) for one in ("state:failed", "reward>0.9", "seconds<=2", "op=conv", "-op=conv", 'reason:"out of memory"', "worker:node3")],
                ". Names are those of decisions, metrics, and id, state, reward, seconds, cause, reason, worker, origin, attempts. ",
                "A word alone is looked for everywhere. Text with blanks, and paths with = in them, stand in quotes.",
                id="filter-help",
            ),
        ),
        method="get",
        action=screen.url("trials"),
        class_="search",
        role="search",
    )  # fmt: skip


def _make_bar(screen: Screen, found: Found) -> Markup:
    query = screen.query
    count = f"{found.count:,} trial{'' if found.count == 1 else 's'}"
    text = query.get("filter")
    if text:
        count += f" of {len(screen.snapshot.trials):,}"
    csv = screen.url("trials.csv", filter=text, sort=query.get("sort"))
    return tag(
        "div",
        tag("span", count, role="status", class_="strong"),
        tag(
            "span",
            tag("button", "Compare selected", class_="button", id="compare"),
            tag("a", "Download CSV", href=csv, class_="button", download=True),
            class_="row",
        ),
        class_="table-bar",
    )


def _make_table(screen: Screen, found: Found) -> Markup:
    if not found.rows:
        return tag("p", "No trial is like that.", class_="empty card")
    columns = _find_columns(screen, [trial for trial, _ in found.rows])
    head = [tag("th", tag("span", "Select", class_="hidden"), scope="col")]
    head += [_make_head(screen, name, key) for name, key, *_ in columns]
    rows = [
        tag(
            "tr",
            tag(
                "td",
                tag("input", type="checkbox", name="trial", value=trial.id, aria_label=f"Select trial {trial.id}"),
                class_="check",
            ),
            [tag("td", read(trial, params), class_=kind or None) for _, _, kind, read in columns],
            data_href=screen.url(f"trial/{trial.id}"),
        )
        for trial, params in found.rows
    ]  # fmt: skip
    return tag(
        "div",
        tag("table", tag("thead", tag("tr", head)), tag("tbody", rows), class_="trials"),
        class_="scroll card flush",
        tabindex="0",
        role="region",
        aria_label="Trials",
    )


def _make_head(screen: Screen, name: str, key: str) -> Markup:
    if not key:
        return tag("th", name, scope="col")
    present = screen.query.get("sort", "")
    order = f"-{key}" if present == key else key
    if not present and key == "reward" and screen.snapshot.source.maximize:
        order = "-reward"
    sorting = {key: "ascending", f"-{key}": "descending"}.get(present)
    link = screen.url("trials", filter=screen.query.get("filter"), sort=order)
    return tag("th", tag("a", shorten(name, 40), href=link), scope="col", aria_sort=sorting)


def _find_columns(screen: Screen, trials: Sequence[Trial]) -> list[tuple[str, str, str, Any]]:
    """Returns the columns: name, what it is sorted by, class, and what reads a cell."""
    snapshot = screen.snapshot
    columns: list[tuple[str, str, str, Any]] = [
        ("trial", "id", "n", lambda t, _: tag("a", t.id, href=screen.url(f"trial/{t.id}"))),
        ("state", "state", "", lambda t, _: make_pill(t.status)),
    ]
    count = snapshot.source.objectives
    if count == 1:
        columns.append(("reward", "reward", "n strong", lambda t, _: _say(t.reward)))
    columns += [
        (f"reward {place + 1}", f"reward{place + 1}", "n strong", _read_reward(place))
        for place in range(count if count > 1 else 0)
    ]
    columns += [(name, name, "n", _read_metric(name)) for name in _find_metrics(snapshot)[:_METRICS]]
    columns.append(("time", "seconds", "n", lambda t, _: say_seconds(t.seconds)))
    points = snapshot.source.space.points
    names = [*dict.fromkeys([name for params in snapshot.params[-500:] for name in params])]
    if len(points) <= _COLUMNS:
        columns += [(name, name, "mono", _read_decision(name)) for name in names[:_COLUMNS]]
    else:
        columns.append(("decisions", "", "", lambda t, _: say_decisions(shorten_decisions(t.decisions), 300)))
    if any(trial.reason for trial in trials):
        columns.append(
            ("reason", "reason", "reason", lambda t, _: shorten((t.reason or "").split("\n")[0], 120))
        )
    return columns


def _read_reward(place: int) -> Any:
    return lambda trial, _: _say(trial.rewards[place] if trial.rewards is not None else None)


def _read_metric(name: str) -> Any:
    return lambda trial, _: _say(trial.metrics.get(name))


def _read_decision(name: str) -> Any:
    def read(trial: Trial, params: Params) -> Any:
        if name not in params:
            return ""
        text = say_number(params[name])
        return (
            text
            if len(text) < 25
            else tag("span", shorten_decisions(trial.decisions)[name], title=shorten(text, 300))
        )

    return read


def _say(value: float | None) -> str:
    return "–" if value is None else say_number(value)


def _make_pages(screen: Screen, found: Found) -> Markup | None:
    if found.pages < 2:
        return None
    query = screen.query

    def link(name: str, number: int, key: str) -> Markup:
        if not 1 <= number <= found.pages or number == found.number:
            return tag("span", name, class_="button off")
        url = screen.url("trials", filter=query.get("filter"), sort=query.get("sort"), page=number)
        return tag("a", name, href=url, class_="button", data_key=key or None)

    return tag(
        "nav",
        link("First", 1, ""),
        link("Previous", found.number - 1, "["),
        tag("span", f"Page {found.number:,} of {found.pages:,}", class_="dim"),
        link("Next", found.number + 1, "]"),
        link("Last", found.pages, ""),
        class_="pages",
        aria_label="Pages",
    )
