"""Screen of all studies: a card for each, with its best reward over the trials, state, counts and remaining time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from pliant.study.trials.trial import COMPLETED, FAILED, RUNNING, STOPPED
from pliant.values.errors import PliantError

from ..markup import Markup, shorten, tag
from ..numbers import say_number, say_seconds
from ..progress import Progress, to_data
from ..reader import Reader, Snapshot
from ..runs import RunSnapshot
from .layout import make_pill, page, study_url
from .run import make_run_card

_WIDTH: Final = 240
_HEIGHT: Final = 44
_ORDER: Final = {"running": 0, "paused": 1, "unfinished": 2, "new": 3, "complete": 4}


Measure = Callable[[str, Snapshot], Progress]  # returns the progress of a study, by its name in addresses


def show(
    readers: Sequence[Reader], measure: Measure, runs: Sequence[RunSnapshot | tuple[str, PliantError]] = ()
) -> str:
    """Returns the page.

    Args:
      readers: of the studies.
      measure: returns the progress of one.
      runs: one-shot runs; where a file cannot be read, its name in addresses and the error.
    """
    cards, states = [], []
    for reader in readers:
        try:
            snapshot = reader.look()
        except PliantError as error:
            cards.append((9, reader.key, _make_fault(reader.key, error)))
            continue
        progress = measure(reader.key, snapshot)
        states.append(progress.state)
        cards.append((_ORDER.get(progress.state, 5), reader.key, _make_card(reader.key, snapshot, progress)))
    cards.sort(key=lambda one: one[:2])
    running = states.count("running")
    count = f"{len(readers)} {'study' if len(readers) == 1 else 'studies'}"
    if runs:
        count += f", {len(runs)} one-shot run{'' if len(runs) == 1 else 's'}"
    body: Any = (
        tag("div", [card for *_, card in cards], class_="studies", id="studies", data_refresh=True)
        if cards or runs
        else tag(
            "div",
            tag("h2", "No studies here yet"),
            tag(
                "p",
                "A search makes one: ",
                tag("code", 'pg.sample(space, trials=100, study="search.db")'),
                " or ",
                tag("code", "pliant search FILE --study search.db"),
                ". This page shows it as soon as it exists.",
            ),
            class_="empty card",
            id="studies",
            data_refresh=True,
        )
    )
    note = f"{count}, {running} running" if running else count
    if runs:
        body = (body, _make_runs(runs))
    heading = tag("div", tag("div", tag("h1", "Studies"), tag("span", note, class_="dim", id="count", data_refresh=True), class_="title"), class_="heading")  # fmt: skip
    return page("Studies", heading, body, live="/live")


def to_json(readers: Sequence[Reader], measure: Measure) -> list[dict[str, Any]]:
    """Returns the studies as JSON data."""
    found = []
    for reader in readers:
        try:
            snapshot = reader.look()
            found.append({"key": reader.key, **to_data(snapshot, measure(reader.key, snapshot))})
        except PliantError as error:
            found.append({"key": reader.key, "path": str(reader.place), "fault": str(error)})
    return found


def _make_card(key: str, snapshot: Snapshot, progress: Progress) -> Markup:
    info, counts = snapshot.info, snapshot.counts
    best = progress.curve[-1] if progress.curve else None
    several = snapshot.source.objectives > 1
    name = "best first reward" if several else "best reward"
    done = f"{progress.ended:,}" + (f" of {info.budget:,}" if info.budget is not None else "")
    facts = [f"{done} trials"]
    if counts[RUNNING]:
        facts.append(f"{counts[RUNNING]} running")
    if counts[FAILED]:
        facts.append(f"{counts[FAILED]:,} failed")
    if progress.seconds_left is not None:
        facts.append(f"about {say_seconds(round(progress.seconds_left))} left")
    return tag(
        "article",
        tag(
            "div",
            tag("h2", tag("a", shorten(snapshot.view.name, 60), href=study_url(key))),
            make_pill(progress.state),
            class_="card-head",
        ),
        tag("p", shorten(info.algorithm, 90), class_="dim mono"),
        tag(
            "div",
            tag(
                "div",
                tag("span", "–" if best is None else say_number(best), class_="value"),
                tag("span", name, class_="note"),
                class_="tile",
            ),
            draw_spark(progress.curve, f"Best reward of {snapshot.view.name} over its trials"),
            class_="spark-row",
        ),
        draw_progress(snapshot),
        tag("p", " · ".join(facts), class_="facts"),
        class_="card study",
    )


def _make_runs(runs: Sequence[RunSnapshot | tuple[str, PliantError]]) -> Markup:
    cards = [_make_fault(*one) if isinstance(one, tuple) else make_run_card(one) for one in runs]
    return tag(
        "section",
        tag("h2", "One-shot runs", class_="section"),
        tag("div", cards, class_="studies"),
        id="runs",
        data_refresh=True,
    )


def _make_fault(key: str, error: PliantError) -> Markup:
    return tag(
        "article",
        tag("div", tag("h2", key), make_pill("unreadable"), class_="card-head"),
        tag("p", shorten(error, 600), class_="fault"),
        class_="card study",
    )


def draw_spark(curve: Sequence[float], label: str) -> Markup:
    """Returns a small curve as SVG."""
    if len(curve) < 2:
        return tag("svg", class_="spark", width=_WIDTH, height=_HEIGHT, aria_hidden="true")
    low, high = min(curve), max(curve)
    span = (high - low) or 1.0
    points = [
        (3 + (_WIDTH - 6) * place / (len(curve) - 1), _HEIGHT - 5 - (_HEIGHT - 10) * (value - low) / span)
        for place, value in enumerate(curve)
    ]
    steps = f"M{points[0][0]:.4g} {points[0][1]:.4g}" + "".join(f"H{x:.4g}V{y:.4g}" for x, y in points[1:])
    area = f"{steps}V{_HEIGHT}H{points[0][0]:.4g}Z"
    return tag(
        "svg",
        tag("title", label),
        tag("path", d=area, class_="spark-area"),
        tag("path", d=steps, class_="spark-line"),
        tag("circle", cx=f"{points[-1][0]:.4g}", cy=f"{points[-1][1]:.4g}", r=3, class_="spark-end"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        class_="spark",
        role="img",
    )


def draw_progress(snapshot: Snapshot) -> Markup:
    """Returns a bar of how many trials have which status, of the number of trials that the study is to have."""
    counts = snapshot.counts
    whole = max(snapshot.info.budget or 0, sum(counts.values()), 1)
    at, parts = 0.0, []
    for status in (COMPLETED, STOPPED, FAILED, RUNNING):
        width = 100 * counts[status] / whole
        if width:
            parts.append(tag("rect", x=f"{at:.4g}", y=0, width=f"{width:.4g}", height=6, class_=status))
            at += width
    said = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "no trials"
    return tag(
        "svg",
        tag("title", said),
        tag("rect", x=0, y=0, width=100, height=6, class_="rest"),
        parts,
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        class_="progress",
        role="img",
    )
