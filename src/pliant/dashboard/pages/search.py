"""Screen of one search: progress, figures, best trials, running trials by worker, failures by reason, settings, and control."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from pliant.space.text import say_size
from pliant.study.trials.trial import FAILED, RUNNING, STOPPED, Trial

from ..decided import shorten_decisions
from ..figures import Figures
from ..markup import Markup, shorten, tag
from ..numbers import say_number, say_rate, say_reward, say_seconds, say_time
from ..progress import to_data
from .layout import (
    Screen,
    make_card,
    make_figure,
    make_heading,
    make_list,
    make_table,
    make_tabs,
    make_tile,
    page,
    say_decisions,
)
from .studies import draw_progress

_BEST: Final = 6
_RUNNING: Final = 30
_LINES: Final = 12
_WIDE: Final = {"history", "hypervolume"}
_ELSEWHERE: Final = {"importance", "effects", "choices", "parallel", "tradeoff"}  # screens of their own


def show(screen: Screen, figures: Figures, message: str = "") -> str:
    """Returns the page; ``message`` says what a form did."""
    names = figures.choose(screen.key, screen.snapshot)
    wide = [name for name in names if name in _WIDE]
    small = [name for name in names if name not in _WIDE | _ELSEWHERE]
    if "importance" in names:
        small.insert(0, "importance")
    if "tradeoff" in names:
        small.insert(1, "tradeoff")
    body = (
        make_heading(screen),
        tag("p", message, class_="message", role="status") if message else None,
        _make_tiles(screen),
        tag(
            "div",
            tag("div", [make_figure(screen, name) for name in wide], _make_best(screen), tag("div", [make_figure(screen, name) for name in small], class_="pair"), class_="main"),
            tag("aside", _make_control(screen), _make_running(screen), _make_failures(screen), _make_settings(screen), _make_journal(screen), class_="side", aria_label="Details"),
            class_="columns",
        ),
    )  # fmt: skip
    return page(
        screen.snapshot.view.name, *body, live=screen.url("live"), tabs=make_tabs(screen, ""), wide=True
    )


def to_json(screen: Screen) -> dict[str, Any]:
    """Returns what the screen shows as JSON data."""
    snapshot = screen.snapshot
    return {
        **to_data(snapshot, screen.progress),
        "workers": [
            {"name": one.name, "leads": one.leads, "trials": list(one.trials), "since": one.since}
            for one in snapshot.workers
        ],
        "failures": [
            {"cause": cause, "reason": reason, "count": count}
            for cause, reason, count in screen.progress.reasons
        ],
    }


def _make_tiles(screen: Screen) -> Markup:
    snapshot, progress = screen.snapshot, screen.progress
    info, counts, view = snapshot.info, snapshot.counts, snapshot.view
    front = view.front()
    best = front[0] if front else None
    if best is None:
        first = make_tile("Best reward", "–", "no trial has a reward yet", main=True)
    elif best.rewards is None:
        link = tag("a", f"trial {best.id}", href=screen.url(f"trial/{best.id}"))
        first = make_tile("Best reward", say_reward(best), link, main=True)
    else:
        link = tag("a", "see the front", href=screen.url("tradeoff"))
        first = make_tile("On the front", f"{len(front):,}", link, main=True)
    done = f"of {info.budget:,}" if info.budget is not None else "no limit"
    count = len(snapshot.workers)
    processes = f"{count} process{'' if count == 1 else 'es'}" if count else None
    return tag(
        "section",
        tag(
            "dl",
            first,
            make_tile("Trials", f"{progress.ended:,}", done),
            make_tile("Running", counts[RUNNING], processes),
            make_tile("Failed", f"{counts[FAILED]:,}", _say_share(counts[FAILED], progress.ended)),
            make_tile("Stopped early", f"{counts[STOPPED]:,}") if counts[STOPPED] else None,
            make_tile("Rate", say_rate(progress.rate), f"median trial {say_seconds(progress.median_seconds)}"),
            make_tile("Time left", say_seconds(None if progress.seconds_left is None else round(progress.seconds_left)), None),
            class_="tiles",
        ),
        draw_progress(snapshot),
        None if snapshot.is_whole else tag("p", f"Reading trials: {len(snapshot.trials):,} of {info.proposed:,}.", class_="facts"),
        class_="card summary",
        id="summary",
        data_refresh=True,
        aria_label="Progress",
    )  # fmt: skip


def _say_share(part: int, whole: int) -> str | None:
    return f"{part / whole:.1%} of trials" if part and whole else None


def _make_best(screen: Screen) -> Markup:
    snapshot = screen.snapshot
    several = snapshot.source.objectives > 1
    trials = snapshot.view.front()[:_BEST] if several else snapshot.view.best(_BEST)
    if not trials:
        return make_card(
            "Best trials",
            tag("p", "No trial has a reward yet.", class_="dim"),
            id_="best",
            live=True,
        )
    metrics = sorted({name for trial in trials for name in trial.metrics})[:2]
    rows = [
        (
            tag("a", trial.id, href=screen.url(f"trial/{trial.id}")),
            say_reward(trial),
            *(say_number(trial.metrics[name]) if name in trial.metrics else "–" for name in metrics),
            say_decisions(shorten_decisions(trial.decisions), 200),
        )
        for trial in trials
    ]
    title = "First of the Pareto front" if several else "Best trials"
    table = make_table(("trial", "reward", *metrics, "decisions"), rows, label=title)
    order = None if several else ("-reward" if snapshot.source.maximize else "reward")
    more = tag("a", "All trials", href=screen.url("trials", sort=order), class_="more")
    return make_card(title, table, more, id_="best", live=True)


def _make_running(screen: Screen) -> Markup:
    snapshot = screen.snapshot
    parts: list[Markup] = []
    left = _RUNNING
    for worker in snapshot.workers:
        trials = worker.trials[: max(left, 0)]
        left -= len(trials)
        links = [tag("a", f"trial {one}", href=screen.url(f"trial/{one}"), class_="chip") for one in trials]
        for_long = _say_since(worker.since)
        note = " · ".join(
            one for one in ("leads" if worker.leads else "", f"for {for_long}" if for_long else "") if one
        )
        parts.append(
            tag(
                "li",
                tag(
                    "div",
                    tag("span", shorten(worker.name, 60), class_="name"),
                    tag("span", note, class_="dim"),
                ),
                tag("div", links or tag("span", "waits", class_="dim"), class_="chips"),
            )
        )
    body = (
        tag("ul", parts, class_="workers")
        if parts
        else tag("p", "No process works on this study.", class_="dim")
    )
    return make_card("Running now", body, id_="running", live=True)


def _say_since(text: str | None) -> str:
    if text is None:
        return ""
    return say_seconds(max(round((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()), 0))


def _make_failures(screen: Screen) -> Markup | None:
    reasons = screen.progress.reasons
    if not reasons:
        return tag("div", id="failures", data_refresh=True)
    rows = [
        tag(
            "li",
            tag(
                "a",
                tag("span", f"{count:,}", class_="count"),
                tag(
                    "span",
                    shorten(reason, 120),
                    tag("span", cause, class_="dim") if cause else None,
                    class_="reason",
                ),
                href=screen.url("trials", filter=f'state:failed reason:"{_to_term(reason)}"'),
            ),
        )
        for cause, reason, count in reasons
    ]
    return make_card("Failures by reason", tag("ul", rows, class_="reasons"), id_="failures", live=True)


def _to_term(reason: str) -> str:
    """Returns the part of a reason that a filter can look for."""
    return reason.split('"')[0][:80].strip() or reason.strip('"').split('"')[0][:80]


def _make_settings(screen: Screen) -> Markup:
    snapshot = screen.snapshot
    info, space = snapshot.info, snapshot.source.space
    pairs: list[tuple[Any, Any]] = [
        ("algorithm", tag("span", shorten(info.algorithm, 200), class_="mono")),
        ("goal", "higher rewards" if info.maximize else "lower rewards"),
        ("limit", f"{info.budget:,} trials" if info.budget is not None else "none"),
        ("decisions", len(space.points)),
        ("size of the space", say_size(space.size)),
        ("made", say_time(info.created)),
        ("writer", shorten(info.holder, 120) if info.holder else "none"),
        ("place", tag("span", shorten(info.path, 200), class_="mono")),
    ]
    if info.constraints:
        pairs.insert(2, ("constraints", ", ".join(info.constraints)))
    if info.queued:
        pairs.insert(3, ("enqueued", info.queued))
    return make_card("Settings", make_list(pairs), id_="settings", live=True)


def _make_journal(screen: Screen) -> Markup | None:
    lines = screen.snapshot.view.journal()[-_LINES:]
    rows = [
        tag(
            "li",
            tag("time", say_time(time), datetime=time, class_="dim"),
            tag("a", f"trial {trial}", href=screen.url(f"trial/{trial}")) if trial is not None else None,
            tag("span", shorten(text, 300)),
        )
        for time, trial, text in reversed(lines)
    ]
    return (
        make_card("Journal", tag("ol", rows, class_="journal"), id_="journal", live=True)
        if rows
        else tag("div", id="journal", data_refresh=True)
    )


def _make_control(screen: Screen) -> Markup | None:
    if screen.progress.state == "complete" and not screen.may_control:
        return None
    if not screen.may_control:
        if not screen.asks_control:
            return None
        note = "Open the address that the command printed, with its token, to pause or stop this search, or to change its limit."
        return make_card("Control", tag("p", note, class_="dim"), id_="control")
    info = screen.snapshot.info
    limit = tag(
        "form",
        tag("label", "Number of trials", for_="limit"),
        tag(
            "div",
            tag("input", id="limit", name="trials", type="number", min=max(info.proposed, 1), max=2147483647, required=True, value=info.budget or info.proposed or 1),
            tag("button", "Set", class_="button"),
            class_="row",
        ),
        method="post",
        action=screen.url("control/limit"),
    )  # fmt: skip
    stop = tag(
        "details",
        tag("summary", "Stop this search", class_="button"),
        tag(
            "p",
            "No more trials are proposed, and those that run are finished. To go on later, raise the number and start the search again.",
            class_="dim",
        ),
        tag(
            "form",
            tag("button", "Stop now", class_="button danger"),
            method="post",
            action=screen.url("control/stop"),
        ),
    )
    state = screen.progress.state
    form = _make_pause(screen, is_paused=state == "paused") if state != "complete" else None
    pause = tag("div", form, id="pause", data_refresh=True)
    is_over = state in ("complete", "new") or not info.proposed
    return make_card("Control", pause, limit, None if is_over else stop, id_="control", class_="control")


def _make_pause(screen: Screen, *, is_paused: bool) -> Markup:
    action, name = ("resume", "Resume this search") if is_paused else ("pause", "Pause this search")
    note = f"No trials are handed out since {say_time(screen.snapshot.info.paused)}." if is_paused else None
    return tag(
        "form",
        tag("p", note, class_="dim") if note else None,
        tag("button", name, class_="button main" if is_paused else "button"),
        method="post",
        action=screen.url(f"control/{action}"),
    )


def rank(trials: tuple[Trial, ...], trial: Trial, sign: float) -> int | None:
    """Returns the place of a trial among those with a reward, from 1; None without a reward."""
    if trial.reward is None:
        return None
    own = sign * trial.reward
    return 1 + sum(one.reward is not None and sign * one.reward > own for one in trials)
