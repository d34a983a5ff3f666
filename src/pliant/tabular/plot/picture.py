"""``SearchPlot``: the trials of a search as a picture: rewards, errors of the accuracy predictor, and choices over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import final

from pliant.study.plot.shapes import STYLE, Axes, Point, draw_dot, draw_line, draw_note, draw_text, shorten
from pliant.tune.text import say
from pliant.values.errors import FieldValueError, quote
from pliant.values.files import write_atomically

from ..entry import Entry, sort_entries
from .choices import draw_choices

WIDTH = 680
_LEFT, _RIGHT, _FIELD = 64, 14, 170
_NEAR = 5  # trials on each side of a running mean
_PAGE = """<style>body{font:14px system-ui,sans-serif;max-width:720px;margin:2em auto;padding:0 1em}svg{max-width:100%;height:auto}
table{border-collapse:collapse;font-size:12px}td,th{padding:3px 8px;text-align:right;border-bottom:1px solid #8884}
td:last-child,th:last-child{text-align:left}</style>"""
ENDINGS = (".svg", ".html")


@final
@dataclass(frozen=True, slots=True)
class SearchPlot:
    """Picture of a search.  Made by ``TablePredictor.plot``; a notebook shows it.

    Three parts, from the top: the score of each trial and the best so far; where the algorithm predicts scores before trials, as
    ``bananas`` does, the error of each prediction and its running mean; and for each decision, which share of the trials had each
    choice, over time.

    >>> plot = SearchPlot((Entry(1, 0.7, 5, 100, 0.1, 0.0, "linear"), Entry(2, 0.9, 5, 100, 0.1, 1.0, "linear")), "tall", "Accuracy")
    >>> plot.to_svg()[:4], "best so far" in plot.to_svg()
    ('<svg', True)

    Attributes:
      entries: the trials, in any order.
      target: what is predicted.
      metric: the name of the score.
      notes: sentences for the report.
    """

    entries: tuple[Entry, ...]
    target: str
    metric: str
    notes: tuple[str, ...] = ()

    def to_svg(self) -> str:
        """Returns the picture as text in SVG; colors follow the scheme of the reader, light or dark."""
        trials = sorted(self.entries, key=lambda one: one.trial)
        parts, height = [], 0.0
        if not trials:
            parts, height = [draw_text((_LEFT, 24), "No trial has ended.")], 40.0
        for draw in (self._draw_scores, self._draw_errors, draw_choices):
            drawn, size = draw(trials, height) if trials else ([], 0.0)
            parts += drawn
            height += size
        title = f"Search for {shorten(self.target, 60)}: {len(trials)} trials"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="pliant-plot" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}" role="img"><title>{title}</title>'
        )
        ground = f'<rect x="0" y="0" width="{WIDTH}" height="{height:g}" class="ground"/>'
        return "\n".join([head, STYLE, ground, *parts, "</svg>", ""])

    def to_html(self) -> str:
        """Returns a page with the picture, the notes and the leaderboard.  It loads nothing, and has no scripts."""
        names = ("trial", self.metric, "epochs", "parameters", "share", "network")
        return "\n".join(
            [
                "<!doctype html>",
                '<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">',
                f"<title>Search for {shorten(self.target, 60)}</title>",
                f"{_PAGE}</head><body>",
                f"<h1>Search for {shorten(self.target, 60)}</h1>",
                self.to_svg(),
                "<h2>What was decided about the table</h2><ul>",
                *[f"<li>{shorten(note, 500)}</li>" for note in self.notes],
                "</ul><h2>Trials</h2><table>",
                _row("th", names),
                *[_row("td", _cells(one)) for one in sort_entries(self.entries)],
                "</table></body></html>",
                "",
            ]
        )

    def save(self, path: Path | str) -> None:
        """Writes the picture to a file that ends in ``.svg``, or a page with the leaderboard to one that ends in ``.html``.

        Raises:
          FieldValueError: it ends in something else.
          OSError: the file cannot be written.
        """
        path = check_path(path)
        write_atomically(path, self.to_svg() if path.suffix.lower() == ".svg" else self.to_html())

    def _repr_html_(self) -> str:
        return self.to_svg()

    def _draw_scores(self, trials: Sequence[Entry], top: float) -> tuple[list[str], float]:
        told = [(one.trial, one.score) for one in trials if one.score is not None]
        failed = [one.trial for one in trials if one.score is None]
        axes = _make_axes(trials, top, _find_range([score for _, score in told]))
        parts = [draw_text((_LEFT, top + 24), "Score of each trial", "title")]
        parts += axes.draw("trial", f"{self.metric} on validation rows")
        notes = {one.trial: f"trial {one.trial}: {say(one.score)}. {one.network}" for one in trials}
        low = axes.y[0]
        steps: list[Point] = []
        for (x, _), best in zip(told, accumulate([score for _, score in told], max)):
            steps += [*([(x, steps[-1][1])] if steps else []), (x, best)]
        if steps:
            steps.append((axes.x[1], steps[-1][1]))
            parts.append(draw_line([axes.place(*point) for point in steps], "line"))
        parts += [
            _draw_below(axes.place(x, low), notes[x]) if y < low else draw_dot(axes.place(x, y), notes[x])
            for x, y in told
        ]
        parts += [_draw_cross(axes.place(x, low), notes[x]) for x in failed]
        words = [("dot", "trial"), ("line", "best so far")]
        words += [("below", "below the axis")] if any(y < low for _, y in told) else []
        words += [("cross", "failed")] if failed else []
        return [*parts, *_draw_legend(words, top)], _FIELD + 88

    def _draw_errors(self, trials: Sequence[Entry], top: float) -> tuple[list[str], float]:
        errors = [
            (one.trial, abs(one.predicted - one.score))
            for one in trials
            if one.predicted is not None and one.score is not None
        ]
        if not errors:
            return [], 0.0
        axes = _make_axes(trials, top, (0.0, max(error for _, error in errors) * 1.05 or 1.0))
        known = {one.trial: one for one in trials}
        parts = [draw_text((_LEFT, top + 24), "Error of the accuracy predictor", "title")]
        parts += axes.draw("trial", "|predicted - measured|")
        means = []
        for place, (trial, _) in enumerate(errors):
            near = [error for _, error in errors[max(0, place - _NEAR) : place + _NEAR + 1]]
            means.append((trial, sum(near) / len(near)))
        parts.append(draw_line([axes.place(*point) for point in means], "line"))
        for trial, error in errors:
            said = (
                f"trial {trial}: predicted {say(known[trial].predicted)}, measured {say(known[trial].score)}"
            )
            parts.append(draw_dot(axes.place(trial, error), said))
        words = [("dot", "trial"), ("line", f"running mean of {2 * _NEAR + 1}")]
        return [*parts, *_draw_legend(words, top)], _FIELD + 88


def check_path(path: Path | str) -> Path:
    """Returns the path of a picture.

    Raises:
      FieldValueError: it does not end in ``.svg`` or ``.html``.
    """
    found = Path(path)
    if found.suffix.lower() not in ENDINGS:
        raise FieldValueError(
            f"a plot is written to a file that ends in .svg (the picture) or .html (a page with the leaderboard); got {quote(str(path))}."
        )
    return found


def _make_axes(trials: Sequence[Entry], top: float, y: Point) -> Axes:
    last = max(trials[-1].trial, 2)
    return Axes((_LEFT, top + 38), (WIDTH - _LEFT - _RIGHT, _FIELD), (0.5, last + 0.5), y)


def _find_range(scores: Sequence[float]) -> Point:
    """Returns the ends of the axis of scores: all of them, but for those far below the others."""
    if not scores:
        return 0.0, 1.0
    ordered = sorted(scores)
    quarter, half, most = ordered[len(ordered) // 4], ordered[len(ordered) // 2], ordered[-1]
    low = max(ordered[0], quarter - 2 * max(half - quarter, most - half, 1e-3))
    room = max((most - low) * 0.06, 0.01)
    return low - room, most + room


def _draw_below(at: Point, note: str = "") -> str:
    x, y = at
    return f'<path d="M{x - 4:g} {y - 9:g}h8l-4 7z" class="dot">{draw_note(note)}</path>'


def _draw_cross(at: Point, note: str = "") -> str:
    x, y = at
    path = f"M{x - 3.5:.5g} {y - 10:.5g}l7 7m0 -7l-7 7"
    return f'<path d="{path}" class="mark">{draw_note(note)}</path>'


def _draw_legend(words: Sequence[tuple[str, str]], top: float) -> list[str]:
    """Returns the legend of a field, which ends at its right edge."""
    parts, right, height = [], float(WIDTH - _RIGHT), top + 24
    for mark, text in reversed(words):
        right -= 6.3 * len(text)
        parts.append(draw_text((right, height), text, "small"))
        at = (right - 12, height - 4)
        shapes = {"dot": draw_dot(at), "line": draw_line([(right - 22, at[1]), (right - 5, at[1])], "line")}
        shapes |= {"below": _draw_below((at[0], at[1] + 5)), "cross": _draw_cross((at[0], at[1] + 6.5))}
        parts.append(shapes[mark])
        right -= 38
    return parts


def _cells(one: Entry) -> tuple[object, ...]:
    share = f"{one.share:.0%}" if one.share else ""
    text = one.network if one.score is not None else f"failed: {one.reason}"
    return one.trial, say(one.score), one.epochs, f"{one.parameters:,}", share, text


def _row(kind: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{kind}>{shorten(cell, 500)}</{kind}>' for cell in cells)}</tr>"
