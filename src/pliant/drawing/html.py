"""Writes programs, spaces, decisions, trials, studies and searches as HTML, which notebooks show; everything is escaped.

``values.text.to_html`` calls ``to_html`` of this module, so that the classes need not know of drawings.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pliant.hyper.hole import Hole
from pliant.hyper.template import template_of
from pliant.space import Decisions, Space
from pliant.space.text import say_size
from pliant.study import Trial, View
from pliant.study.plot.plots import FIGURES, choose
from pliant.study.plot.source import read_source, say, say_decisions
from pliant.study.plot.svg import to_svg
from pliant.symbolic.read.compare import node_class
from pliant.symbolic.read.text import fields, one_line
from pliant.symbolic.tree.node import ATOMS, Node, children
from pliant.values.text import to_printable

from .blocks import walk
from .picture import Drawing, draw
from .reading import has_hole, is_structure
from .space import read_space

_VALUE, _LONGEST = 160, 2000  # characters of a value, and of a text
_ITEMS, _NODES, _OPEN = 60, 1500, 2  # items of a node, nodes of a tree, levels that are open
_ROWS, _BEST, _DOTS = 40, 5, 3000  # decision points, best trials, and trials of a figure that are shown
_BLOCKS = 400  # of a drawing that is shown
_STYLE = (
    "<style>.pliant-html{font:13px/1.5 system-ui,sans-serif}.pliant-html summary{cursor:pointer}"
    ".pliant-html details,.pliant-html .leaf{margin-left:1.1em}.pliant-html>details{margin-left:0}"
    ".pliant-html code{font-size:12px}.pliant-html .dim{opacity:.65}.pliant-html table{font:inherit;border-collapse:collapse;margin:.4em 0}"
    ".pliant-html th,.pliant-html td{text-align:left;padding:2px 12px 2px 0;border-bottom:1px solid #8884;vertical-align:top}"
    ".pliant-html .pick{border:1px solid #8886;border-radius:9px;padding:0 7px;margin-right:3px;white-space:nowrap;display:inline-block}"
    ".pliant-html .big{font-size:1.5em;font-weight:650}.pliant-html .figure{overflow-x:auto}</style>"
)


def to_html(value: Any) -> str | None:
    """Returns a value as HTML; None if it is of another kind, or cannot be shown.

    >>> import pliant as pg
    >>> "&lt;b&gt;" in to_html(pg.Dict(text="<b>"))
    True
    """
    try:
        body = _write(value)
    except Exception:  # noqa: BLE001 - of a half-made program; the notebook then shows its text
        return None
    return f'<div class="pliant-html">{_STYLE}{body}</div>'


def _write(value: Any) -> str:
    if isinstance(value, Space):
        return _show_space(value)
    if isinstance(value, Decisions):
        return _table(("decision", "value"), value.params.items())
    if isinstance(value, Trial):
        return _show_trial(value)
    if isinstance(value, View):
        counts = value.counts()
        return _show_search(value, counts, _find_best(value), value.name)
    if isinstance(value, Node):
        return _show_program(value)
    trials = value.trials
    counts = {"trials": len(trials), "failed": sum(trial.reason is not None for trial in trials)}
    sign = -1 if value.maximize else 1
    told = [(sign * one.reward, one.id, one) for one in trials if one.reward is not None]
    best = [one for *_, one in sorted(told)[:_BEST]] or ([] if value.best is None else [value.best])
    return _show_search(value, counts, best, f"search, {value.ended or 'unfinished'}")


def _escape(text: object, limit: int = _LONGEST) -> str:
    plain = to_printable(text)
    return html.escape(plain if len(plain) <= limit else f"{plain[: limit - 1]}…")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{_escape(one)}</th>" for one in head)
    body = "".join(f"<tr>{''.join(f'<td>{_escape(one, _VALUE)}</td>' for one in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _fold(title: str, body: str, *, is_open: bool = False) -> str:
    """Returns something that is shown after a click; the title is HTML."""
    return f"<details{' open' if is_open else ''}><summary>{title}</summary>{body}</details>"


# ---------------------------------------------------------------------- programs and spaces


def _show_program(value: Any) -> str:
    """Returns a program as a tree; one with holes with its size, decisions and drawing."""
    parts, is_space = [], has_hole(value)
    if is_space:
        parts.append(_show_size(template_of(value).space))
    if isinstance(value, Hole) or is_structure(value) or is_space:
        drawing = _try_drawing(value)
        if drawing is not None:
            parts.append(_fold("drawing", f'<div class="figure">{drawing.svg}</div>', is_open=is_space))
    count = [_NODES]
    parts.append("".join(_tree("", value, 0, count)))
    return "".join(parts)


def _try_drawing(value: Any) -> Drawing | None:
    """Returns the drawing of a program; None for one of too many blocks."""
    drawing = draw(value)
    return drawing if sum(1 for _ in walk(drawing.block)) <= _BLOCKS else None


def _show_size(space: Space) -> str:
    points = len(space.points)
    return f"<p>Space of size <b>{_escape(say_size(space.size))}</b>, {points} decision point{'' if points == 1 else 's'}</p>"


def _show_space(space: Space) -> str:
    """Returns the size of an abstract space and its decision points."""
    rows = read_space(space).rows
    lines = []
    for row, point in zip(rows[:_ROWS], space.points):
        picks = "".join(f'<span class="pick">{_escape(chip.text)}</span>' for chip in row.chips)
        lines.append(
            f"<tr><td>{_escape(row.name, _VALUE)}</td><td>{_escape(point.kind)}</td><td>{picks}</td></tr>"
        )
    more = f'<p class="dim">and {len(rows) - _ROWS} more</p>' if len(rows) > _ROWS else ""
    table = f"<table><tr><th>decision</th><th>kind</th><th>values</th></tr>{''.join(lines)}</table>{more}"
    return _show_size(space) + (table if rows else "")


def _tree(key: object, value: Any, depth: int, left: list[int]) -> Iterator[str]:
    """Yields a value as a tree; of ``left[0]`` nodes at most."""
    left[0] -= 1
    name = f'<span class="dim">{_escape(key, 60)} = </span>' if key != "" else ""
    items = None if value.__class__ in ATOMS or isinstance(value, str) else children(value)
    if items is None or not _is_deep(items):
        yield f'<div class="leaf">{name}<code>{_escape(one_line(value, max_length=_VALUE))}</code></div>'
        return
    if left[0] < 0:
        yield f'<div class="leaf dim">{name}…</div>'
        return
    is_object = isinstance(value, Node) and not isinstance(value, (list, dict))
    title = node_class(value).__name__ if is_object else type(value).__name__
    shown = list(fields(value, hide_default_values=True)) if is_object else items
    inner = "".join("".join(_tree(k, v, depth + 1, left)) for k, v in shown[:_ITEMS])
    if len(shown) > _ITEMS:
        inner += f'<div class="leaf dim">and {len(shown) - _ITEMS} more</div>'
    yield _fold(
        f'{name}<b>{_escape(title)}</b> <span class="dim">{len(shown)}</span>', inner, is_open=depth < _OPEN
    )


def _is_deep(items: Sequence[tuple[Any, Any]]) -> bool:
    """Returns whether children are worth a level of their own: one of them has children, or there are many."""
    return len(items) > 4 or any(one.__class__ not in ATOMS and children(one) is not None for _, one in items)


# ---------------------------------------------------------------------- trials and searches


def _show_trial(trial: Trial) -> str:
    rows = [("status", trial.status)]
    rows += [("reward", say(trial.reward))] if trial.reward is not None else []
    rows += [("rewards", ", ".join(map(say, trial.rewards)))] if trial.rewards is not None else []
    rows += [("reason", trial.reason)] if trial.reason else []
    rows += [("seconds", f"{trial.seconds:.1f}")] if trial.seconds is not None else []
    rows += [(name, say(number)) for name, number in trial.metrics.items()]
    table = _table((f"trial {trial.id}", ""), rows)
    return table + _table(("decision", "value"), trial.decisions.params.items())


def _say_reward(trial: Trial) -> str:
    return "" if trial.told is None else ", ".join(map(say, trial.rewards or (trial.reward or 0.0,)))


def _find_best(view: View) -> list[Trial]:
    """Returns the best trials of a study; with several objectives, some of the front."""
    front = view.front()
    return front[:_BEST] if not front or front[0].rewards is not None else view.best(_BEST)


def _show_search(search: Any, counts: dict[str, int], best: Sequence[Trial], title: str) -> str:
    """Returns the numbers of trials, the best ones, and the history of a search."""
    said = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)
    parts = [f"<p><b>{_escape(title)}</b>: {_escape(said or 'no trials yet')}</p>"]
    if best and best[0].reward is not None:
        parts.append(
            f'<p><span class="big">{say(best[0].reward)}</span> <span class="dim">best reward</span></p>'
        )
    if best:
        rows = [(one.id, _say_reward(one), say_decisions(one)) for one in best]
        parts.append(_table(("trial", "reward", "decisions"), rows))
    if 1 < sum(counts.values()) <= _DOTS and best:
        source = read_source(search)
        name = choose(source)[0]
        drawn = f'<div class="figure">{to_svg(FIGURES[name](source))}</div>'
        parts.append(_fold(name, drawn, is_open=True))
    return "".join(parts)
