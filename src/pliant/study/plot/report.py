"""``Report``: one page about a study, in HTML or Markdown: what was found, how sure that is, figures, failures and settings."""

from __future__ import annotations

import html
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from pliant.space.text import say_size
from pliant.values.text import to_printable

from ..trials.trial import FAILED, RUNNING, StudyInfo, Trial
from .figure import Figure
from .history import expect_best
from .plots import FIGURES, choose
from .source import Source, read_source, say, say_decisions
from .svg import STYLE, to_svg

_TOP = 10
_LONGEST = 300  # letters of a text from a trial
_PAGE: Final = """<style>
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2.5em auto;padding:0 1em;color:#24292f;background:#fff}
h1{font-size:1.6em;margin-bottom:.2em}h2{font-size:1.15em;margin-top:2.2em;border-bottom:1px solid #8884;padding-bottom:.2em}
.lead{font-size:1.1em}.best{font-size:1.9em;font-weight:650;color:#d55e00}.dim{color:#57606a}
svg{max-width:100%;height:auto;margin:.6em 0}pre{background:#8881;padding:.9em;border-radius:6px;overflow-x:auto;font-size:13px}
table{border-collapse:collapse;width:100%;font-size:13px;display:block;overflow-x:auto}
th,td{padding:4px 10px 4px 0;text-align:left;border-bottom:1px solid #8883;vertical-align:top}td.n,th.n{text-align:right}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#14171d}.best{color:#e69f00}.dim{color:#9aa7b4}}
</style>"""


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What a report says.  ``make_report`` makes it; ``to_html`` and ``to_markdown`` write it.

    Attributes:
      title: the name of the study.
      lead: sentences about what was found.
      best: the best reward as text; empty without one, or with several.
      doubts: sentences about how far the result can be trusted.
      winner: names and values of the winner's decisions, or of the first trial of the front.
      code: the winner as Python, where its program is known; else empty.
      drawing: the space with the winner's candidates lit, as SVG; else empty.
      params: the winner's decisions as trainers take them.
      top: the column names, and the best trials.
      failures: reasons, and how many trials failed for each.
      settings: names and texts.
      figures: by name.
    """

    title: str
    lead: tuple[str, ...]
    best: str
    doubts: tuple[str, ...]
    winner: tuple[tuple[str, str], ...]
    code: str
    params: str
    top: tuple[tuple[str, ...], ...]
    failures: tuple[tuple[str, int], ...]
    settings: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, Figure], ...]
    drawing: str = ""


def make_report(
    study: Any,
    write: Callable[[Trial], str] | None = None,
    draw: Callable[[Trial], str] | None = None,
) -> Report:
    """Returns the report of a study or view.

    Args:
      study: a ``View`` or ``Study``.
      write: a function from the best trial to its program as Python; None if it is not known.
      draw: a function from the best trial to its drawing as SVG, which is written as it is.
    """
    source, info = read_source(study), study.info()
    front = study.front()
    winner = front[0] if front else None
    names = choose(source)
    return Report(
        title=source.name,
        lead=tuple(_lead(source, info, front)),
        best=say(winner.reward) if winner is not None and winner.reward is not None else "",
        doubts=tuple(_doubts(source, winner)),
        winner=tuple((name, str(value)) for name, value in winner.decisions.params.items()) if winner else (),
        code=write(winner) if write is not None and winner is not None else "",
        params=winner.decisions.to_params_str() if winner is not None else "",
        top=tuple(_top(source, front)),
        failures=tuple(_failures(source)),
        settings=tuple(_settings(source, info)),
        figures=tuple((name, FIGURES[name](source)) for name in names),
        drawing=draw(winner) if draw is not None and winner is not None else "",
    )


def _lead(source: Source, info: StudyInfo, front: Sequence[Trial]) -> Iterator[str]:
    total, told = len(source.trials), len(source.told)
    running = sum(trial.status == RUNNING for trial in source.trials)
    state = "complete" if info.is_complete else f"unfinished, {running} running" if running else "unfinished"
    yield f"{_count(total, 'trial')} of {info.algorithm} in a space of size {say_size(source.space.size)}; {state}."
    if not front:
        yield "No trial has a reward yet."
    elif front[0].rewards is None:
        yield f"The best is trial {front[0].id} of {_count(told, 'trial')} with a reward."
    else:
        yield f"{_count(len(front), 'trial')} of {told} are on the Pareto front: no other trial is better in one reward and not worse in the others."


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _doubts(source: Source, winner: Trial | None) -> Iterator[str]:
    rewards = [float(trial.reward) for trial in source.told if trial.reward is not None]
    if winner is None or winner.reward is None or len(rewards) < 2:
        yield "There are too few trials with a reward to say how sure this is."
        return
    ordered = sorted((source.sign * one for one in rewards), reverse=True)
    middle = source.sign * ordered[len(ordered) // 2]
    yield f"The median trial reached {say(middle)}, the first one {say(rewards[0])}."
    if len(rewards) >= 20:
        tenth = len(rewards) // 10
        first = max(source.sign * one for one in rewards[:tenth])
        yield f"The best of the first {tenth} trials was {say(source.sign * first)}: that is what a tenth of the trials would have found."
        places, expected = expect_best([source.sign * one for one in rewards])
        half = min(range(len(places)), key=lambda i: abs(places[i] - len(rewards) // 2))
        yield f"If the trials had come in a random order, {places[half]} of them would have found {say(source.sign * expected[half])} on average."
    if len(ordered) >= 10:
        leaders = ordered[:10]
        yield f"The ten best lie between {say(source.sign * leaders[-1])} and {say(source.sign * leaders[0])}."
    spread = _repeat_spread(source)
    if spread is not None:
        yield f"Equal decisions were evaluated several times; their rewards differ by a standard deviation of {say(spread)}."
    else:
        yield "No decisions were evaluated twice, so the noise of a reward is not known."
    yield "The best of many noisy rewards is too high on average: evaluate the winner again, on data that the search has not used."


def _repeat_spread(source: Source) -> float | None:
    """Returns the pooled standard deviation of rewards of equal decisions; None where no decisions were evaluated twice."""
    groups: dict[Any, list[float]] = {}
    for trial in source.told:
        if trial.reward is not None and trial.copied_from is None and trial.parent is None:
            groups.setdefault(trial.decisions, []).append(trial.reward)
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return None
    return math.sqrt(
        sum((len(group) - 1) * statistics.variance(group) for group in several)
        / sum(len(group) - 1 for group in several)
    )


def _top(source: Source, front: Sequence[Trial]) -> Iterator[tuple[str, ...]]:
    if source.objectives > 1:
        trials, rewards = list(front)[:_TOP], [f"reward {place + 1}" for place in range(source.objectives)]
    else:
        trials = sorted(source.told, key=lambda one: (-source.sign * float(one.reward or 0.0), one.id))[:_TOP]
        rewards = ["reward"]
    metrics = sorted({name for trial in trials for name in trial.metrics})[:4]
    yield ("trial", *rewards, *metrics, "seconds", "decisions")
    for trial in trials:
        told = trial.rewards if trial.rewards is not None else (trial.reward,)
        yield (
            str(trial.id),
            *(say(one) if one is not None else "" for one in told),
            *(say(trial.metrics[name]) if name in trial.metrics else "" for name in metrics),
            f"{trial.seconds:.1f}" if trial.seconds is not None else "",
            say_decisions(trial),
        )


def _failures(source: Source) -> Iterator[tuple[str, int]]:
    reasons = Counter(
        (trial.reason or str(trial.cause)).splitlines()[0]
        for trial in source.trials
        if trial.status == FAILED
    )
    yield from reasons.most_common(_TOP)


def _settings(source: Source, info: StudyInfo) -> Iterator[tuple[str, str]]:
    yield "algorithm", info.algorithm
    yield "goal", "higher rewards" if source.maximize else "lower rewards"
    yield "budget", f"{info.budget} trials" if info.budget is not None else "no limit"
    yield "constraints", "; ".join(source.constraints) or "none"
    yield "decision points", str(len(source.space.points))
    yield "programs in the space", say_size(source.space.size)
    yield "fingerprint of the space", info.fingerprint
    yield "made", info.created
    total = sum(trial.seconds or 0.0 for trial in source.trials)
    yield "time of all trials", f"{total / 3600:.1f} h" if total >= 7200 else f"{total:.1f} s"


# ------------------------------------------------------------------ writing


def to_html(report: Report) -> str:
    """Returns the report as one page: it loads nothing and has no scripts; texts of trials are escaped."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_escape(report.title)}</title>{_PAGE}{STYLE}</head><body>",
        f"<h1>{_escape(report.title)}</h1>",
        *(f'<p class="lead">{_escape(one)}</p>' for one in report.lead),
        *(
            [f'<p><span class="best">{_escape(report.best)}</span> <span class="dim">best reward</span></p>']
            if report.best
            else []
        ),
    ]
    if report.winner:
        parts += ["<h2>The winner</h2>", _table([("decision", "value"), *report.winner])]
        if report.drawing:
            parts.append(report.drawing)
        if report.code:
            parts.append(f"<p>As Python:</p><pre>{_escape(report.code, 20_000)}</pre>")
        parts.append(f'<p class="dim">As trainers take it:</p><pre>{_escape(report.params, 20_000)}</pre>')
    parts += [
        "<h2>How sure is this?</h2>",
        "<ul>",
        *(f"<li>{_escape(one)}</li>" for one in report.doubts),
        "</ul>",
    ]
    parts.append("<h2>Figures</h2>")
    parts += [to_svg(figure, has_style=False) for _, figure in report.figures]
    if len(report.top) > 1:
        parts += ["<h2>Best trials</h2>", _table(report.top)]
    if report.failures:
        rows = [("trials", "reason"), *((str(count), reason) for reason, count in report.failures)]
        parts += ["<h2>Failures</h2>", _table(rows)]
    parts += ["<h2>Settings</h2>", _table([("setting", "value"), *report.settings]), "</body></html>", ""]
    return "\n".join(parts)


def _escape(text: object, limit: int = _LONGEST) -> str:
    plain = to_printable(text, keep="\n")
    return html.escape(plain if len(plain) <= limit else f"{plain[: limit - 1]}…")


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows

    def write(kind: str, row: Sequence[str]) -> str:
        return f"<tr>{''.join(f'<{kind}>{_escape(cell)}</{kind}>' for cell in row)}</tr>"

    return "\n".join(["<table>", write("th", head), *(write("td", row) for row in body), "</table>"])


def to_markdown(report: Report, pictures: Sequence[str], drawing: str = "") -> str:
    """Returns the report as Markdown.

    Args:
      report: what it says.
      pictures: the file of each figure, in their order, as links are to name them.
      drawing: the file of the winner's drawing; empty without one.
    """
    parts = [f"# {_mark(report.title)}", "", *(_mark(one) for one in report.lead)]
    if report.best:
        parts += ["", f"**Best reward: {report.best}**"]
    if report.winner:
        parts += ["", "## The winner", "", *_rows([("decision", "value"), *report.winner])]
        if drawing:
            parts += ["", f"![The winner]({drawing})"]
        if report.code:
            parts += ["", "```python", report.code.replace("```", "` ` `"), "```"]
    parts += [
        "",
        "## How sure is this?",
        "",
        *(f"- {_mark(one)}" for one in report.doubts),
        "",
        "## Figures",
        "",
    ]
    parts += [
        f"![{_mark(figure.title)}]({link})\n"
        for (_, figure), link in zip(report.figures, pictures, strict=True)
    ]
    if len(report.top) > 1:
        parts += ["## Best trials", "", *_rows(report.top), ""]
    if report.failures:
        rows = [("trials", "reason"), *((str(count), reason) for reason, count in report.failures)]
        parts += ["## Failures", "", *_rows(rows), ""]
    return "\n".join([*parts, "## Settings", "", *_rows([("setting", "value"), *report.settings]), ""])


def _mark(text: object) -> str:
    """Returns text for Markdown: nothing in it is a mark or a tag."""
    plain = to_printable(text)[:_LONGEST]
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>()#|!~$" else one for one in plain)


def _rows(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(map(_mark, row))} |" for row in rows]
    return [lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]]
