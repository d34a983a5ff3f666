"""Writes a scene as SVG: everything is escaped, nothing is loaded, and colors follow the reader's scheme, or are light or dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import hypot
from typing import Final
from xml.sax.saxutils import escape

from pliant.study.plot.axes import COLORS
from pliant.study.plot.svg import DARK
from pliant.values.text import to_printable

from .scene import Point, Scene, Shape, Wire, Words

_INK = (
    "#24292f",
    "#57606a",
    "#fff",
    "#f6f8fa",
    "#afb8c1",
    "#6e7781",
)  # text, faint text, ground, tint, border, wire
_NIGHT = ("#e6edf3", "#9aa7b4", "#1e2129", "#262b35", "#4d5665", "#8b98a5")


def _rules(ink: Sequence[str], colors: dict[str, str]) -> str:
    """Returns the colors of a scheme.  A choice is blue, what was added blue, what was removed or changed orange and pink: with signs."""
    text, faint, ground, tint, border, wire = ink
    open_, removed, changed = colors["trial"], colors["best"], colors["stopped"]
    roles = {"added": open_, "removed": removed, "changed": changed}
    found = (
        f"{{background:{ground}}}text{{fill:{text}}}.t-label,.t-text{{fill:{faint}}}.ground{{fill:{ground}}}"
        f".frame{{fill:{tint};stroke:{border}}}.odd{{fill:{ground}}}.box,.node{{fill:{ground};stroke:{border}}}"
        f".chip{{fill:{tint};stroke:{border}}}.open{{stroke:{open_}}}.chip.open{{fill:{open_};fill-opacity:.09}}"
        f".wire{{stroke:{wire}}}.head{{fill:{wire}}}.t-times{{fill:{open_}}}"
        f".frame.lit,.box.lit,.node.lit{{stroke:{open_}}}"
        f".chip.lit{{fill:{open_};fill-opacity:1;stroke:{open_}}}text.t-chip.lit{{fill:{ground};font-weight:600}}"
        + "".join(
            f"rect.{role}{{stroke:{color}}}.box.{role},.frame.{role},.node.{role},.chip.{role}{{fill:{color};fill-opacity:.13}}"
            f".wire.{role}{{stroke:{color}}}.head.{role}{{fill:{color};stroke:none}}"
            for role, color in roles.items()
        )
    )
    rules = [rule.split("{") for rule in found.split("}") if rule]
    scoped = (
        ",".join(f".pliant-drawing {one}".rstrip() for one in names.split(",")) + f"{{{body}}}"
        for names, body in rules
    )
    return "".join(scoped)


_SHAPES: Final = (
    ".pliant-drawing text{font:11.5px system-ui,sans-serif}.pliant-drawing .t-title{font-size:13px;font-weight:600}"
    ".pliant-drawing .t-times{font-size:13px;font-weight:700}.pliant-drawing .t-head{font-size:15px;font-weight:600}"
    ".pliant-drawing .middle{text-anchor:middle}.pliant-drawing .wire{fill:none;stroke-width:1.3}"
    ".pliant-drawing rect.dim,.pliant-drawing .wire.dim,.pliant-drawing path.dim{opacity:.45}.pliant-drawing text.dim{opacity:.5}"
    ".pliant-drawing .open{stroke-dasharray:4 3}.pliant-drawing .chip.open{stroke-dasharray:none}"
    ".pliant-drawing .frame.lit,.pliant-drawing .box.lit,.pliant-drawing .node.lit{stroke-width:2.2}"
    ".pliant-drawing rect.removed,.pliant-drawing .wire.removed{stroke-dasharray:5 3}.pliant-drawing text.t-chip.removed{text-decoration:line-through}"
)
SCHEMES: Final = ("light", "dark")


def make_style(scheme: str | None) -> str:
    """Returns the style of a drawing: in one scheme, or in the reader's."""
    if scheme is not None:
        return f"<style>{_SHAPES}{_rules(_NIGHT, DARK) if scheme == 'dark' else _rules(_INK, COLORS)}</style>"
    night = f"@media (prefers-color-scheme:dark){{{_rules(_NIGHT, DARK)}}}"
    return f"<style>{_SHAPES}{_rules(_INK, COLORS)}{night}</style>"


def to_svg(
    scene: Scene, title: str, legend: Sequence[tuple[str, str]] = (), *, scheme: str | None = None
) -> str:
    """Returns a scene as text in SVG.

    >>> to_svg(Scene((10.0, 10.0), (), (), ()), "a < b")[:31]
    '<svg xmlns="http://www.w3.org/2'

    Args:
      scene: what is drawn.
      title: read aloud to those who cannot see it.
      legend: roles of chips, and what they mean.
      scheme: ``light`` or ``dark``; None for the reader's.
    """
    width, height = scene.size
    below = 26.0 if legend else 0.0
    if legend:
        width = max(width, sum(7.0 * len(text) + 44 for _, text in legend) + 16)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pliant-drawing" viewBox="0 0 {width:.0f} {height + below:.0f}" '
        f'width="{width:.0f}" height="{height + below:.0f}" role="img"><title>{_escape(title, 200)}</title>'
    )
    ground = f'<rect x="0" y="0" width="{width:.0f}" height="{height + below:.0f}" class="ground"/>'
    parts = [head, make_style(scheme), ground]
    parts += [_draw_shape(shape) for shape in scene.shapes if shape.kind == "frame"]
    for wire in scene.wires:
        parts += _draw_wire(wire)
    parts += [_draw_shape(shape) for shape in scene.shapes if shape.kind != "frame"]
    parts += [_draw_words(words) for words in scene.words]
    parts += _draw_legend(legend, scene.size[1] + 4)
    return "\n".join([*parts, "</svg>", ""])


def _escape(text: object, limit: int = 700) -> str:
    """Returns text for XML: printable, shortened, with its marks escaped."""
    plain = to_printable(text, keep="\n")
    return escape(plain if len(plain) <= limit else f"{plain[: limit - 1]}…", {'"': "&quot;"})


def _draw_shape(shape: Shape) -> str:
    (x, y), (wide, high) = shape.corner, shape.size
    round_ = min(high / 2, 9.0) if shape.kind in ("chip", "node") else 6.0
    odd = " odd" if shape.kind == "frame" and shape.depth % 2 else ""
    kinds = f"{shape.kind}{odd}{' open' if shape.is_open else ''}{'' if shape.role == 'plain' else f' {shape.role}'}"
    note = f"<title>{_escape(shape.note)}</title>" if shape.note else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="{round_:.1f}" class="{kinds}">{note}</rect>'


def _draw_words(words: Words) -> str:
    kinds = f"t-{words.kind}{' middle' if words.is_middle else ''}{'' if words.role == 'plain' else f' {words.role}'}"
    x, y = words.at
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kinds}">{_escape(words.text, 200)}</text>'


def _draw_wire(wire: Wire) -> Iterator[str]:
    points = wire.points
    role = f"{'' if wire.role == 'plain' else f' {wire.role}'}{' open' if wire.is_open else ''}"
    if not wire.is_curve or len(points) < 2:
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        before = points[-2] if len(points) > 1 else points[-1]
    else:
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (a, b), (c, d) in pairwise(points):
            half = (d - b) / 2
            path += f"C{a:.1f} {b + half:.1f} {c:.1f} {d - half:.1f} {c:.1f} {d:.1f}"
        before = (points[-1][0], points[-1][1] - 1)
    yield f'<path d="{path}" class="wire{role}"/>'
    if wire.has_head:
        yield _draw_head(before, points[-1], role)


def _draw_head(start: Point, end: Point, role: str) -> str:
    length = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    x, y = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    corners = [end] + [(end[0] - 7 * x + s * 3.5 * y, end[1] - 7 * y - s * 3.5 * x) for s in (1, -1)]
    return f'<path d="M{"L".join(f"{a:.1f} {b:.1f}" for a, b in corners)}z" class="head{role}"/>'


def _draw_legend(legend: Sequence[tuple[str, str]], top: float) -> Iterator[str]:
    x = 16.0
    for role, text in legend:
        yield f'<rect x="{x:.1f}" y="{top:.1f}" width="22" height="13" rx="6" class="chip {role}"/>'
        yield f'<text x="{x + 28:.1f}" y="{top + 11:.1f}" class="t-label">{_escape(text)}</text>'
        x += 7.0 * len(text) + 44
