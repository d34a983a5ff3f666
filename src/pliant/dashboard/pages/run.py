"""Screen of a one-shot run: the training of a super-network, the probabilities of its candidates, and how well it ranks networks."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, Final

from pliant.study.plot.training import choose, say_choice
from pliant.values.record import Record

from ..markup import Markup, shorten, tag
from ..numbers import say_number, say_seconds
from ..runs import RunSnapshot
from .layout import make_card, make_pill, make_place, make_table, make_tile, page

DESCRIPTIONS: Final = {
    "losses": "The mean loss of the shared weights, and the quality of the network that was trained last.",
    "probabilities": "The darker, the more probable. A decision that stays even was not made.",
    "entropy": "How undecided the search is; it falls as candidates win.",
    "ranks": "Each dot is a network. Inherited weights are a good guide where the dots rise from left to right.",
}
_ROWS: Final = 100
_METRICS: Final = 4


def show(snapshot: RunSnapshot) -> str:
    """Returns the page."""
    run = snapshot.run
    name = shorten(snapshot.path.name, 80)
    pill = tag("span", make_pill(say_state(snapshot)), id="state", data_refresh=True)
    heading = tag(
        "div",
        tag("nav", tag("a", "Studies", href="/"), class_="trail", aria_label="Where this is"),
        tag("div", tag("h1", name), pill, class_="title"),
        tag("p", shorten(run.sampler, 200), class_="dim mono"),
        class_="heading",
    )
    if not run.records:
        hint = tag("p", "No epoch has ended yet; figures appear with the first one.")
        return page(name, heading, tag("div", hint, class_="empty card", id="figures", data_refresh=True), live=f"/r/{snapshot.key}/live")  # fmt: skip
    names = choose(run)
    figures = [make_place(f"/r/{snapshot.key}/figure/{one}", one) for one in names]
    body = (
        heading,
        _make_tiles(snapshot),
        tag(
            "div",
            tag("div", figures, class_="main"),
            tag("aside", _make_choices(run.records[-1], run.candidates), _make_about(snapshot), class_="side", aria_label="Details"),
            class_="columns",
        ),
    )  # fmt: skip
    return page(name, *body, live=f"/r/{snapshot.key}/live", wide=True)


def to_json(snapshot: RunSnapshot) -> dict[str, Any]:
    """Returns the run as JSON data, with the numbers of its last epoch."""
    run = snapshot.run
    last = run.records[-1] if run.records else None
    found: dict[str, Any] = {
        "key": snapshot.key,
        "path": str(snapshot.path),
        "state": say_state(snapshot),
        "sampler": run.sampler,
        "epoch": None if last is None else last.epoch,
        "epochs": None if last is None else last.epochs,
        "figures": choose(run),
        "tau": None if run.ranks is None else run.ranks.tau,
    }
    if last is not None:
        numbers = {
            name: getattr(last, name) for name in ("loss", "quality", "learning_rate", "seconds")
        } | last.metrics
        found["last"] = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        found["leading"] = last.leading
        found["probabilities"] = {key: list(row) for key, row in last.probabilities.items()}
    return found


def say_state(snapshot: RunSnapshot) -> str:
    """Returns ``new``, ``unfinished`` or ``complete``: whether a process trains is not in its file."""
    return "complete" if snapshot.is_complete else "unfinished" if snapshot.run.records else "new"


def make_run_card(snapshot: RunSnapshot) -> Markup:
    """Returns the card of a run among those of all studies."""
    run = snapshot.run
    last = run.records[-1] if run.records else None
    facts = [f"epoch {last.epoch} of {last.epochs}", f"loss {_say(last.loss)}", f"quality {_say(last.quality)}"] if last else ["no epoch yet"]  # fmt: skip
    return tag(
        "article",
        tag(
            "div",
            tag("h2", tag("a", shorten(snapshot.path.name, 60), href=f"/r/{snapshot.key}")),
            make_pill(say_state(snapshot)),
            class_="card-head",
        ),
        tag("p", shorten(run.sampler, 90), class_="dim mono"),
        tag("p", " · ".join(facts), class_="facts"),
        class_="card study",
    )


def _make_tiles(snapshot: RunSnapshot) -> Markup:
    records = snapshot.run.records
    last = records[-1]
    recent = [one.seconds for one in records[-10:] if math.isfinite(one.seconds)]
    mean = sum(recent) / len(recent) if recent else None
    left = None if mean is None or snapshot.is_complete else mean * max(last.epochs - last.epoch, 0)
    ranks = snapshot.run.ranks
    metrics = list(last.metrics.items())[:_METRICS]
    return tag(
        "section",
        tag(
            "dl",
            make_tile("Epoch", f"{last.epoch:,}", f"of {last.epochs:,}", main=True),
            make_tile("Loss", _say(last.loss)),
            make_tile("Quality", _say(last.quality)),
            [make_tile(shorten(name, 30), _say(value)) for name, value in metrics],
            make_tile("Kendall's tau", _say(ranks.tau), f"{len(ranks.alone)} networks") if ranks else None,
            make_tile("Epoch takes", say_seconds(mean)),
            None if left is None else make_tile("Time left", say_seconds(round(left)), "of training"),
            class_="tiles",
        ),
        class_="card summary",
        id="summary",
        data_refresh=True,
        aria_label="Progress",
    )


def _make_choices(last: Record, candidates: Any) -> Markup:
    if last.probabilities:
        rows: Sequence[Any] = [
            (
                tag("span", shorten(key, 60), class_="mono strong"),
                tag("span", shorten(name, 60), class_="mono"),
                f"{share:.0%}",
                f"{share - other:.0%}",
            )
            for key in list(last.probabilities)[:_ROWS]
            for name, share, other in [say_choice(last, key, candidates)]
        ]
        head: Sequence[str] = ("decision", "leads", "with", "ahead by")
        count = len(last.probabilities)
    else:
        rows = [
            (
                tag("span", shorten(key, 60), class_="mono strong"),
                tag("span", shorten(text, 80), class_="mono"),
            )
            for key, text in list(last.leading.items())[:_ROWS]
        ]
        head, count = ("decision", "best so far"), len(last.leading)
    more = tag("p", f"{count - _ROWS:,} more decisions.", class_="dim") if count > _ROWS else None
    body = make_table(head, rows, label="Decisions") if rows else tag("p", "Not known yet.", class_="dim")
    return make_card("Decisions now", body, more, id_="decisions", live=True)


def _make_about(snapshot: RunSnapshot) -> Markup:
    ago = max(round(time.time() - snapshot.changed), 0)
    words = f"Last written {say_seconds(ago)} ago." if ago else "Written just now."
    return make_card(
        "About",
        tag("p", words, class_="dim"),
        tag("p", "The quality is that of shared weights on validation data. Train the winner alone, and test it on data that the search never saw.", class_="dim"),
        id_="about",
        live=True,
    )  # fmt: skip


def _say(value: float) -> str:
    return say_number(value) if math.isfinite(value) else "–"
